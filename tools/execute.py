"""Run notebooks from the top and store outputs that are the same each time: `execute.py [--strict] [NOTEBOOK ...]`.

Each notebook runs in a fresh kernel, in its own folder, with one thread. What changes between runs without meaning
anything (ids, addresses, progress bars, versions) is normalised, so that running twice changes no byte. The seconds
and the memory that the run took are written into the cell tagged ``measured``, unless what stands there is still right
to a factor of 1.5. A notebook whose run fails is left as it was.
"""

import argparse
import contextlib
import copy
import hashlib
import json
import os
import re
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
SECONDS_AT_MOST = 90.0
GIGABYTES_AT_MOST = 1.5
SAME_WITHIN = 1.5  # a measurement stands while the new one is within this factor
THREADS = "1"  # floats then do not depend on how many cores a machine has

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
PROGRESS = re.compile(r"\d+%\|.*\|.*\[\d+:\d+|\d*\?(it|ex)/s|\[\d+:\d+<[\d:?]+,")
MEASURED = re.compile(r"^\*Measured on one CPU core, no GPU: (\d+) s, (\d+\.\d) GB\.\*$")

# A chapter's second cell, the same in all of them; `address` is where pip finds the repository.
SETUP = """\
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("coursekit") is None:  # on Colab and the like
    coursekit = "git+{address}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", coursekit], check=True)
"""


class NotebookFailed(Exception):
    """A notebook that could not be run, or whose stored outputs hold an error; the message says which and why."""


def address(root: Path = ROOT) -> str:
    """The repository's address, as pyproject.toml has it."""
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["urls"]["Source"]


# --- running -----------------------------------------------------------------------------------------------------


class PeakMemory:
    """Largest memory (resident, in bytes) that a process and its children held together, watched from a thread."""

    def __init__(self, interval: float = 0.05) -> None:
        self.bytes = 0
        self._interval = interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, process_id: int) -> None:
        """Start watching."""
        self._thread = threading.Thread(target=self._sample, args=(psutil.Process(process_id),), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self, process: psutil.Process) -> None:
        while True:
            with contextlib.suppress(psutil.Error):
                children = process.children(recursive=True)
                self.bytes = max(self.bytes, resident(process) + sum(own(child) for child in children))
            if self._stop.wait(self._interval):
                return


def resident(process: psutil.Process) -> int:
    """Resident memory in bytes; zero for a process that has just ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def own(process: psutil.Process) -> int:
    """Memory that a process shares with nobody: one that was just forked has its parent's pages, which count once."""
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0


def run(notebook: NotebookNode, folder: Path, timeout: float) -> tuple[float, float]:
    """Execute in place; returns seconds (kernel start included) and peak gigabytes."""
    # Nothing of the surrounding shell shall change a result.
    environment = {**os.environ, "OMP_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS, "TQDM_DISABLE": "1"}
    environment.pop("MPLBACKEND", None)
    memory = PeakMemory()
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=True,
        record_timing=False,
        coalesce_streams=True,
        on_notebook_start=lambda **_: memory.watch(manager.provisioner.pid),
    )
    manager = client.create_kernel_manager()
    # This very Python, whatever kernel the name stands for elsewhere on the machine.
    manager.kernel_spec.argv = [
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
        "--log-level=ERROR",
    ]
    begun = time.perf_counter()
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise NotebookFailed(str(error)) from None
    finally:
        seconds = time.perf_counter() - begun
        memory.stop()
    return seconds, memory.bytes / 1e9


# --- normalising -------------------------------------------------------------------------------------------------


def is_progress(output: NotebookNode) -> bool:
    """Whether an output is a progress bar, from a terminal or a notebook, and nothing else."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    return bool(lines) and all(PROGRESS.search(line) for line in lines)


def normalise(notebook: NotebookNode, name: str) -> None:
    """Remove everything from a notebook that differs between two runs and means nothing; changes it in place."""
    notebook.metadata["kernelspec"] = copy.deepcopy(KERNEL)
    notebook.metadata["language_info"] = copy.deepcopy(LANGUAGE)
    count = 0
    for cell in notebook.cells[:2]:
        if "remove-cell" in cell.metadata.get("tags", []) and 'find_spec("coursekit")' in cell.source:
            cell.source = SETUP.format(address=address()).rstrip()
    for cell in notebook.cells:
        for key in ("execution", "collapsed", "trusted"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [clean(output) for output in cell.outputs if not is_progress(output)]
            ran = cell.execution_count is not None
            count += ran
            cell.execution_count = count if ran else None
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
    name_cells(notebook)
    name_widgets(notebook, name)
    notebook.nbformat, notebook.nbformat_minor = 4, 5


def clean(output: NotebookNode) -> NotebookNode:
    """One output without memory addresses and transient keys."""
    output.pop("transient", None)
    texts = output.get("data", output)
    for key in ("text", "text/plain", "text/html"):
        if isinstance(texts.get(key), str):
            texts[key] = re.sub(r"\b0x[0-9a-fA-F]{6,}\b", "0x…", texts[key])
    return output


def name_cells(notebook: NotebookNode) -> None:
    """Give each cell without an id of its own one that follows from its text; all others keep theirs."""
    used: set[str] = set()
    for cell in notebook.cells:
        name = cell.get("id", "")
        copies = 0
        while not name or name in used:
            copies += 1
            name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}\n{copies}".encode()).hexdigest()[:8]
        used.add(name)
        cell["id"] = name


def name_widgets(notebook: NotebookNode, name: str) -> None:
    """Number the widget models in the order of the page, and drop those that no output shows."""
    widgets = notebook.metadata.get("widgets", {}).get(STATE)
    if widgets is None:
        return
    state, order = widgets["state"], []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(VIEW)
            if view is not None:
                order += [model for model in reachable(view["model_id"], state) if model not in order]
    names = {old: hashlib.sha256(f"{name} {i}".encode()).hexdigest()[:32] for i, old in enumerate(order)}

    def rename(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("IPY_MODEL_"):
            return "IPY_MODEL_" + names.get(value.removeprefix("IPY_MODEL_"), value.removeprefix("IPY_MODEL_"))
        if isinstance(value, dict):
            return {key: rename(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rename(item) for item in value]
        return value

    widgets["state"] = {names[old]: rename(state[old]) for old in order}
    if not order:
        del notebook.metadata["widgets"]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if VIEW in data:
                data[VIEW]["model_id"] = names[data[VIEW]["model_id"]]
                for old, new in names.items():
                    if "text/plain" in data:
                        data["text/plain"] = data["text/plain"].replace(old, new)


def reachable(model: str, state: dict[str, Any]) -> Iterator[str]:
    """A widget model and all models that its state refers to, depth first, each once."""
    waiting, seen = [model], set()
    while waiting:
        current = waiting.pop()
        if current in seen or current not in state:
            continue
        seen.add(current)
        yield current
        references = re.findall(r"IPY_MODEL_([\w-]+)", json.dumps(state[current]["state"]))
        waiting += reversed(references)


# --- measuring ---------------------------------------------------------------------------------------------------


def record(notebook: NotebookNode, seconds: float, gigabytes: float) -> bool:
    """Write the measurement into the cell tagged ``measured``; False when what stands there is still right."""
    for cell in notebook.cells:
        if "measured" not in cell.metadata.get("tags", []):
            continue
        old = MEASURED.match(cell.source.strip())
        if old and same(seconds, float(old[1]), slack=5.0) and same(gigabytes, float(old[2]), slack=0.1):
            return False
        cell.source = f"*Measured on one CPU core, no GPU: {max(round(seconds), 1)} s, {max(gigabytes, 0.1):.1f} GB.*"
        return True
    return False


def same(new: float, old: float, slack: float) -> bool:
    """Whether a measurement stands: within the factor, or so small a difference that it is noise."""
    return abs(new - old) <= slack or old / SAME_WITHIN <= new <= old * SAME_WITHIN


# --- one notebook, all notebooks ---------------------------------------------------------------------------------


def execute(path: Path, timeout: float = 600.0) -> tuple[float, float]:
    """Run one notebook and store it, whole or not at all; returns seconds and gigabytes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    seconds, gigabytes = run(notebook, path.parent, timeout)
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise NotebookFailed(f"cell {number} left an error in its output: {output.ename}: {output.evalue}")
    record(notebook, seconds, gigabytes)
    normalise(notebook, path.stem)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    partial = path.with_suffix(".ipynb.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)
    return seconds, gigabytes


def main() -> int:
    """Run the notebooks named, or all chapters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter under book/")
    parser.add_argument("--strict", action="store_true", help="fail when a notebook is over its budget")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one cell (default 600)")
    arguments = parser.parse_args()
    failed = over = 0
    for path in arguments.notebooks or sorted((ROOT / "book").glob("*/*.ipynb")):
        print(f"{path}: ", end="", flush=True)
        try:
            seconds, gigabytes = execute(path.resolve(), arguments.timeout)
        except NotebookFailed as error:
            failed += 1
            print(f"FAILED, left as it was\n{error}")
            continue
        print(f"{seconds:.1f} s, {gigabytes:.2f} GB")
        if seconds > SECONDS_AT_MOST or gigabytes > GIGABYTES_AT_MOST:
            over += 1
            print(f"*** OVER BUDGET: at most {SECONDS_AT_MOST:.0f} s and {GIGABYTES_AT_MOST} GB for a chapter ***")
    return 1 if failed or (over and arguments.strict) else 0


if __name__ == "__main__":
    sys.exit(main())
