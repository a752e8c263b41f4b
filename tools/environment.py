"""Set up a virtual environment with one extra of pyproject.toml: `environment.py FOLDER EXTRA [--package]`.

With ``--package`` it installs coursekit itself, editable, with the extra. Without, it installs the extra's requirements
alone, so that the site needs neither torch nor the package. Runs on a bare Python: standard library only.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def requirements(extra: str) -> list[str]:
    """The requirement strings of an extra; the package's own extras are replaced by what they name."""
    import tomllib  # here, so that an older Python reaches the message at the end of this file

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: list[str] = []
    for requirement in project["optional-dependencies"][extra]:
        if requirement.startswith(f"{project['name']}["):
            for name in requirement.split("[")[1].rstrip("]").split(","):
                found += requirements(name.strip())
        else:
            found.append(requirement)
    return found


def install_venv_module() -> None:
    """Debian and Ubuntu leave `ensurepip` out of python3: install it where that is allowed."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = f"apt-get install python{version}-venv"
    if shutil.which("apt-get") is None:
        sys.exit(f"{sys.executable} has no module ensurepip: install Python's venv support and try again")
    prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    print(f"Python's venv support is missing: {command}")
    subprocess.run([*prefix, "apt-get", "update", "-qq"], check=False)
    # One try each: the system's own Python, and a python3.x package of another name.
    for package in (f"python{version}-venv", "python3-venv"):
        if subprocess.run([*prefix, "apt-get", "install", "-y", "-qq", package], check=False).returncode == 0:
            return
    sys.exit(f"could not install Python's venv support; run `sudo {command}` and try again")


def create(folder: Path) -> None:
    """Make the virtual environment, or keep the one that is there when its Python still runs."""
    python = folder / "bin" / "python"
    if python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    if importlib.util.find_spec("ensurepip") is None:
        install_venv_module()
    print(f"making {folder} with Python {sys.version.split()[0]}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)


def main() -> None:
    """Create the environment, install into it, and write its stamp last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("extra")
    parser.add_argument("--package", action="store_true", help="install coursekit itself as well, editable")
    arguments = parser.parse_args()
    folder = ROOT / arguments.folder
    create(folder)
    wanted = ["--editable", f"{ROOT}[{arguments.extra}]"] if arguments.package else requirements(arguments.extra)
    print(f"installing [{arguments.extra}] into {arguments.folder}; the first time takes a while", flush=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if subprocess.run([*pip, *wanted], cwd=ROOT).returncode != 0:
        sys.exit(f"could not install into {arguments.folder}: see pip's message above, then run the command again")
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    (folder / ".ready").write_text(f"{arguments.extra} {digest}\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  # this is where an older Python gets told
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")
    main()
