"""A still picture of every live figure, for readers without JavaScript: `make_stills.py [--only PART]`.

Chromium draws each figure from the state that its chapter stores, light and without controls, as on paper. The picture
is `book/<family>/stills/<chapter>-<number>-<digest>.webp`; the digest tells when the figure has changed since.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chromium import headless  # noqa: E402
from tests.figures.waiting import redrawn  # noqa: E402
from tools.stored_figures import shown, stored_figures  # noqa: E402

LARGEST = 25_000  # bytes


def main() -> None:
    """Draw what is missing, and delete what is out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="figures whose notebook's path or class contains this")
    options = parser.parse_args()
    with headless() as browser:
        for figure in stored_figures(options.only):
            if figure.still.is_file():
                continue
            with shown(browser, figure) as page:
                page.emulate_media(media="print")
                content = redrawn(page).locator(".coursekit-figure").screenshot()
            figure.still.parent.mkdir(exist_ok=True)
            size = write(Image.open(io.BytesIO(content)).convert("RGB"), figure.still)
            print(f"{figure.still.relative_to(ROOT)}: {size / 1000:.0f} kB", flush=True)
    current = {figure.still for figure in stored_figures()}
    for path in set((ROOT / "book").glob("*/stills/*.webp")) - current:
        path.unlink()


def write(picture: Image.Image, path: Path) -> int:
    """Store a picture at the best quality that is small enough; its size in bytes."""
    for quality in (80, 65, 50, 35, 20):
        picture.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= LARGEST:
            break
    return path.stat().st_size


if __name__ == "__main__":
    main()
