"""The command `coursekit`: marks submissions, merges points given by hand, writes an autograder for Gradescope."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import coursekit

EXTRA = "marking needs more packages: pip install 'coursekit[grading]'"
UNSAFE = "WARNING: no sandbox. Submissions run with your rights and your network, and can forge their marks."
SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0: all is marked; 1: some could not be, by a fault of the grader; 2: nothing was done."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command continues", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"coursekit: {EXTRA} ({error})", file=sys.stderr)
    except (OSError, ValueError) as error:
        print(f"coursekit: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="coursekit", description=__doc__)
    parser.add_argument("--version", action="version", version=f"coursekit {coursekit.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    grade = commands.add_parser("grade", help="mark submissions", description=_grade.__doc__)
    grade.add_argument("submissions", type=Path, help="a folder as platforms export them, a zip, or one notebook")
    grade.add_argument("--exercise", required=True, metavar="FAMILY/NAME", help="such as density/kl-divergence")
    grade.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="for the marks; a new or an old one")
    grade.add_argument("--workers", type=_positive, help="processes on this machine (default: one a core)")
    grade.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="of a dask cluster that marks instead")
    grade.add_argument("--seed", metavar="TEXT", help="the secret behind the tests' inputs (default: a random one)")
    grade.add_argument("--unsafe-no-sandbox", action="store_true", help="only for notebooks that you wrote yourself")
    grade.set_defaults(command=_grade)

    merge = commands.add_parser("merge", help="add the points of the written questions", description=_merge.__doc__)
    merge.add_argument("marks", type=Path, help="the folder that `coursekit grade` wrote")
    merge.set_defaults(command=_merge)

    gradescope = commands.add_parser("gradescope", help="write an autograder", description=_gradescope.__doc__)
    gradescope.add_argument("exercise", metavar="FAMILY/NAME", help="such as density/kl-divergence")
    gradescope.add_argument("--out", required=True, type=Path, metavar="FILE.zip")
    gradescope.add_argument("--unsafe-no-sandbox", action="store_true", help="mark without a sandbox; results say so")
    gradescope.set_defaults(command=_gradescope)

    for command in (grade, gradescope):
        command.add_argument("--solutions", type=Path, metavar="FOLDER", help="default: solutions/, here or above")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, was {number}")
    return number


def _grade(options: argparse.Namespace) -> int:
    """Mark all submissions of an exercise. A run that was interrupted continues; nothing is marked twice."""
    from coursekit.grading import SandboxUnavailable
    from coursekit.grading.exercise import find
    from coursekit.grading.many import MARKS, REPORT, grade_all

    exercise = find(options.exercise, options.solutions)
    if options.unsafe_no_sandbox:
        print(UNSAFE, file=sys.stderr)
    try:
        results = grade_all(
            options.submissions,
            exercise,
            options.out,
            workers=options.workers or _cores(),
            scheduler=options.scheduler,
            seed=options.seed,
            unsafe_no_sandbox=options.unsafe_no_sandbox,
        )
    except SandboxUnavailable as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(results)} submissions: {options.out / MARKS}, {options.out / REPORT}")
    review = [result for result in results if result.needs_review]
    if review:
        print(f"{len(review)} need review:")
        print("\n".join(f"  {result.student}: {result.status.splitlines()[0]}" for result in review[:SHOWN]))
    if len(review) > SHOWN:
        print(f"  and {len(review) - SHOWN} more")
    faults = sum(result.status.startswith("grader error") for result in results)
    if faults:
        print(f"{faults} could not be marked, by a fault of the grader: the same command tries them again")
    return 1 if faults else 0


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _merge(options: argparse.Namespace) -> int:
    """Add the points that written.csv holds by now to the marks, the feedback pages and the report."""
    from coursekit.grading.many import MARKS, merge

    missing = merge(options.marks)
    print(f"merged into {options.marks / MARKS}; {missing} answers have no points yet" if missing else "merged")
    return 0


def _gradescope(options: argparse.Namespace) -> int:
    """Write the zip that Gradescope takes as an autograder."""
    from coursekit.grading.exercise import find
    from coursekit.grading.gradescope import write

    write(find(options.exercise, options.solutions), options.out, unsafe_no_sandbox=options.unsafe_no_sandbox)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
