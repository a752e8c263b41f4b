"""Draw the bundled tenth of MNIST and store it in coursekit/data/bundled.

    python tools/make_bundled_mnist.py --source FOLDER

FOLDER holds the four idx files of MNIST, with or without .gz; their SHA-256 are checked first. Of each class 600
training and 100 test images are drawn at random with a fixed seed, and keep their original order. Running the script
twice gives the same bytes (another version of liblzma may compress the same images into other bytes).
"""

import argparse
import hashlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from coursekit.data import bundle, download  # noqa: E402
from coursekit.data.errors import DataError  # noqa: E402


def main() -> None:
    """Read the files, draw, write, say what was written."""
    parser = argparse.ArgumentParser(description="Draw and store the bundled tenth of MNIST.")
    parser.add_argument("--source", type=Path, required=True, help="folder of the four idx files, with or without .gz")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "coursekit" / "data" / "bundled")
    arguments = parser.parse_args()
    try:
        full = download.read_files(
            download.MNIST, arguments.source, remedy="give --source a folder of the original files"
        )
    except DataError as error:
        sys.exit(str(error))
    packed = bundle.pack(bundle.draw_tenth(full))
    checksum = hashlib.sha256(packed).hexdigest()
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / bundle.FILE).write_bytes(packed)
    (arguments.output / bundle.CHECKSUMS).write_text(f"{checksum}  {bundle.FILE}\n", encoding="ascii")
    print(f"{arguments.output / bundle.FILE}: {len(packed):,} bytes, SHA-256 {checksum}")


if __name__ == "__main__":
    main()
