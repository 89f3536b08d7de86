"""Daily bars and funding of Binance's perpetual futures, from its public market data, which needs no key."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from exchange.bars.binance_http import FUTURES_WEIGHT_LIMIT
from exchange.bars.binance_klines import BinanceBars, BinanceMarket, unexpected
from exchange.ports import BarRequest, FundingRate, FundingRequest, SourceRefused, SourceUnavailable
from strategy.market.instruments import Instrument

_PAGE_ROWS = 1000
#: A hundred pages are ninety years of payments each eight hours; more mean that the answers do not advance.
_MAX_PAGES = 100
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
#: The market opened in September 2019.
_FIRST_MS = (datetime(2019, 9, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
#: What `deliveryDate` is of a contract without an end: Christmas of 2100.
_NEVER_MS = (datetime(2100, 12, 25, 8, tzinfo=UTC) - _EPOCH) // _MILLISECOND

FUTURES = BinanceMarket(
    name="binance-futures",
    site="https://fapi.binance.com",
    first_ms=_FIRST_MS,
    weight_limit=FUTURES_WEIGHT_LIMIT,
    clock=lambda client: client.futures_time(),
    klines=lambda client, asked: client.futures_klines(**asked),
    information=lambda client, _: client.futures_exchange_info(),
)


class BinanceFutures:
    """Closed daily klines and funding payments of the main site's USD-M perpetual futures.

    `base_url` is only for tests and must be on loopback; no setting changes it. `sleep` waits between tries.
    """

    name = FUTURES.name
    streaming = True

    def __init__(self, base_url: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._market = BinanceBars(base_url, sleep, FUTURES)

    def symbols(self) -> tuple[str, ...]:
        """Return BTCUSDT and ETHUSDT."""
        return self._market.symbols()

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return perpetual futures with the exchange's lot, tick and order limits, and sessions around the clock.

        One whose delisting is announced or past has the day of its delivery as `listed_to`. Raises SourceRefused for a
        symbol that is not listed or expires, and SourceUnavailable.
        """
        for symbol in symbols:
            kind = self._market.listing(symbol).get("contractType")
            if kind != "PERPETUAL":
                raise SourceRefused(
                    f"{symbol} is no perpetual future at {self.name} but {kind}; name one that does not expire, for "
                    "example BTCUSDT"
                )
        return tuple(
            replace(instrument, perpetual=True, listed_to=self._last_day(instrument.symbol))
            for instrument in self._market.instruments(symbols)
        )

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest day that has ended by both `now` and the exchange's clock; raises SourceUnavailable."""
        return self._market.last_session(symbols, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars that are closed by both request.now and the exchange's clock; adj_close is NaN.

        Raises SourceRefused for a symbol that is not listed, and SourceUnavailable after bounded retries.
        """
        return self._market.fetch(request)

    def server_time(self) -> datetime:
        """Return the exchange's clock. Raises SourceUnavailable."""
        return self._market.server_time()

    def funding(self, request: FundingRequest) -> dict[str, tuple[FundingRate, ...]]:
        """Return the payments of each symbol, oldest first; early ones have no mark price.

        Raises SourceRefused for a symbol that is not listed, and SourceUnavailable after bounded retries.
        """
        end_ms = (request.until.astimezone(UTC) - _EPOCH) // _MILLISECOND
        return {symbol: self._payments(symbol, since, end_ms) for symbol, since in request.since.items()}

    def _last_day(self, symbol: str) -> date | None:
        """Return the last day on which the contract trades; None if its end is not announced. Raises SourceUnavailable.

        Once a delisting is announced, `deliveryDate` is its instant.
        https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Delist-Schedule
        """
        stated = self._market.listing(symbol).get("deliveryDate")
        if stated is None or stated == _NEVER_MS:
            return None
        if not isinstance(stated, int) or not _FIRST_MS < stated < _NEVER_MS:
            raise unexpected(stated, f"the deliveryDate of {symbol}")
        return (_EPOCH + (stated - 1) * _MILLISECOND).date()

    def _payments(self, symbol: str, since: datetime | None, end_ms: int) -> tuple[FundingRate, ...]:
        start_ms = _FIRST_MS if since is None else (since.astimezone(UTC) - _EPOCH) // _MILLISECOND
        found: list[FundingRate] = []
        for _ in range(_MAX_PAGES):
            if start_ms > end_ms:
                return tuple(found)
            page = self._page(symbol, start_ms, end_ms)
            found += page
            if len(page) < _PAGE_ROWS:
                return tuple(found)
            next_ms = (page[-1].at - _EPOCH) // _MILLISECOND + 1
            if next_ms <= start_ms:
                break
            start_ms = next_ms
        raise SourceUnavailable(
            f"{self.name}'s funding of {symbol} does not advance past {start_ms} ms; try again later"
        )

    def _page(self, symbol: str, start_ms: int, end_ms: int) -> list[FundingRate]:
        asked = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": _PAGE_ROWS}
        page = self._market.ask(lambda client: client.futures_funding_rate(**asked), symbol)
        try:
            return [_payment(row) for row in page]
        except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise unexpected(page, f"a list of funding rates of {symbol}") from error


def _payment(row: Any) -> FundingRate:
    """Return the payment of a row. Raises what a row of another shape raises."""
    mark, rate = Decimal(row.get("markPrice") or 0), Decimal(row["fundingRate"])
    if not (mark.is_finite() and rate.is_finite()):
        raise ValueError(f"the funding rate is {rate} and the mark {mark}; both must be finite")
    at = _EPOCH + int(row["fundingTime"]) * _MILLISECOND
    return FundingRate(at=at, rate=rate, mark=mark if mark > 0 else None)
