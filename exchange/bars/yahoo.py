"""Daily bars from Yahoo Finance through yfinance, an optional package (`pip install -e ".[equities]"`)."""

import logging
import re
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.currencies import of_ticker, spelled
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused, SourceUnavailable
from exchange.retries import TRIES, Transient, retried
from exchange.sessions.closing_times import last_closed
from strategy.market.instruments import Calendar, Instrument
from strategy.work_progress import FETCHING, counted

#: Function that returns the frame of a symbol from a first date (None: its whole history) until today, as yfinance's
#: `Ticker.history(auto_adjust=False)` does; its attribute `currency` is that of the prices, if Yahoo reports it.
History = Callable[[str, date | None], pd.DataFrame]

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_PRICES = ["Open", "High", "Low", "Close"]
_CRYPTO = re.compile(r"-(USD|USDT|EUR|GBP|BTC)$")
#: `BARC.L`, `EURUSD=X`, `^FTSE.L`: symbols listed outside the US have a suffix.
_ELSEWHERE = re.compile(r"[.=]")


class YahooBars:
    """Closed daily bars at the prices that were traded, with closes adjusted for splits and dividends.

    `history` queries Yahoo; tests pass another function. `sleep` waits between the `tries` of each query.
    """

    name = "yahoo"
    streaming = True

    def __init__(
        self, history: History | None = None, sleep: Callable[[float], None] = time.sleep, tries: int = TRIES
    ) -> None:
        self._history = _queried if history is None else history
        self._sleep = sleep
        self._tries = tries
        self._currency: dict[str, str] = {}

    def symbols(self) -> tuple[str, ...]:
        """Return SPY, TLT and GLD: exchange-traded funds of shares, bonds and gold."""
        return ("SPY", "TLT", "GLD")

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return instruments with the calendar of each spelling: `BTC-USD` always, `BARC.L` weekdays, others New York.

        The currency is the one that Yahoo reported with bars fetched earlier, else the one implied by the spelling.
        """
        return tuple(
            Instrument(
                symbol=symbol, calendar=_calendar(symbol), currency=self._currency.get(symbol) or of_ticker(symbol)
            )
            for symbol in symbols
        )

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest session of any of the symbols that has ended."""
        return max(last_closed(_calendar(symbol), now) for symbol in symbols)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars that are closed by request.now.

        A symbol that had bars before and gets no answer, while another does, has no rows: Yahoo answers for a ticker
        that is gone as for one that it cannot serve now. Raises SourceRefused for a symbol of which Yahoo has no bar at
        all, and SourceUnavailable after bounded retries.
        """
        parts: list[pd.DataFrame] = []
        failed: list[SourceUnavailable] = []
        for symbol in counted(request.since, FETCHING, len(request.since)):
            try:
                # After one failure, others get one try: all of them may come from a network that is down.
                parts.append(self._bars(symbol, request, 1 if failed else self._tries))
            except SourceUnavailable as failure:
                if request.since[symbol] is None:
                    raise
                failed.append(failure)
        if not parts:
            raise failed[0]
        for silent in failed:
            log.warning("%s.", silent)
        bars: pd.DataFrame = pd.concat(parts, ignore_index=True)[list(BAR_COLUMNS)]
        return bars

    def _bars(self, symbol: str, request: BarRequest, tries: int) -> pd.DataFrame:
        since = request.since[symbol]
        try:
            # Always fetch until today: later splits are needed to compute the price at which a bar was traded.
            frame = retried(lambda: self._history(symbol, since), self._sleep, tries)
        except Transient as failure:
            within = "at the first try" if tries == 1 else f"within {tries} tries"
            gone = "" if since is None else "; if it is delisted, `turbodmt delist` says what became of it"
            raise SourceUnavailable(
                f"yahoo did not answer for {symbol} {within} (last: {failure}); check the symbol's "
                f"spelling and the network, or try again later{gone}"
            ) from failure
        currency = spelled(frame.attrs.get("currency"))
        if currency:
            self._currency[symbol] = currency
        missing = {*_PRICES, "Adj Close", "Volume", "Stock Splits"} - set(frame.columns)
        if missing and len(frame):
            raise SourceUnavailable(f"yahoo's answer for {symbol} lacks {', '.join(sorted(missing))}; try again later")
        if not len(frame) and since is None:
            raise SourceRefused(f"yahoo has no bar of {symbol}; check the spelling, for example SPY or BTC-USD")
        bars = _as_traded(frame) if len(frame) else pd.DataFrame(columns=list(BAR_COLUMNS[1:]), dtype="float64")
        bars["open_time"] = bars["open_time"].astype("datetime64[us]")
        bars.insert(0, "symbol", pd.Series(symbol, index=bars.index, dtype="str"))
        last = min(request.until, last_closed(_calendar(symbol), request.now))
        first = np.datetime64(since if since is not None else date.min, "us")
        return bars[(bars["open_time"] >= first) & (bars["open_time"] <= np.datetime64(last, "us"))]


def _as_traded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return bars at the prices of their day: Yahoo divides prices by every later split, and multiplies volumes."""
    splits = frame["Stock Splits"].fillna(0.0).to_numpy(dtype="float64")
    ratios = np.where(splits > 0, splits, 1.0)
    later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    prices = {name.lower(): _seven_digits(frame[name].to_numpy(dtype="float64") * later) for name in _PRICES}
    return pd.DataFrame(
        {
            "open_time": pd.to_datetime([stamp.date() for stamp in frame.index]),
            **prices,
            "volume": frame["Volume"].to_numpy(dtype="float64") / later,
            "adj_close": frame["Adj Close"].to_numpy(dtype="float64"),
        }
    )


def _seven_digits(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round prices to the seven digits that Yahoo's single precision carries.

    Otherwise a split would change every older bar in its last bits.
    """
    sized = np.isfinite(prices) & (prices != 0.0)
    exponent = np.floor(np.log10(np.abs(prices), out=np.zeros_like(prices), where=sized))
    scale = 10.0 ** (6.0 - exponent)
    return np.round(prices * scale) / scale


def _calendar(symbol: str) -> Calendar:
    if _CRYPTO.search(symbol):
        return Calendar.ALWAYS
    return Calendar.WEEKDAYS if _ELSEWHERE.search(symbol) else Calendar.XNYS


def _queried(symbol: str, since: date | None) -> pd.DataFrame:
    """Return Yahoo's history; empty if it knows the symbol but has no bar. Raises SourceRefused, Transient."""
    try:
        import yfinance
        from yfinance.exceptions import YFException, YFPricesMissingError
    except ImportError as error:
        raise SourceRefused('source yahoo needs yfinance; run: pip install -e ".[equities]"') from error
    # Our own message reports the failures that yfinance would log.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    window: dict[str, Any] = {"period": "max"} if since is None else {"start": since.isoformat()}
    try:
        ticker = yfinance.Ticker(symbol)
        frame: pd.DataFrame = ticker.history(
            **window, interval="1d", auto_adjust=False, actions=True, timeout=_TIMEOUT_S, raise_errors=True
        )
    except YFPricesMissingError:
        return pd.DataFrame()
    # An unknown symbol and a missing network look alike: both leave the library without a time zone.
    except (YFException, OSError, ValueError) as error:
        raise Transient(f"{type(error).__name__}: {str(error)[:80]}") from error
    # This may query Yahoo once more, so it is skipped if the ticker implies the currency: dollars without a suffix.
    if since is None or _ELSEWHERE.search(symbol):
        frame.attrs["currency"] = _currency(ticker)
    return frame


def _currency(ticker: Any) -> str | None:
    """Return the currency that Yahoo reports for the ticker; None if it does not, which loses no bar."""
    try:
        stated = ticker.history_metadata
        return spelled(stated.get("currency")) if isinstance(stated, dict) else None
    # Whatever the library raises, the currency then follows from the spelling of the ticker.
    except Exception:  # noqa: BLE001
        return None
