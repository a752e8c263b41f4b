"""Marking: how long a hundred submissions take, what a second worker gives, and what the sandbox costs a submission.

The submissions are copies of the master of `density/kl-divergence`, each with a comment of its own; the seconds are
those of the whole command, its start included. One and two workers mark the same ones, one after the other.
The sandbox's cost is the difference of the medians of the time that `Grader.grade` takes with it and without it.

Run: make bench BENCH=benchmarks/marking.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coursekit.grading import Grader
from coursekit.grading.exercise import Exercise, find

ROOT = Path(__file__).resolve().parents[1]
EXERCISE = "density/kl-divergence"


def hand_in(exercise: Exercise, folder: Path, count: int) -> None:
    """Write that many submissions, no two of them the same."""
    master = json.loads(exercise.master.read_text(encoding="utf-8"))
    for number in range(count):
        comment = {"cell_type": "code", "metadata": {}, "outputs": [], "source": f"# {number}", "execution_count": None}
        path = folder / f"student{number:03}" / exercise.master.name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**master, "cells": [*master["cells"], comment]}), encoding="utf-8")


def seconds_of_command(submissions: Path, out: Path, workers: int) -> float:
    """How long `coursekit grade` takes."""
    command = [sys.executable, "-m", "coursekit", "grade", submissions, "--exercise", EXERCISE, "--out", out]
    start = time.perf_counter()
    options = ["--solutions", ROOT / "solutions", "--workers", str(workers)]
    subprocess.run([*command, *options], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def medians(exercise: Exercise, repeats: int) -> tuple[float, float]:
    """Median seconds of marking the master with the sandbox and without it, in turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    with Grader() as confined, Grader(unsafe_no_sandbox=True) as unconfined:
        for number in range(repeats + 2):
            for grader, times in zip((confined, unconfined), seconds, strict=True):
                start = time.perf_counter()
                result = grader.grade(exercise.master, exercise.tests, student=f"student{number}", seed="benchmark")
                times.append(time.perf_counter() - start)
                if result.score != result.max:
                    raise RuntimeError(f"the master must get all points: {result}")
    return statistics.median(seconds[0][2:]), statistics.median(seconds[1][2:])  # the first two warm up


def main() -> None:
    """Print seconds, their ratio, and the cost of the sandbox."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--submissions", type=int, default=300, help="for the comparison of one worker with two")
    parser.add_argument("--repeats", type=int, default=20, help="for the cost of the sandbox")
    options = parser.parse_args()

    exercise = find(EXERCISE, ROOT / "solutions")
    with tempfile.TemporaryDirectory() as scratch:
        few, many = Path(scratch, "few"), Path(scratch, "many")
        hand_in(exercise, few, 100)
        hand_in(exercise, many, options.submissions)
        print(f"100 submissions: two workers {seconds_of_command(few, Path(scratch, 'marks'), 2):.1f} s")
        one, two = (seconds_of_command(many, Path(scratch, f"marks-{w}"), w) for w in (1, 2))
    print(f"{options.submissions} submissions: one worker {one:.1f} s, two workers {two:.1f} s, ratio {one / two:.2f}")
    confined, unconfined = medians(exercise, options.repeats)
    print(f"one submission (median of {options.repeats}): in the sandbox {1000 * confined:.1f} ms, ", end="")
    print(f"without it {1000 * unconfined:.1f} ms, the sandbox costs {1000 * (confined - unconfined):.1f} ms")


if __name__ == "__main__":
    main()
