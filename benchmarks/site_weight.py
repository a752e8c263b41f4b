"""What the first visit to each chapter costs: bytes over the network, time to the largest paint, jumps of the layout.

The built site (`make html`) is served compressed on this machine; Chromium, slowed four times, loads each page with an
empty cache. Bytes are all responses until the page is quiet, as sent. The largest contentful paint and the layout
shift are the browser's own measures, medians of three loads.

Run: make html && make bench BENCH=benchmarks/site_weight.py
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import http.server
import statistics
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chromium import headless  # noqa: E402

SLOWER, LOADS = 4, 3
OBSERVE = """() => {
    window.paint = 0; window.shift = 0;
    const watch = (type, act) =>
        new PerformanceObserver((list) => list.getEntries().forEach(act)).observe({ type, buffered: true });
    watch('largest-contentful-paint', (entry) => { window.paint = entry.startTime; });
    watch('layout-shift', (entry) => { if (!entry.hadRecentInput) window.shift += entry.value; });
}"""
SET = "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }"
COMPRESSED = {".html", ".js", ".css", ".svg", ".json", ".xml"}


class Compressing(http.server.SimpleHTTPRequestHandler):
    """Serves files as a web host does: text compressed."""

    def do_GET(self) -> None:
        """Send a file."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in COMPRESSED:
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the browser went away
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def load(browser, address: str) -> tuple[int, float, float]:
    """Bytes, seconds to the largest paint, layout shift of one first visit."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page, sizes = context.new_page(), []
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.add_init_script(f"({OBSERVE})()")
    page.goto(address, wait_until="networkidle")
    page.evaluate(SET)  # a busy processor makes the network look idle before the formulas ask for their fonts
    page.wait_for_timeout(1000)
    paint, shift = page.evaluate("[window.paint / 1000, window.shift]")
    context.close()
    return int(sum(sizes)), paint, shift


def main() -> None:
    """Print a line for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="pages whose path contains this")
    options = parser.parse_args()
    site = ROOT / "_build" / "html"
    pages = sorted(path.relative_to(site).as_posix() for path in (site / "book").glob("**/*.html"))
    if not pages:
        sys.exit("the site is not built: run `make html` first")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Compressing, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{'page':45s} {'kB':>6s} {'paint, s':>9s} {'shift':>7s}")
    with headless() as browser:
        for name in pages:
            if options.only in name:
                loads = [load(browser, f"http://127.0.0.1:{server.server_port}/{name}") for _ in range(LOADS)]
                size, paint, shift = (statistics.median(values) for values in zip(*loads, strict=True))
                print(f"{name:45s} {size / 1000:6.0f} {paint:9.2f} {shift:7.3f}", flush=True)


if __name__ == "__main__":
    main()
