"""Serve a built site on this machine: `serve.py FOLDER --port 8000`."""

import argparse
import functools
import http.server
import sys
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, says nothing about each request, and lets no browser keep a page from before a rebuild."""

    def log_message(self, *_: object) -> None:
        """Stay silent: errors show in the browser."""

    def end_headers(self) -> None:
        """Add the header that makes a browser ask again after every build."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    if not (arguments.folder / "index.html").exists():
        sys.exit(f"{arguments.folder} holds no site: run `make html` first")
    handler = functools.partial(Handler, directory=str(arguments.folder))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), handler)
    except OSError as error:
        sys.exit(f"port {arguments.port} cannot be used ({error.strerror}): make book PORT={arguments.port + 1}")
    print(f"\nThe book is at http://localhost:{server.server_port}   (Ctrl+C stops it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
