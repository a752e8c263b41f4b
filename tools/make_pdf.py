"""Print the built site into one PDF with an outline: `make_pdf.py _build/html _build/book.pdf`.

Chromium prints each page as a reader would, folded parts opened; links between pages lead to places in the PDF.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import yaml
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, Fit, IndirectObject, NameObject

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chromium import headless  # noqa: E402
from tests.site.visiting import READY  # noqa: E402

LEFT_OUT = ("autoapi/", "book/api")  # the reference changes with each version: it is for the screen
MARGINS = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
UNFOLD = """() => {
    document.documentElement.dataset.theme = 'light';
    document.querySelectorAll('details').forEach((part) => (part.open = true));
}"""


def pages_in_order(site: Path) -> list[str]:
    """The pages of the table of contents that were built, the front page first."""
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    names = [contents["root"]]
    for part in contents["parts"]:
        for chapter in part["chapters"]:
            found = sorted(ROOT.glob(chapter["glob"] + ".ipynb")) if "glob" in chapter else [ROOT / chapter["file"]]
            names += [path.relative_to(ROOT).with_suffix("").as_posix() for path in found]
    kept = [f"{name}.html" for name in names if not name.startswith(LEFT_OUT)]
    return [name for name in kept if (site / name).is_file()]


def print_pages(site: Path, base: str, names: list[str]) -> list[bytes]:
    """Each page as a PDF. The files are given out under the site's published address, so that links are right."""

    def answer(route, request):
        path = site / urlsplit(request.url).path.removeprefix(urlsplit(base).path)
        if request.url.startswith(base) and path.is_file():
            route.fulfill(path=path)
        else:
            route.abort()

    printed = []
    with headless() as browser:
        page = browser.new_page(color_scheme="light", reduced_motion="reduce")  # what unfolds slowly would be blank
        page.route("**/*", answer)
        for name in names:
            page.goto(base + name, wait_until="load")
            page.evaluate(READY)
            page.evaluate(UNFOLD)
            printed.append(page.pdf(format="A4", margin=MARGINS, print_background=True, tagged=True, outline=True))
            print(f"  {len(printed):3d} of {len(names)}  {name}", flush=True)
    return printed


def join(base: str, names: list[str], printed: list[bytes], title: str) -> PdfWriter:
    """One document: an outline entry for each page, and its own headings below."""
    writer, starts = PdfWriter(), {}
    for name, content in zip(names, printed, strict=True):
        reader = PdfReader(io.BytesIO(content))
        starts[base + name] = len(writer.pages)
        heading = reader.metadata.title.split(" — ")[0] if reader.metadata and reader.metadata.title else name
        writer.append(reader, import_outline=False)
        item = writer.add_outline_item(title=heading, page_number=starts[base + name])
        outline = reader.outline
        sections = outline[1] if len(outline) == 2 and isinstance(outline[1], list) else []  # below the page's title
        add_sections(writer, reader, sections, starts[base + name], item)
    for page in writer.pages:
        for reference in page.get("/Annots", []):
            link = reference.get_object()
            target = urldefrag(link.get("/A", {}).get("/URI", ""))[0]
            if target in starts:
                del link["/A"]
                place = writer.pages[starts[target]].indirect_reference
                link[NameObject("/Dest")] = ArrayObject([place, NameObject("/Fit")])
    writer.add_metadata({"/Title": title})
    writer.page_mode = "/UseOutlines"
    return writer


def add_sections(writer: PdfWriter, reader: PdfReader, entries: list, start: int, parent: IndirectObject) -> None:
    """The headings of one page, whose first sheet is number ``start`` of the whole, below their page's entry."""
    item = parent
    for entry in entries:
        if isinstance(entry, list):
            add_sections(writer, reader, entry, start, item)
        else:
            sheet = start + reader.get_destination_page_number(entry)
            place = Fit.xyz(top=entry.top)
            item = writer.add_outline_item(title=entry.title, page_number=sheet, parent=parent, fit=place)


def main() -> None:
    """Print, join, write; the file is whole or not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", default="", help="pages whose path contains this")
    options = parser.parse_args()
    configuration = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    base = configuration["sphinx"]["config"]["html_baseurl"]
    names = [name for name in pages_in_order(options.site) if options.only in name]
    if not names:
        sys.exit(f"{options.site} holds no page of the contents{' with ' + options.only if options.only else ''}")
    book = join(base, names, print_pages(options.site, base, names), configuration["title"])
    unfinished = options.output.with_suffix(".partial")
    with unfinished.open("wb") as file:
        book.write(file)
    unfinished.replace(options.output)
    print(f"{options.output}: {len(book.pages)} pages, {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
