"""Binance's public market data on loopback: a real HTTP server that speaks what Binance documents."""

import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

DAY_MS = 86_400_000
Kline = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Fault of one request: `status` 0 cuts the connection, 200 answers well, but `delay_s` late."""

    status: int = 0
    body: str = "<html><body>502 Bad Gateway</body></html>"
    retry_after: str | None = None
    delay_s: float = 0.0


def too_many(retry_after: str | None = "3", status: int = 429) -> Fault:
    """The answer to too many requests (429) or to who went on regardless (418)."""
    return Fault(
        status=status, body='{"code":-1003,"msg":"Too many requests; current limit is 6000."}', retry_after=retry_after
    )


def daily_klines(first: date, closes: Sequence[float]) -> list[Kline]:
    """One kline a day from `first` on, each opening at the close before, as Binance writes them."""
    klines = []
    for number, close in enumerate(closes):
        open_ms = midnight_ms(first + timedelta(days=number))
        opened = closes[max(number - 1, 0)]
        prices = [opened, max(opened, close) * 1.01, min(opened, close) * 0.99, close]
        klines.append(
            [
                open_ms,
                *(f"{price:.8f}" for price in prices),
                "12500.0",
                open_ms + DAY_MS - 1,
                "99.0",
                42,
                "6.0",
                "50.0",
                "0",
            ]
        )
    return klines


def midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


@dataclass
class FakeBinance:
    """A server for a `with` block; `faults` meet the next requests in order, `requests` keeps what was asked."""

    klines: Mapping[str, list[Kline]]
    server_time: datetime
    faults: list[Fault | None] = field(default_factory=list)
    used_weight: int = 1
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    funding: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    expiring: frozenset[str] = frozenset()
    delivered_ms: Mapping[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.serve(self)

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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def asked(self, path: str) -> list[dict[str, str]]:
        """The parameters of each request for this path."""
        return [parameters for name, parameters in self.requests if name == path]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer the handler's request."""
        address = urlsplit(handler.path)
        parameters = dict(parse_qsl(address.query))
        self.requests.append((address.path, parameters))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            time.sleep(fault.delay_s)
            if fault.status == 0:
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault.status != 200:
                self._write(handler, fault.status, fault.body, fault.retry_after)
                return
        status, content = self._answer(address.path, parameters)
        self._write(handler, status, json.dumps(content), None)

    def _answer(self, path: str, parameters: dict[str, str]) -> tuple[int, Any]:
        if path == "/api/v3/ping":
            return 200, {}
        if path == "/fapi/v1/exchangeInfo":
            return 200, {"timezone": "UTC", "symbols": [self._contract(symbol) for symbol in self.klines]}
        if path in ("/api/v3/time", "/fapi/v1/time"):
            return 200, {"serverTime": int(self.server_time.timestamp() * 1000)}
        if path not in ("/api/v3/klines", "/api/v3/exchangeInfo", "/fapi/v1/klines", "/fapi/v1/fundingRate"):
            return 404, {"code": -1, "msg": f"no {path} here"}
        symbol = parameters.get("symbol", "")
        if symbol not in self.klines:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        if path == "/api/v3/exchangeInfo":
            return 200, {"timezone": "UTC", "symbols": [_listing(symbol)]}
        if path == "/fapi/v1/fundingRate":
            return self._payments(symbol, parameters)
        return self._page(self.klines[symbol], parameters)

    def _payments(self, symbol: str, parameters: dict[str, str]) -> tuple[int, Any]:
        """At most a thousand payments from the start on, oldest first.

        https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Get-Funding-Rate-History
        """
        start_ms, end_ms = int(parameters["startTime"]), int(parameters["endTime"])
        found = [row for row in self.funding.get(symbol, []) if start_ms <= row["fundingTime"] <= end_ms]
        return 200, found[: min(int(parameters.get("limit", 100)), 1000)]

    def _contract(self, symbol: str) -> dict[str, Any]:
        kind = "CURRENT_QUARTER" if symbol in self.expiring else "PERPETUAL"
        # A contract without an end is delivered in 2100.
        delivered_ms = self.delivered_ms.get(symbol, 4_133_404_800_000)
        over = delivered_ms <= int(self.server_time.timestamp() * 1000)
        status = "SETTLING" if over else "TRADING"
        return _listing(symbol) | {"contractType": kind, "deliveryDate": delivered_ms, "status": status}

    def _page(self, klines: list[Kline], parameters: dict[str, str]) -> tuple[int, Any]:
        if parameters.get("interval") != "1d":
            return 400, {"code": -1120, "msg": "Invalid interval."}
        limit = min(int(parameters.get("limit", 500)), 1000)
        end_ms = int(parameters.get("endTime", 2**62))
        # Without startTime Binance gives the newest klines; the one still running is among them.
        begun = [kline for kline in klines if kline[0] <= min(end_ms, int(self.server_time.timestamp() * 1000))]
        if "startTime" not in parameters:
            return 200, begun[-limit:]
        return 200, [one for one in begun if one[0] >= int(parameters["startTime"])][:limit]

    def _write(self, handler: BaseHTTPRequestHandler, status: int, body: str, retry_after: str | None) -> None:
        content = body.encode()
        lines = [
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}",
            f"Content-Type: {'text/html' if body.startswith('<') else 'application/json'}",
            f"Content-Length: {len(content)}",
            f"Date: {formatdate(usegmt=True)}",
            f"x-mbx-used-weight-1m: {self.used_weight}",
        ]
        if retry_after is not None:
            lines.append(f"Retry-After: {retry_after}")
        try:
            # In one write: two would wait 40 ms for each other (Nagle and the delayed acknowledgement).
            handler.wfile.write("\r\n".join([*lines, "", ""]).encode() + content)
        except OSError:
            handler.close_connection = True


def _listing(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "orderTypes": ["LIMIT", "MARKET"],
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.0", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
    }
