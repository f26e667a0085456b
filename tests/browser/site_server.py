"""Serves a built site the way GitHub Pages does: under a path, from a free port of this machine."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

CANONICAL = re.compile(r'<link rel="canonical" href="([^"]+)"')


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for a page and all its files

    def __init__(self, *args, prefix: str, **options):
        self.prefix = prefix
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        if not path.startswith(self.prefix):
            return str(Path(self.directory, "nothing is served outside the prefix"))
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=600")  # as GitHub Pages does
        super().end_headers()

    def log_message(self, *_args) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # a browser opens six connections a page, and a busy machine is slow


def prefix_of(site: Path) -> str:
    """The path that the site was built for, as its home page says: "/membound/"."""
    home = (site / "index.html").read_text(encoding="utf-8")
    found = CANONICAL.search(home)
    return urlsplit(found[1]).path if found else "/"


@contextmanager
def serve(site: Path) -> Iterator[str]:
    """The address of the site's home while the server runs."""
    prefix = prefix_of(site)
    handler = partial(_Handler, directory=str(site), prefix=prefix)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
        server.shutdown()
        thread.join()
