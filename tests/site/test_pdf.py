"""The site printed into one PDF."""

import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_pages_become_one_document_with_an_outline_and_links_inside(site, chromium, tmp_path):
    output = tmp_path / "book.pdf"
    command = [sys.executable, "tools/make_pdf.py", site, output, "--only", "density/generative-modelling"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not output.with_suffix(".partial").exists()

    book = PdfReader(output)
    text = "".join(page.extract_text() for page in book.pages)
    assert book.metadata.title == "Deep Generative Models, checked by running"
    titles = [entry.title for entry in book.outline if not isinstance(entry, list)]
    assert titles[0] == "1. Generative modelling" and titles[1].startswith("Exercise: ") and len(titles) == 3
    headings = [entry.title for entry in book.outline[1] if not isinstance(entry, list)]
    assert headings[0] == "Contents" and headings[1].startswith("1.1. What you will be able to do")
    pages = [book.get_destination_page_number(entry) for entry in book.outline[1] if not isinstance(entry, list)]
    assert pages == sorted(pages) and pages[0] == 0 < pages[-1] < book.get_destination_page_number(book.outline[2])
    last = book.pages[pages[-1]].extract_text()
    assert headings[-1].removesuffix("#").split(". ", 1)[1] in last
    # Folded parts are open: a solution at the end of the chapter, and the code of a figure.
    assert "Hide code cell source" in text and "plt.show()" in text
    starts = {
        book.pages[book.get_destination_page_number(entry)].indirect_reference.idnum for entry in book.outline[::2]
    }
    links = [annotation.get_object() for page in book.pages for annotation in page.get("/Annots", [])]
    assert starts & {link["/Dest"][0].idnum for link in links if isinstance(link.get("/Dest"), list)}


def test_a_folder_without_a_site_is_refused(tmp_path):
    command = [sys.executable, "tools/make_pdf.py", tmp_path, tmp_path / "book.pdf"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "holds no page of the contents" in done.stderr
