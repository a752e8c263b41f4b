import io
import os
import stat
import tracemalloc
import zipfile
import zlib

import pytest

from coursekit.grading.files import printable, slug
from coursekit.grading.notebook import BadNotebook
from coursekit.grading.submissions import MANY, find

LARGEST = 10_000
KL = "density/kl-divergence"


def folder(root, *paths):
    """Files whose content is their own path."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.fsencode(path))
    return root


def zipped(path, members):
    """A zip of names (or ZipInfo) and their contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def link(name):
    """A symbolic link, as a member of a zip."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def content(submission):
    """What was handed in, or why there is nothing."""
    try:
        return submission.read().decode()
    except BadNotebook as error:
        return f"bad: {error}"


def found(path, exercise=KL):
    """Each student's content."""
    submissions = find(path, exercise, LARGEST)
    assert len({submission.student for submission in submissions}) == len(submissions)
    assert len({slug(submission.student) for submission in submissions}) == len(submissions)
    return {submission.student: content(submission) for submission in submissions}


def test_the_student_is_the_first_folder_below_the_common_ones(tmp_path):
    paths = ["hw/week 3/alice/kl-divergence.ipynb", "hw/week 3/bob/work/deep/kl-divergence.ipynb"]
    assert found(folder(tmp_path, *paths)) == {"alice": paths[0], "bob": paths[1]}


def test_in_a_flat_folder_it_is_the_name_of_the_file(tmp_path):
    folder(tmp_path, "hw/alice.ipynb", "hw/Bob Lee.IPYNB", "hw/carol.ipynb.txt", "hw/notes.txt", "data/digits.npz")
    assert set(found(tmp_path)) == {"alice", "Bob Lee", "carol"}


def test_a_single_notebook(tmp_path):
    folder(tmp_path, "alice.ipynb")
    assert found(tmp_path / "alice.ipynb") == {"alice": "alice.ipynb"}


@pytest.mark.parametrize(
    ("exercise", "path"),
    [
        (KL, "alice/kl-divergence.ipynb"),
        (KL, "handed in/alice/KL Divergence (1).ipynb"),
        ("autoencoders/elbo", "alice/elbo/elbo.ipynb"),
        ("autoencoders/elbo", "submitted/alice/elbo/elbo.ipynb"),
    ],
)
def test_a_single_student_is_not_called_like_the_exercise(tmp_path, exercise, path):
    assert found(folder(tmp_path, path), exercise) == {"alice": path}


def test_nbgrader(tmp_path):
    folder(tmp_path, "submitted/alice/elbo/elbo.ipynb", "submitted/alice/elbo/timestamp.txt")
    folder(tmp_path, "submitted/bob/elbo/elbo.ipynb", "gradebook.db")
    assert set(found(tmp_path, "autoencoders/elbo")) == {"alice", "bob"}
    assert set(found(tmp_path / "submitted", "autoencoders/elbo")) == {"alice", "bob"}


def test_moodle(tmp_path):
    folder(
        tmp_path,
        "Jane Doe_12345_assignsubmission_file_/kl-divergence.ipynb",
        "Jane Doe_12345_assignsubmission_onlinetext_/onlinetext.html",
        "Zoë Ünal_777_assignsubmission_file_/answer.pdf",
    )
    assert found(tmp_path) == {
        "Jane Doe": "Jane Doe_12345_assignsubmission_file_/kl-divergence.ipynb",
        "Zoë Ünal": "bad: there is none among the files",
    }
    assert set(found(folder(tmp_path / "flat", "Ann_X_1_assignsubmission_file_kl-divergence.ipynb"))) == {"Ann_X"}


def test_moodle_students_of_the_same_name_are_two(tmp_path):
    folder(tmp_path, *(f"Jane Doe_{number}_assignsubmission_file_/kl-divergence.ipynb" for number in (12, 34)))
    assert set(found(tmp_path)) == {"Jane Doe_12", "Jane Doe_34"}


def test_canvas(tmp_path):
    names = ("doejane_12345_678_kl-divergence.ipynb", "roejim_LATE_222_901_kl-divergence-1.ipynb")
    folder(tmp_path, *names, "pooramy_333_902_answer.pdf")
    assert found(tmp_path) == {
        "doejane": names[0],
        "roejim": names[1],
        "pooramy": "bad: there is none among the files",
    }


def test_brightspace(tmp_path):
    paths = [f"{name} - Nov 22, 2026 1023 AM/kl-divergence.ipynb" for name in ("11-2 - Jane Doe", "12-2 - Jim O'Roe")]
    assert set(found(folder(tmp_path, *paths, "index.html"))) == {"Jane Doe", "Jim O'Roe"}


def test_of_several_notebooks_the_one_named_after_the_exercise_counts(tmp_path):
    paths = ["alice/kl_divergence final.ipynb", "alice/scratch.ipynb", "bob/kl-divergence.ipynb"]
    alice, bob = find(folder(tmp_path, *paths), KL, LARGEST)
    assert (content(alice), alice.remark) == (paths[0], "not marked: alice/scratch.ipynb")
    assert (content(bob), bob.remark) == (paths[2], "")


@pytest.mark.parametrize("names", [("one.ipynb", "two.ipynb"), ("kl-divergence.ipynb", "old/kl-divergence.ipynb")])
def test_where_it_is_not_clear_all_are_marked(tmp_path, names):
    folder(tmp_path, "bob/kl-divergence.ipynb", *(f"alice/{name}" for name in names))
    assert found(tmp_path) == {
        "bob": "bob/kl-divergence.ipynb",
        **{f"alice/{name}": f"alice/{name}" for name in names},
    }


def test_but_not_hundreds(tmp_path):
    folder(tmp_path, "bob/kl-divergence.ipynb", *(f"alice/{number}.ipynb" for number in range(MANY + 1)))
    assert found(tmp_path)["alice"] == f"bad: it is not clear which of {MANY + 1} notebooks is to be marked"


def test_a_folder_without_a_notebook_is_not_dropped(tmp_path):
    folder(tmp_path, "alice/kl-divergence.ipynb", "bob/answer.pdf", "readme.txt")
    assert found(tmp_path)["bob"] == "bad: there is none among the files"


def test_what_systems_leave_behind_is_ignored(tmp_path):
    folder(tmp_path, "alice/kl-divergence.ipynb", "alice/.ipynb_checkpoints/kl-divergence-checkpoint.ipynb")
    folder(tmp_path, "__MACOSX/alice/._kl-divergence.ipynb", "bob/kl-divergence.ipynb", "bob/._kl-divergence.ipynb")
    assert set(found(tmp_path)) == {"alice", "bob"}


def test_a_folder_of_results_is_not_searched(tmp_path):
    folder(tmp_path, "alice/kl-divergence.ipynb", "bob/kl-divergence.ipynb", "marks/results/alice.json")
    assert [s.student for s in find(tmp_path, KL, LARGEST, tmp_path / "marks")] == ["alice", "bob"]


def test_symbolic_links_are_not_followed(tmp_path):
    secret = folder(tmp_path / "outside", "kl-divergence.ipynb", "inner/kl-divergence.ipynb")
    root = folder(tmp_path / "in", "alice/kl-divergence.ipynb", "bob/work.ipynb")
    (root / "eve").symlink_to(secret / "inner")
    (root / "mallory").mkdir()
    (root / "mallory/kl-divergence.ipynb").symlink_to("../alice/kl-divergence.ipynb")
    (root / "bob/more").symlink_to(secret)
    assert found(root) == {
        "alice": "alice/kl-divergence.ipynb",
        "bob": "bob/work.ipynb",
        "eve": "bad: it is a symbolic link",
        "mallory": "bad: it is a symbolic link",
    }


def test_what_is_no_plain_file_does_not_hang(tmp_path):
    folder(tmp_path, "alice/kl-divergence.ipynb")
    for name in ("bob/kl-divergence.ipynb", "carol/work.zip"):
        (tmp_path / name).parent.mkdir()
        os.mkfifo(tmp_path / name)
    assert found(tmp_path) == {
        "alice": "alice/kl-divergence.ipynb",
        "bob": "bad: it is not a plain file",
        "carol": "bad: there is none among the files",
    }


def test_a_large_or_empty_notebook(tmp_path):
    folder(tmp_path, "alice/kl-divergence.ipynb", "bob/kl-divergence.ipynb")
    (tmp_path / "bob/kl-divergence.ipynb").write_bytes(b"x" * (LARGEST + 1))
    assert found(tmp_path)["bob"] == f"bad: it has more than {LARGEST} bytes"


@pytest.mark.parametrize(
    "name",
    ["=1+1", "a\tb\nc", "\u202eevil", os.fsdecode(b"\xff\xfe"), "CON", "..x", "a" * 240, "'; x", " "],
)
def test_names_are_arbitrary_text(tmp_path, name):
    folder(tmp_path, f"{name}/kl-divergence.ipynb", "bob/kl-divergence.ipynb")
    (student,) = (submission for submission in find(tmp_path, KL, LARGEST) if submission.student != "bob")
    assert os.fsdecode(student.read()) == f"{name}/kl-divergence.ipynb"
    for text in (student.student, student.path):
        text.encode("utf-8")
        assert text == "".join(c for c in text if c.isprintable())
    assert len(student.student) < 120
    file = slug(student.student)
    assert file == "".join(c for c in file if c in "abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 16 <= len(file) < 80


def test_no_two_names_become_one():
    names = ["a", "A", "a ", "\u202ea", "\\u202ea", "a\udc80", "\\udc80a", "con", "../a", "", "ä", "a\u200d"]
    assert len({slug(printable(name)) for name in names}) == len(names)
    assert printable("عل\u200cی Ünïcode – 李") == "عل\u200cی Ünïcode – 李"


def test_a_zip(tmp_path):
    path = zipped(
        tmp_path / "export.zip",
        [
            ("export/alice/kl-divergence.ipynb", "A"),
            ("export\\bob\\kl-divergence.ipynb", "B"),
            ("__MACOSX/export/alice/._kl-divergence.ipynb", "junk"),
            ("export/alice/.ipynb_checkpoints/kl-divergence-checkpoint.ipynb", "junk"),
            ("export/carol/", ""),
        ],
    )
    assert found(path) == {"alice": "A", "bob": "B"}


def test_zips_inside_are_opened_once(tmp_path):
    inner = zipped(tmp_path / "inner.zip", [("my work/kl-divergence.ipynb", "B")]).read_bytes()
    twice = zipped(tmp_path / "twice.zip", [("inner.zip", inner)]).read_bytes()
    members = [("alice/kl-divergence.ipynb", "A"), ("bob/work.zip", inner), ("carol.zip", inner), ("eve/x.zip", twice)]
    expected = {"alice": "A", "bob": "B", "carol": "B", "eve": "bad: it is a zip inside a zip of the student's"}
    assert found(zipped(tmp_path / "all.zip", members)) == expected
    for name, data in members:
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    assert found(tmp_path / "folder") == expected


@pytest.mark.parametrize(
    "name", ["../../alice/kl-divergence.ipynb", "/etc/kl-divergence.ipynb", "C:\\kl.ipynb", "b/../k.zip"]
)
def test_paths_that_lead_out_of_a_zip(tmp_path, name):
    good = [("alice/kl-divergence.ipynb", "A"), ("bob/kl-divergence.ipynb", "B")]
    marks = found(zipped(tmp_path / "all.zip", [*good, (name, "evil")]))
    assert (marks.pop("alice"), marks.pop("bob")) == ("A", "B")
    assert list(marks.values()) == ["bad: its path leads out of the zip"]
    inner = zipped(tmp_path / "inner.zip", [(name, "evil")]).read_bytes()
    assert found(zipped(tmp_path / "all.zip", [*good, ("eve/x.zip", inner)])) == {
        "alice": "A",
        "bob": "B",
        "eve": "bad: its path leads out of the zip",
    }


def test_links_in_a_zip(tmp_path):
    members = [("alice/kl-divergence.ipynb", "A"), (link("bob/kl-divergence.ipynb"), "/etc/passwd"), (link("eve"), "/")]
    assert found(zipped(tmp_path / "all.zip", members)) == {
        "alice": "A",
        "bob": "bad: it is a symbolic link",
        "eve": "bad: it is a symbolic link",
    }


def test_a_bomb_is_not_unpacked(tmp_path):
    bomb = [("eve/kl-divergence.ipynb", b"\0" * 200_000_000), ("alice/kl-divergence.ipynb", "A")]
    path = zipped(tmp_path / "bomb.zip", bomb)  # 200 kB
    tracemalloc.start()
    assert found(path) == {"alice": "A", "eve": f"bad: it has more than {LARGEST} bytes"}
    inner = zipped(
        tmp_path / "inner.zip", [("kl-divergence.ipynb", "x"), ("pad", os.urandom(3 * LARGEST))]
    ).read_bytes()
    assert (
        found(zipped(tmp_path / "all.zip", [*bomb[1:], ("eve/x.zip", inner)]))["eve"] == "bad: its zip cannot be read"
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_other_packings_have_no_bound_and_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("alice/kl-divergence.ipynb", "A")
        archive.writestr("eve/kl-divergence.ipynb", b"\0" * 10_000_000, zipfile.ZIP_BZIP2)
    assert found(tmp_path / "all.zip")["eve"] == "bad: it is packed into its zip in an unusual way"


@pytest.mark.parametrize("claimed, ending", [(1, "bad: it cannot be read from its zip (BadZipFile)"), (2**31, "EEEE")])
def test_headers_that_lie(tmp_path, claimed, ending):
    path = zipped(tmp_path / "all.zip", [("eve/kl-divergence.ipynb", b"E" * 5000), ("alice/kl-divergence.ipynb", "A")])
    data = path.read_bytes()
    assert data.count((5000).to_bytes(4, "little")) == 2  # once in each of its two headers
    path.write_bytes(data.replace((5000).to_bytes(4, "little"), claimed.to_bytes(4, "little")))
    marks = found(path)
    assert marks["alice"] == "A"
    assert marks["eve"].endswith(ending)


def test_a_damaged_zip(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(ValueError, match="cannot be read as a zip"):
        find(tmp_path / "all.zip", KL, LARGEST)
    broken = zipped(tmp_path / "b.zip", [("eve/kl-divergence.ipynb", b"E" * 100)]).read_bytes()
    broken = broken.replace(zlib.crc32(b"E" * 100).to_bytes(4, "little"), b"\0\0\0\0")
    (tmp_path / "b.zip").write_bytes(broken)
    assert found(tmp_path / "b.zip")["eve"].startswith("bad: it cannot be read from its zip")
    folder(tmp_path / "in", "alice/kl-divergence.ipynb", "bob/work.zip", "carol.zip")
    assert found(tmp_path / "in") == {
        "alice": "alice/kl-divergence.ipynb",
        "bob": "bad: its zip cannot be read",
        "carol": "bad: its zip cannot be read",
    }


def test_a_name_that_occurs_twice_in_a_zip(tmp_path):
    buffer = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(buffer, "w") as archive:
        for text in "AB":
            archive.writestr("alice/kl-divergence.ipynb", text)
        archive.writestr("bob/kl-divergence.ipynb", "C")
    (tmp_path / "all.zip").write_bytes(buffer.getvalue())
    assert found(tmp_path / "all.zip") == {
        "alice/kl-divergence.ipynb": "A",
        "alice/kl-divergence.ipynb (2)": "B",
        "bob": "C",
    }


def test_nothing_there(tmp_path):
    assert find(tmp_path, KL, LARGEST) == []
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find(tmp_path / "nowhere", KL, LARGEST)
