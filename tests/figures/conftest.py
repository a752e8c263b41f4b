"""Live figures under test: their functions called in node, and the figures themselves shown in a browser.

``call = javascript(Figure)`` then ``call("functions.name", *arguments)`` or ``call("lib.linear", ...)``: arguments and
results travel as JSON; a torch tensor becomes the library's ``{data, shape}``, and so does such a result come back.
``page = show(figure)`` opens a minimal page with the figure's stored state and the site's runtime, ``live.js``.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import torch
from ipywidgets.embed import embed_data

ROOT = Path(__file__).parents[2]


def _encode(value):
    if isinstance(value, torch.Tensor):
        return {"data": value.flatten().tolist(), "shape": list(value.shape)}
    raise TypeError(f"{type(value).__name__} cannot be sent to JavaScript")


def _decode(value):
    if value.keys() == {"data", "shape"}:
        return torch.tensor(value["data"], dtype=torch.float32).reshape(value["shape"])
    return value


_CALL = """
import { readFileSync } from "node:fs";
const [module, expression] = process.argv.slice(2);
const { lib, functions } = await import(module);
const revive = (key, value) => (value && value.data && value.shape ? lib.tensor(value.data, value.shape) : value);
const values = JSON.parse(readFileSync(0, "utf8"), revive);
const f = new Function("lib", "functions", "return " + expression)(lib, functions);
const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
process.stdout.write(JSON.stringify(f(...values), plain));
"""


@pytest.fixture
def javascript(tmp_path, unavailable):
    """A function that loads a figure's module (or a composed source) in node and gives back a caller."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        unavailable("node is not installed, so no live figure's JavaScript was tested; `make test` installs it")

    def load(figure):
        source = figure if isinstance(figure, str) else str(figure._esm)
        module, runner = tmp_path / "figure.mjs", tmp_path / "call.mjs"
        module.write_text(source, encoding="utf-8")
        runner.write_text(_CALL, encoding="utf-8")

        def call(expression, *arguments):
            done = subprocess.run(
                [node, str(runner), module.as_uri(), expression],
                input=json.dumps(arguments, default=_encode), capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout, object_hook=_decode)

        return call

    return load


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def _stored_page(*figures) -> str:
    """A page with the stored state of ``figures``, as the site's builder writes it."""
    data = embed_data(views=list(figures), drop_defaults=False)
    views = "\n".join(
        f'<div class="output"><script type="application/vnd.jupyter.widget-view+json">{json.dumps(view)}</script></div>'
        for view in data["view_specs"]
    )
    state = json.dumps(data["manager_state"]).replace("</", "<\\/")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Live figure</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"</head><body><main><h1>Live figure</h1>{views}</main>"
        f'<script type="application/vnd.jupyter.widget-state+json">{state}</script>'
        '<script type="module" src="live.js"></script></body></html>'
    )


@pytest.fixture
def stored_page():
    """The function that writes such a page, for tests that change it before they show it."""
    return _stored_page


@pytest.fixture
def show(browser, tmp_path):
    """A function that shows figures (or a page's whole text) in a fresh browser page, served under a sub-path.

    ``page.problems`` lists console errors, uncaught errors and requests beyond the page's own files.
    """
    folder = tmp_path / "site" / "sub-path"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "book" / "assets" / "live.js", folder)
    handler = functools.partial(_Quiet, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # shutdown waits as long
    origin = f"http://127.0.0.1:{server.server_port}"
    contexts = []

    def open_page(*figures, text=None, width=900, dark=False, **options):
        (folder / "index.html").write_text(text or _stored_page(*figures), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        own = (f"{origin}/sub-path/", f"blob:{origin}/", "data:,")
        page.on("request", lambda request: None if request.url.startswith(own) else page.problems.append(request.url))
        page.goto(f"{origin}/sub-path/index.html")
        page.wait_for_selector(".coursekit-figure, .live-figure-message", timeout=15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    server.shutdown()
    server.server_close()


@pytest.fixture
def picture(tmp_path):
    """Where to put a screenshot: the folder COURSEKIT_PICTURES if set (to look at them), a temporary one otherwise."""
    folder = Path(os.environ.get("COURSEKIT_PICTURES", tmp_path))
    return lambda page, name: page.screenshot(path=str(folder / f"{name}.png"), full_page=True)
