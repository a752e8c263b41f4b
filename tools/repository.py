"""Write the repository's address everywhere: `repository.py https://github.com/NAME/REPOSITORY`.

The first time it replaces the placeholder; later the address that was written before (read from pyproject.toml).
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?")


def current(root: Path = ROOT) -> str:
    """The address as `owner/name` that stands in pyproject.toml."""
    found = re.search(r'^Source = "https://github\.com/([^"]+)"', (root / "pyproject.toml").read_text("utf-8"), re.M)
    if found is None:
        sys.exit('pyproject.toml has no line Source = "https://github.com/..."')
    return found[1]


def pages(repository: str) -> str:
    """Where GitHub Pages serves a repository given as `owner/name`."""
    owner, name = repository.split("/")
    return f"{owner.lower()}.github.io/{name}"


def rewrite(new: str, root: Path = ROOT) -> list[Path]:
    """Replace the address in every text file that git tracks; returns the files changed."""
    old = current(root)
    swaps = [(pages(old), pages(new)), (old, new)]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    changed = []
    for name in filter(None, listed.split("\0")):
        path = root / name
        try:
            text = path.read_bytes().decode("utf-8")
        except (UnicodeDecodeError, OSError):
            continue  # no text, or deleted
        rewritten = text
        for before, after in swaps:
            rewritten = rewritten.replace(before, after)
        if rewritten != text:
            path.write_bytes(rewritten.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> None:
    """Rewrite, and say which files."""
    match = ADDRESS.fullmatch(sys.argv[1]) if len(sys.argv) == 2 else None
    if match is None:
        sys.exit("usage: repository.py https://github.com/NAME/REPOSITORY")
    changed = rewrite(f"{match[1]}/{match[2]}")
    print("\n".join(str(path.relative_to(ROOT)) for path in changed) or "nothing to change")


if __name__ == "__main__":
    main()
