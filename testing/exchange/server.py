"""The fake exchange on loopback: a real HTTP server around it that adds nothing but the socket."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from testing.exchange.core import Answer, FakeExchange


@dataclass
class ExchangeServer:
    """A server for a `with` block; `url` is its address, `/api` and `/fapi` lie below it."""

    exchange: FakeExchange
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        shell = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shell._serve(self)

            def do_POST(self) -> None:
                shell._serve(self)

            def do_DELETE(self) -> None:
                shell._serve(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Threads that hold an answer back let go of it now.
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        with self._lock:
            answer = self.exchange.handle(handler.command, path, query, body, dict(handler.headers))
        if answer.delay_s:
            self._closing.wait(answer.delay_s)
        try:
            if answer.cut:
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
            else:
                handler.wfile.write(_raw(answer))
        except OSError:
            # The client waited no longer.
            handler.close_connection = True


def _raw(answer: Answer) -> bytes:
    """Headers and body in one piece: two writes would wait 40 ms for each other (Nagle, delayed acknowledgement)."""
    content = answer.body.encode()
    headers: Mapping[str, str] = {**answer.headers, "Content-Length": str(len(content))}
    lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content
