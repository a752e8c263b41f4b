"""Two experiments of the chapter on judging samples that are too long for its page, run with the chapter's own cells.

FID after each of 30 epochs of a small GAN, four seeds; accuracy of a classifier with synthetic examples, for three
numbers of labels, four seeds. What it finds is stored in the package, where the chapter reads it; the chapter repeats a
small part.

Run: make bench BENCH=benchmarks/judging_samples.py
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import nbformat
import torch

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = ROOT / "book" / "evaluation" / "judging-samples.ipynb"
STORED = ROOT / "coursekit" / "evaluation" / "measured" / "judging_samples.json"
SEEDS, EPOCHS, LABELS = 4, 30, (100, 400, 4000)


def chapter_code(path: Path = CHAPTER) -> dict[str, Any]:
    """The names that the chapter's cells tagged ``shared`` define."""
    notebook = nbformat.read(path, as_version=4)
    names: dict[str, Any] = {}
    for cell in notebook.cells:
        if "shared" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{path.name}, cell {cell.id}", "exec"), names)
    return names


def main() -> None:
    """Run, print as it goes, store."""
    parser = argparse.ArgumentParser(description="Measure what the chapter on judging samples stores.")
    parser.add_argument("--output", type=Path, default=STORED)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as in the chapter: sums in the same order
    start = time.process_time()
    chapter = chapter_code()
    watched = []
    for seed in range(SEEDS):
        watched.append([[round(value, 3) for value in pair] for pair in chapter["watched"](seed, EPOCHS)])
        print(f"seed {seed}: best FID {min(pair[0] for pair in watched[-1]):.1f}", flush=True)
    synthetic = {}
    for labels in LABELS:
        runs = (chapter["synthetic"](labels, seed) for seed in range(SEEDS))
        synthetic[str(labels)] = [{name: round(share, 3) for name, share in run.items()} for run in runs]
        print(f"{labels} labels: {synthetic[str(labels)][0]}", flush=True)
    result = {
        "made_by": "benchmarks/judging_samples.py",
        "processor_minutes": round((time.process_time() - start) / 60, 1),
        "watched": watched,
        "synthetic": synthetic,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1)
    arguments.output.write_text(text + "\n", encoding="utf-8")
    print(f"{arguments.output}: {result['processor_minutes']} processor minutes")


if __name__ == "__main__":
    main()
