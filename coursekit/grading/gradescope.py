"""Marking on Gradescope: `write` makes the autograder's zip, `run` is what happens in Gradescope's container.

The zip has all that the container needs: the installed package as a wheel, the graded tests with the files beside them,
and two scripts. It has no master notebook and no known wrong answer, since marking needs neither.

Gradescope reads ``results/results.json``. Where that file is missing it says that the autograder failed and gives no
mark. So that is what happens when there is no sandbox or after an error of the grader: a zero would look like a mark.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import coursekit
from coursekit.grading import files
from coursekit.grading.exercise import Exercise
from coursekit.grading.feedback import SHOWN, explanation, out_of, test_name
from coursekit.grading.grader import Grader
from coursekit.grading.result import Result, TestResult
from coursekit.grading.sandbox import SandboxUnavailable

SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap libseccomp2
for version in 3.13 3.12 3.11; do
  apt-get install -y --no-install-recommends "python$version" "python$version-venv" && break
done
"python$version" -m venv /opt/coursekit
# Without CUDA, which would make the image several gigabytes larger.
/opt/coursekit/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
/opt/coursekit/bin/pip install --no-cache-dir "/autograder/source/{wheel}[grading]"
"""

RUN = """#!/usr/bin/env bash
# Gradescope runs this as root for each submission, without arguments.
export PYTHONSAFEPATH=1
exec "${2:-/opt/coursekit/bin/python}" -m coursekit.grading.gradescope "${1:-/autograder}"
"""

REFUSED = """This submission was NOT marked, and has no score.

{reason}

Gradescope's containers allow no sandbox as a rule. You can
- download the submissions from Gradescope and mark them with `coursekit grade` on a machine that has bubblewrap, or
- write the zip again with `--unsafe-no-sandbox`. Submissions can then reach the network and may forge their marks."""

NO_SANDBOX = "Marked without a sandbox: the marks are no proof against a submission that cheats."
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can state


def write(exercise: Exercise, out: Path, *, unsafe_no_sandbox: bool) -> None:
    """Write the zip that Gradescope takes as an autograder. The same exercise and package give the same bytes.

    Parameters
    ----------
    exercise
        Its graded tests go into the zip, with the files beside them; notebooks and sub-folders stay behind.
    out
        The zip file.
    unsafe_no_sandbox
        Mark without a sandbox, which Gradescope's containers do not allow as a rule. Each result says so.
    """
    wheel, content = package()
    settings = {
        "name": exercise.name,
        "notebook": exercise.master.name,
        "tests": exercise.tests.name,
        "headings": exercise.headings,
        "unsafe_no_sandbox": unsafe_no_sandbox,
    }
    content_of = {
        "setup.sh": SETUP.replace("{wheel}", wheel).encode(),
        "run_autograder": RUN.encode(),
        "exercise.json": json.dumps(settings, indent=1).encode(),
        wheel: content,
    }
    for path in sorted(exercise.tests.parent.iterdir()):
        if path.is_file() and path.suffix != ".ipynb" and not path.name.startswith("."):
            content_of[f"solutions/{exercise.name}/{path.name}"] = path.read_bytes()
    files.write(out, archive(content_of, executable=("setup.sh", "run_autograder")))


def archive(content_of: dict[str, bytes], executable: tuple[str, ...] = ()) -> bytes:
    """A zip of these files, with no trace of when it was made."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in content_of.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, which keeps the next line
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, data)
    return content.getvalue()


def package() -> tuple[str, bytes]:
    """This very package as a wheel: its file name and its content."""
    folder, about = Path(coursekit.__file__).parent, distribution("coursekit")
    information = f"coursekit-{about.version}.dist-info"
    content_of = {
        f"coursekit/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    content_of[f"{information}/METADATA"] = (about.read_text("METADATA") or "").encode()
    content_of[f"{information}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: coursekit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in content_of.items())
    content_of[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    return f"coursekit-{about.version}-py3-none-any.whl", archive(content_of)


def digest(data: bytes) -> str:
    """A checksum as wheels write it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def run(root: Path) -> int:
    """Mark the submission in ``root/submission``; 0 when ``root/results/results.json`` has the marks, else 1.

    What is printed here, only the lecturer sees.
    """
    source, results = root / "source", root / "results"
    for path in (source, results, root / "submission_metadata.json"):
        if path.exists():
            path.chmod(path.stat().st_mode & 0o700)  # for root alone
    (results / "results.json").unlink(missing_ok=True)
    settings = json.loads((source / "exercise.json").read_bytes())
    notebook, problem = find_notebook(root / "submission", settings["notebook"])
    tests = source / "solutions" / settings["name"] / settings["tests"]
    try:
        with Grader(unsafe_no_sandbox=settings["unsafe_no_sandbox"]) as grader:
            result = grader.grade(notebook, tests, student=student(root / "submission_metadata.json"))
    except SandboxUnavailable as error:
        print(REFUSED.format(reason=error))
        return 1
    if problem and result.status.startswith("bad notebook"):
        result = replace(result, status=f"bad notebook: {problem}")
    print(f"{result.student}: {result.status}; seed {result.seed}; sha256 {result.sha256}")
    if math.isnan(result.score):
        print("This submission was NOT marked, and has no score: the fault is the grader's own.")
        return 1
    files.write(results / "results.json", json.dumps(report(result, settings["headings"]), indent=1).encode())
    return 0


def find_notebook(folder: Path, name: str) -> tuple[Path, str]:
    """The one notebook that was handed in; or a file that is none, and what is wrong."""
    found = [Path(here) / file for here, _, names in os.walk(folder) for file in names if file.endswith(".ipynb")]
    found = [path for path in found if ".ipynb_checkpoints" not in path.parts]
    for candidates in (found, [path for path in found if path.name == name]):
        if len(candidates) == 1:
            return candidates[0], ""
    return Path(os.devnull), f"hand in exactly one notebook, {name}; you handed in {len(found) or 'none'}"


def student(metadata: Path) -> str:
    """Who handed in, by Gradescope's own record: everyone of a group, each with a number that no other has."""
    try:
        users = json.loads(metadata.read_bytes())["users"]
        return ", ".join(f"{user['name']} ({user['id']})" for user in users)
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def report(result: Result, headings: dict[str, str]) -> dict[str, Any]:
    """A result in Gradescope's format.

    Students see at once whether the notebook could be run. Points come when the lecturer publishes them, one entry a
    question: else a student could send one notebook after the other until the hidden tests pass. Nothing has the name
    of a hidden test, or a message of one.
    """
    run = {"name": "Your notebook", "output": "\n".join(notes(result)), "visibility": "visible"}
    run["status"] = "passed" if result.status == "graded" and not result.remarks else "failed"
    most = result.questions(lambda test: test.max)
    questions = [
        {
            "name": headings.get(question, "Another question"),  # its name may be a hidden test's
            "score": score,
            "max_score": most[question],
            "output": "\n".join(lines([test for test in result.tests if test.question == question])),
        }
        for question, score in result.questions().items()
    ]
    return {
        "score": result.score,
        "execution_time": round(result.seconds),
        "output": "" if result.sandboxed else NO_SANDBOX,
        "visibility": "after_published",
        "stdout_visibility": "hidden",
        "tests": [run, *questions],
        "extra_data": {"sha256": result.sha256, "needs_review": result.needs_review, "versions": result.versions},
    }


def notes(result: Result) -> list[str]:
    """How the whole went, for the student: the status, the cells that raised."""
    return [result.status, *result.remarks[:SHOWN], *([] if result.sandboxed else [NO_SANDBOX])]


def lines(tests: list[TestResult]) -> list[str]:
    """What the student reads about the tests of one question: of hidden ones nothing but their points."""
    public, hidden = [test for test in tests if test.public], [test for test in tests if not test.public]
    told = [f"{test_name(test)}: {'passed' if test.outcome == 'passed' else explanation(test)}" for test in public]
    if hidden:
        told.append(f"tests that are not shown: {out_of(sum(t.score for t in hidden), sum(t.max for t in hidden))}")
    return told


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
