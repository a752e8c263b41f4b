"""Finding who handed in what, in a folder or a zip as learning platforms export them.

Nobody vouches for anything in there, names included. No symbolic link is followed, nothing is unpacked onto the disk,
and no notebook is dropped without a word: what cannot be read becomes a submission that says why.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from coursekit.grading.files import printable
from coursekit.grading.notebook import BadNotebook, read_bytes

MANY = 20
"""More notebooks of one student than these are not marked one by one."""
_MEMBERS = 10_000  # of a zip that a student made
_LONGEST_NAME = 100
_NOTEBOOK = re.compile(r"(?P<stem>.*)\.ipynb(\.txt|\.json)?", re.IGNORECASE | re.DOTALL)
_IGNORED = ("__MACOSX", ".ipynb_checkpoints")
_PLATFORMS = (
    re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_", re.DOTALL),  # Moodle
    re.compile(r"(?P<name>[^_]+)_(LATE_)?(?P<id>\d+)_\d+_.", re.DOTALL),  # Canvas
    re.compile(r"(?P<id>\d+-\d+) - (?P<name>.+?) - .*\d{4}", re.DOTALL),  # Brightspace
)


@dataclass(frozen=True)
class Submission:
    """What one student handed in."""

    student: str
    """In printable characters; no two submissions have the same."""
    path: str
    """Where it was found, relative to what was searched."""
    read: Callable[[], bytes]
    """The notebook file; raises BadNotebook where there is none."""
    remark: str = ""
    """What else the student handed in."""


@dataclass(frozen=True)
class _File:
    parts: tuple[str, ...]  # of its path; a zip is a folder
    path: str
    kind: str  # notebook, problem (there may be a notebook behind it), other
    read: Callable[[], bytes]


def find(path: Path, exercise: str, largest: int, skipped: Path | None = None) -> list[Submission]:
    """Everybody's notebook.

    The student is the first folder below those that all notebooks have in common, or the name of the file where there
    are no such folders; names that Moodle, Canvas, Brightspace and nbgrader give are understood. Of several notebooks
    the one named after the exercise counts; where that is not exactly one, each is a submission of `student/path`.

    Parameters
    ----------
    path
        A folder, a zip, or one notebook. Zips inside it are opened, those inside these are not.
    exercise
        Its name, `family/exercise`.
    largest
        How many bytes a notebook may have.
    skipped
        A folder that is not searched.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    ValueError
        If it is a zip that cannot be read.
    """
    if path.is_dir():
        files = list(_in_folder(path, largest, skipped))
    elif path.suffix.lower() == ".zip" and path.is_file():
        archive = _opened(lambda: ZipFile(path))
        if archive is None:
            raise ValueError(f"{path} cannot be read as a zip")
        files = list(_in_zip(lambda: archive, (), "", largest, nested=False))
    elif path.exists():
        files = [_File((path.name,), path.name, "notebook", partial(read_bytes, path, largest))]
    else:
        raise FileNotFoundError(f"there is no {path}")
    return sorted(_submissions(files, exercise), key=lambda submission: submission.student)


def _in_folder(root: Path, largest: int, skipped: Path | None) -> Iterator[_File]:
    stack: list[tuple[tuple[str, ...], Path]] = [((), root)]
    while stack:
        parts, folder = stack.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise
            yield _problem(parts, "/".join(parts), f"its folder cannot be read ({type(error).__name__})")
            continue
        for entry in entries:
            inside, name = Path(entry.path), "/".join((*parts, entry.name))
            if _ignored(entry.name) or (skipped is not None and inside.absolute() == skipped.absolute()):
                continue
            if entry.is_symlink():
                if _may_hold_notebooks(entry.name) or entry.is_dir():
                    yield _problem((*parts, entry.name), name, "it is a symbolic link")
            elif entry.is_dir():
                stack.append(((*parts, entry.name), inside))
            elif _is_zip(entry.name) and entry.is_file():
                archive, where = partial(ZipFile, inside), (*parts, entry.name[:-4])
                yield from _in_zip(archive, where, f"{name}/", largest, nested=True)
            else:
                yield _file((*parts, entry.name), name, partial(read_bytes, inside, largest))


def _in_zip(
    archive: Callable[[], ZipFile], parts: tuple[str, ...], path: str, largest: int, *, nested: bool
) -> Iterator[_File]:
    opened = _opened(archive)
    members = opened.infolist() if opened is not None else []
    if opened is None or (nested and len(members) > _MEMBERS):
        reason = "cannot be read" if opened is None else f"has {len(members)} files; at most {_MEMBERS} are looked at"
        yield _problem((*parts, ""), path.removesuffix("/"), f"its zip {reason}")
        return
    for member in members:
        pieces = member.filename.replace("\\", "/").split("/")
        name, where = f"{path}{member.filename}", (*parts, *(piece for piece in pieces if piece not in ("", ".")))
        if member.is_dir() or not pieces[-1] or any(map(_ignored, pieces)):
            continue
        absolute = not pieces[0] or re.fullmatch("[A-Za-z]:.*", pieces[0]) is not None
        if absolute or ".." in pieces:
            if _may_hold_notebooks(pieces[-1]):
                yield _problem((*parts, name), name, "its path leads out of the zip")
        elif stat.S_ISLNK(member.external_attr >> 16):
            yield _problem(where, name, "it is a symbolic link")
        elif not _is_zip(pieces[-1]):
            yield _file(where, name, partial(_unpacked, archive, member, largest))
        elif nested:
            yield _problem(where, name, "it is a zip inside a zip of the student's")
        else:
            inner = partial(_inner, archive, member, 3 * largest)
            yield from _in_zip(inner, (*where[:-1], where[-1][:-4]), f"{name}/", largest, nested=True)


def _opened(archive: Callable[[], ZipFile]) -> ZipFile | None:
    try:
        return archive()
    except Exception:  # what a damaged or hostile zip raises has no common base
        return None


def _inner(archive: Callable[[], ZipFile], member: ZipInfo, largest: int) -> ZipFile:
    return ZipFile(io.BytesIO(_unpacked(archive, member, largest)))


def _unpacked(archive: Callable[[], ZipFile], member: ZipInfo, largest: int) -> bytes:
    """The content of a member of at most ``largest`` bytes, whatever its headers say; BadNotebook for anything else."""
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # the others are unpacked without a bound
        raise BadNotebook("it is packed into its zip in an unusual way")
    try:
        with archive().open(member) as file:
            content = file.read(largest + 1)
    except Exception as error:
        raise BadNotebook(f"it cannot be read from its zip ({type(error).__name__})") from None
    if len(content) > largest:
        raise BadNotebook(f"it has more than {largest} bytes")
    return content


def _file(parts: tuple[str, ...], path: str, read: Callable[[], bytes]) -> _File:
    return _File(parts, path, "notebook" if _NOTEBOOK.fullmatch(parts[-1]) else "other", read)


def _problem(parts: tuple[str, ...], path: str, reason: str) -> _File:
    return _File(parts, path, "problem", partial(_refused, reason))


def _refused(reason: str) -> bytes:
    raise BadNotebook(reason)


def _ignored(name: str) -> bool:
    return name in _IGNORED or name.startswith("._")


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _may_hold_notebooks(name: str) -> bool:
    return _is_zip(name) or _NOTEBOOK.fullmatch(name) is not None


def _submissions(files: list[_File], exercise: str) -> Iterator[Submission]:
    """One submission for each student, or for each notebook where it is not clear which one counts."""
    notebooks = [file.parts for file in files if file.kind == "notebook" and _by_platform(file.parts) is None]
    common = _common_folders(notebooks, exercise)
    flat = all(len(parts) == len(common) + 1 for parts in notebooks)
    groups: dict[tuple[str, str], list[tuple[str, _File]]] = {}
    for file in files:
        owner = _by_platform(file.parts)
        if owner is None and (file.kind != "other" or not flat):
            owner = _by_folder(file, common)
        if owner is not None:
            name, number, rest = owner
            groups.setdefault((name, number), []).append((rest, file))
    namesakes = Counter(name for name, _ in groups)
    taken: Counter[str] = Counter()
    for (name, number), group in groups.items():
        student = _short(printable(f"{name}_{number}" if number and namesakes[name] > 1 else name))
        for submission in _of_one(student, group, exercise):
            taken[submission.student] += 1
            again = taken[submission.student]
            yield submission if again == 1 else replace(submission, student=f"{submission.student} ({again})")


def _common_folders(notebooks: list[tuple[str, ...]], exercise: str) -> tuple[str, ...]:
    """The folders that all notebooks have in common; for a single one, those above its student's."""
    folders = [parts[:-1] for parts in notebooks]
    if len(folders) == 1 and folders[0] and _is_about(exercise, notebooks[0][-1]):
        (folder,) = folders
        while len(folder) > 1 and _plain(folder[-1]) == _plain(exercise.split("/")[-1]):  # nbgrader's own layout
            folder = folder[:-1]
        return folder[:-1]
    return tuple(os.path.commonprefix(folders))


def _by_platform(parts: tuple[str, ...]) -> tuple[str, str, str] | None:
    """Name, number and the rest of the path, where a learning platform wrote them into it."""
    for index, part in enumerate(parts):
        rest = "/".join(parts[index + 1 :]) or part
        for platform in _PLATFORMS:
            if match := platform.match(part):
                return match["name"], match["id"], rest
        if part == "submitted" and index + 2 < len(parts):  # nbgrader
            return parts[index + 1], "", "/".join(parts[index + 2 :])
    return None


def _by_folder(file: _File, common: tuple[str, ...]) -> tuple[str, str, str] | None:
    """Name, no number and the rest of the path; None for a file that is nobody's."""
    rest = file.parts[len(common) :]
    if file.parts[: len(common)] != common or not rest:
        return (file.path, "", file.parts[-1]) if file.kind == "problem" else None
    if len(rest) > 1:
        return rest[0], "", "/".join(rest[1:])
    match = _NOTEBOOK.fullmatch(rest[0])
    return None if file.kind == "other" else ((match and match["stem"]) or rest[0], "", rest[0])


def _of_one(student: str, group: list[tuple[str, _File]], exercise: str) -> Iterator[Submission]:
    notebooks = [(rest, file) for rest, file in group if file.kind == "notebook"]
    problems = [(rest, file) for rest, file in group if file.kind == "problem"]
    named = [(rest, file) for rest, file in notebooks if _is_about(exercise, file.parts[-1])]
    chosen = notebooks if len(notebooks) == 1 else named if len(named) == 1 else []
    chosen = chosen or (problems[:1] if not notebooks else [])
    if chosen:
        ((_, file),) = chosen
        others = [printable(other.path) for _, other in notebooks + problems if other is not file]
        shown = ", ".join(others[:MANY]) + (" and more" if len(others) > MANY else "")
        yield Submission(student, printable(file.path), file.read, f"not marked: {shown}" if others else "")
    elif not notebooks:
        yield Submission(student, printable(group[0][1].path), partial(_refused, "there is none among the files"))
    elif len(notebooks) > MANY:
        reason = f"it is not clear which of {len(notebooks)} notebooks is to be marked"
        yield Submission(student, printable(notebooks[0][1].path), partial(_refused, reason))
    else:
        remark = f"one of {len(notebooks)} notebooks of {student}"
        for rest, file in notebooks:
            yield Submission(_short(f"{student}/{printable(rest)}"), printable(file.path), file.read, remark)


def _is_about(exercise: str, name: str) -> bool:
    return _plain(exercise.split("/")[-1]) in _plain(name)


def _plain(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def _short(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}… {hashlib.sha256(name.encode()).hexdigest()[:8]}"
