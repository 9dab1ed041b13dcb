"""How is a report shown from a local server, where opening from disk will not do?"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kinetoscope.errors import EvidenceError


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it; the browser asks again what may have changed."""

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """A server of one folder, to this machine only; call its `serve_forever`.

    Args:
        folder: where the report's index.html is.
        port: 0 takes one that is free.

    Raises:
        EvidenceError: there is no report in the folder, or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise EvidenceError(
            f"{folder} holds no report",
            got="no file index.html",
            expected="a folder that kinetoscope report wrote",
            hint=f"kinetoscope report {folder}",
        )
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise EvidenceError(
            "the report can't be served on this port",
            got=f"port {port}: {error.strerror}",
            expected="a port that is free",
            hint="--port 0 takes one that is",
        ) from error
    with server:
        yield server


def address_of(server: ThreadingHTTPServer) -> str:
    """Where the browser finds the report."""
    return f"http://127.0.0.1:{server.server_address[1]}/index.html"
