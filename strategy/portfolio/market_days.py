"""All symbols' bars side by side: the dates of the account, and what each date's bars settle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from strategy.account.money import exact
from strategy.account.settlement import Quote
from strategy.market.bars import COLUMNS, Bars, FloatArray, TimeArray
from strategy.signals.outlook import Outlook
from strategy.signals.rolling import VOLATILITY_BARS, VOLATILITY_SPAN, exponential_weights

#: Relative change of the adjustment factor below which it is the rounding of a vendor's prices, not an event.
FACTOR_NOISE = 1e-5
UNCHANGED = exact(1.0)


def session_date(open_time: np.datetime64) -> date:
    """The session date of a bar.

    >>> session_date(np.datetime64("2020-01-02", "us"))
    datetime.date(2020, 1, 2)
    """
    day: date = open_time.astype("datetime64[D]").item()
    return day


def account_dates(bars: Mapping[str, Bars]) -> tuple[date, ...]:
    """The union of all symbols' session dates, sorted."""
    if not bars:
        return ()
    union = np.unique(np.concatenate([symbol_bars.open_time for symbol_bars in bars.values()]))
    return tuple(union.astype("datetime64[D]").tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Every closed bar as the account needs it, by date and symbol."""

    quotes: Mapping[date, Mapping[str, Quote]]

    def on(self, as_of: date) -> Mapping[str, Quote]:
        """The quotes of one date; empty if no symbol had a session."""
        return self.quotes.get(as_of, {})


def tape(bars: Mapping[str, Bars], first: date, last: date) -> Tape:
    """The quotes of all bars dated first to last, both included."""
    quotes: dict[date, dict[str, Quote]] = {}
    for symbol in sorted(bars):
        for day, quote in _quotes(bars[symbol], first, last):
            quotes.setdefault(day, {})[symbol] = quote
    return Tape(quotes=quotes)


def _quotes(bars: Bars, first: date, last: date) -> list[tuple[date, Quote]]:
    start = int(np.searchsorted(bars.open_time, np.datetime64(first, "us")))
    stop = int(np.searchsorted(bars.open_time, np.datetime64(last, "us"), side="right"))
    changes = np.ones(len(bars))
    changes[1:] = bars.factor[1:] / bars.factor[:-1]
    changes[np.abs(changes - 1.0) < FACTOR_NOISE] = 1.0
    rows = slice(start, stop)
    days: list[date] = bars.open_time[rows].astype("datetime64[D]").tolist()
    numbers = (one[rows].tolist() for one in (bars.open, bars.close, changes, bars.volume))
    return [
        (
            day,
            Quote(
                open=exact(opened),
                close=exact(closed),
                factor_change=UNCHANGED if change == 1.0 else exact(change),
                # Vendors write 0 for what they do not count.
                volume=volume if volume > 0 else None,
            ),
        )
        for day, opened, closed, change, volume in zip(days, *numbers, strict=True)
    ]


def aligned_changes(outlooks: Sequence[Outlook]) -> tuple[TimeArray, NDArray[np.float64]]:
    """The union of the outlooks' dates (U,) and their returns on it, (U, S); 0 where a symbol has no session."""
    union = np.unique(np.concatenate([outlook.open_time for outlook in outlooks]))
    changes = np.zeros((len(union), len(outlooks)))
    for column, outlook in enumerate(outlooks):
        changes[np.searchsorted(union, outlook.open_time), column] = np.nan_to_num(outlook.change)
    return union, changes


#: Account dates that the volatility of a portfolio sees.
PORTFOLIO_BARS = VOLATILITY_BARS


#: Numbers held at once while portfolios of many dates are weighed.
_CHUNK_NUMBERS = 1_000_000


def portfolio_volatilities(
    changes: FloatArray, stops: NDArray[np.int64], budgets: FloatArray, days_per_year: int
) -> FloatArray:
    """σₚ: the annualised, exponentially weighted volatility of Σ b·r over the last account dates, (T,).

    `changes` (U, S) are the symbols' returns; the window of a result ends before row `stops` (T,), and `budgets` (T, S)
    are those of its last date. NaN where fewer than PORTFOLIO_BARS rows come before.
    """
    result = np.full(len(stops), np.nan)
    weights = exponential_weights(VOLATILITY_SPAN, PORTFOLIO_BARS)
    full = np.flatnonzero(stops >= PORTFOLIO_BARS)
    most = max(1, _CHUNK_NUMBERS // (PORTFOLIO_BARS * changes.shape[1]))
    for first in range(0, len(full), most):
        at = full[first : first + most]
        rows = stops[at, None] + np.arange(-PORTFOLIO_BARS, 0)
        returns = (changes[rows] * budgets[at, None]).sum(axis=2)
        result[at] = np.sqrt((returns * returns * weights).sum(axis=1) * days_per_year)
    return result


def data_sha256(bars: Mapping[str, Bars]) -> str:
    """Hash of the bars themselves: every symbol, column and row, bit for bit."""
    digest = sha256()
    for symbol in sorted(bars):
        digest.update(symbol.encode())
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(bars[symbol][name]).tobytes())
    return digest.hexdigest()
