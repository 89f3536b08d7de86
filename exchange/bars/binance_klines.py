"""Daily bars from Binance's public market data of spot and futures, which needs no key."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from exchange.bars.binance_http import WEIGHT_LIMIT, answer, public_client, unlisted
from exchange.brokers.symbol_rules import market_rules
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused, SourceUnavailable
from exchange.sessions.closing_times import last_closed
from strategy.market.instruments import Calendar, Instrument
from strategy.work_progress import FETCHING, counted

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TIMEOUT_S = 10.0
_PAGE_ROWS = 1000
_DAY_MS = 86_400_000
#: A hundred pages are 270 years of days; more mean that the answers do not advance.
_MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceMarket:
    """A market of Binance: the key of its bars, its main site, its first instant, and how its endpoints are asked.

    `information` returns the answer of `exchangeInfo`: for the symbol, or for all where the market takes no symbol.
    """

    name: str
    site: str
    first_ms: int
    weight_limit: int
    clock: Callable[[Any], Any]
    klines: Callable[[Any, Mapping[str, Any]], Any]
    information: Callable[[Any, str], Any]


SPOT = BinanceMarket(
    name="binance",
    site="https://api.binance.com",
    first_ms=0,
    weight_limit=WEIGHT_LIMIT,
    clock=lambda client: client.get_server_time(),
    klines=lambda client, asked: client.get_klines(**asked),
    # The library's own get_exchange_info takes no symbol and would fetch all two thousand of them.
    information=lambda client, symbol: client._get("exchangeInfo", data={"symbol": symbol}),
)


class BinanceBars:
    """Closed daily klines of a market of the main site: spot, unless another is given.

    `base_url` is only for tests and must be on loopback; no setting changes it. `sleep` waits between tries.
    """

    streaming = True

    def __init__(
        self,
        base_url: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        market: BinanceMarket = SPOT,
    ) -> None:
        self._market = market
        self.name = market.name
        self._listed: dict[str, Mapping[str, Any]] = {}
        self._base_url = market.site if base_url is None else base_url
        host = urlsplit(self._base_url).hostname
        if base_url is not None and host not in _LOOPBACK:
            raise ValueError(f"base_url leads to {host}; it must be on loopback ({', '.join(_LOOPBACK)})")
        self._sleep = sleep

    def symbols(self) -> tuple[str, ...]:
        """Return BTCUSDT and ETHUSDT."""
        return ("BTCUSDT", "ETHUSDT")

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return instruments with the exchange's lot, tick and order limits, and sessions around the clock.

        Raises SourceRefused for a symbol that is not listed, and SourceUnavailable.
        """
        return tuple(self._instrument(symbol) for symbol in symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:  # noqa: ARG002 (all trade every day)
        """Return the newest day that has ended by both `now` and the exchange's clock; raises SourceUnavailable."""
        return last_closed(Calendar.ALWAYS, min(now.astimezone(UTC), self.server_time()))

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars that are closed by both request.now and the exchange's clock; adj_close is NaN.

        Raises SourceRefused for a symbol that is not listed, and SourceUnavailable after bounded retries.
        """
        closed_before = min(request.now.astimezone(UTC), self.server_time())
        asked = counted(request.since, FETCHING, len(request.since))
        rows = [row for symbol in asked for row in self._klines(symbol, request, _milliseconds(closed_before))]
        frame = pd.DataFrame(rows, columns=["symbol", "open_time", "open", "high", "low", "close", "volume"])
        frame["open_time"] = pd.to_datetime(frame["open_time"].astype("int64"), unit="ms").astype("datetime64[us]")
        frame["open_time"] = frame["open_time"].dt.normalize()
        for name in ("open", "high", "low", "close", "volume"):
            frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        frame["adj_close"] = float("nan")
        bars: pd.DataFrame = frame[list(BAR_COLUMNS)].astype({"symbol": "str"})
        return bars

    def server_time(self) -> datetime:
        """Return the exchange's clock. Raises SourceUnavailable."""
        stated = self.ask(self._market.clock)
        try:
            return datetime.fromtimestamp(stated["serverTime"] / 1000, tz=UTC)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise unexpected(stated, "its time") from error

    def ask(self, request: Callable[[Any], Any], symbol: str = "") -> Any:
        """Return the answer to a request of python-binance's client. Raises SourceRefused, SourceUnavailable."""
        return answer(self._client, lambda: request(self._client), self._sleep, symbol, self._market.weight_limit)

    def listing(self, symbol: str) -> Mapping[str, Any]:
        """Return what `exchangeInfo` says of a symbol. Raises SourceRefused if it is not listed, SourceUnavailable."""
        if symbol not in self._listed:
            info = self.ask(lambda client: self._market.information(client, symbol), symbol)
            try:
                self._listed |= {listing["symbol"]: listing for listing in info["symbols"]}
            except (KeyError, TypeError) as error:
                raise unexpected(info, f"the filters of {symbol}") from error
        if symbol not in self._listed:
            raise SourceRefused(unlisted(self.name, symbol))
        return self._listed[symbol]

    @cached_property
    def _client(self) -> Any:
        client = public_client(_TIMEOUT_S)
        client.API_URL, client.FUTURES_URL = f"{self._base_url}/api", f"{self._base_url}/fapi"
        # A proxy set in the environment must not see or break requests to loopback.
        client.session.trust_env = self._base_url == self._market.site
        if client.session.trust_env:
            # An empty lower-case variable hides a SOCKS proxy, as Prefect's client needs; requests here must use it.
            schemes = {scheme: f"{scheme}_proxy" for scheme in ("all", "http", "https")}
            client.session.proxies = {
                scheme: os.environ[name.upper()]
                for scheme, name in schemes.items()
                if os.environ.get(name) == "" and os.environ.get(name.upper(), "").startswith("socks")
            }
        return client

    def _klines(self, symbol: str, request: BarRequest, closed_before_ms: int) -> list[tuple[Any, ...]]:
        """Return the symbol's closed klines as (symbol, open time in ms, open, high, low, close, volume)."""
        since = request.since[symbol]
        start_ms = _midnight_ms(since) if since is not None else self._market.first_ms
        end_ms = min(_midnight_ms(request.until) + _DAY_MS - 1, closed_before_ms)
        rows: list[tuple[Any, ...]] = []
        for _ in range(_MAX_PAGES):
            if start_ms > end_ms:
                return rows
            page = self._page(symbol, start_ms, end_ms)
            rows += [(symbol, *kline[:6]) for kline in page if int(kline[6]) < closed_before_ms]
            if len(page) < _PAGE_ROWS:
                return rows
            next_ms = int(page[-1][0]) + 1
            if next_ms <= start_ms:
                break
            start_ms = next_ms
        raise SourceUnavailable(f"binance's klines of {symbol} do not advance past {start_ms} ms; try again later")

    def _page(self, symbol: str, start_ms: int, end_ms: int) -> list[list[Any]]:
        asked = {"symbol": symbol, "interval": "1d", "startTime": start_ms, "endTime": end_ms, "limit": _PAGE_ROWS}
        page = self.ask(lambda client: self._market.klines(client, asked), symbol)
        if not isinstance(page, list) or not all(_is_kline(kline) for kline in page):
            raise unexpected(page, f"a list of klines of {symbol}")
        return page

    def _instrument(self, symbol: str) -> Instrument:
        info = self.listing(symbol)
        try:
            rules = market_rules(info)
            return rules.applied_to(Instrument(symbol=symbol, calendar=Calendar.ALWAYS), shortable=True)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise unexpected(info, f"the filters of {symbol}") from error


def _is_kline(kline: Any) -> bool:
    return isinstance(kline, list) and len(kline) >= 7 and isinstance(kline[0], int) and isinstance(kline[6], int)


def unexpected(stated: Any, wanted: str) -> SourceUnavailable:
    """Return the failure that an answer does not hold what belongs there."""
    return SourceUnavailable(f"binance answered {str(stated)[:80]!r} where {wanted} belongs; try again later")


def _midnight_ms(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(days=1) * _DAY_MS


def _milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
