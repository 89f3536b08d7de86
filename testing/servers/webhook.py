"""A webhook on loopback, which keeps what is posted to it; its address holds a word that nobody may write down."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SECRET = "s3cr3t-word"


@contextmanager
def receiver(status: int = 200, before: Callable[[], object] = lambda: None) -> Iterator[tuple[str, list[Any]]]:
    """Yield the webhook's address, and what was posted to it; it answers with the status, after `before`."""
    posted: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            before()
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?token={SECRET}", posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
