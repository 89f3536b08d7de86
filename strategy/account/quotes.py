"""Quotes of an account: prices, factor changes and volumes, by date and symbol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.money import exact
from strategy.market.bars import Bars

#: Relative change of the adjustment factor below which it is the rounding of a vendor's prices, not an event.
FACTOR_NOISE = 1e-5


UNCHANGED = exact(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One closed bar as the account sees it: raw open and close, and its factor over the previous bar's factor.

    `volume` is in units; None if unknown, as for an index or a currency. `volatility` is the daily one up to the bar
    before: NaN if that had too few bars before it, None if nobody asked for it. `near_close` is the float next to the
    close.
    """

    open: Decimal
    close: Decimal
    factor_change: Decimal = Decimal(1)
    volume: float | None = None
    volatility: float | None = None
    near_close: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Convert the close once: the accounts of a backtest share their quotes."""
        object.__setattr__(self, "near_close", float(self.close))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotesByDate:
    """Quotes of all closed bars, by date and symbol."""

    quotes: Mapping[date, Mapping[str, Quote]]

    def on(self, as_of: date) -> Mapping[str, Quote]:
        """Return the quotes of one date; empty if no symbol had a session."""
        return self.quotes.get(as_of, {})


def quotes_by_date(bars: Mapping[str, Bars], first: date, last: date) -> QuotesByDate:
    """Return the quotes of all bars dated `first` to `last`, both included."""
    quotes: dict[date, dict[str, Quote]] = {}
    for symbol in sorted(bars):
        for day, quote in _quotes(bars[symbol], first, last):
            quotes.setdefault(day, {})[symbol] = quote
    return QuotesByDate(quotes=quotes)


def _quotes(bars: Bars, first: date, last: date) -> list[tuple[date, Quote]]:
    start = int(np.searchsorted(bars.open_time, np.datetime64(first, "us")))
    stop = int(np.searchsorted(bars.open_time, np.datetime64(last, "us"), side="right"))
    changes = np.ones(len(bars))
    changes[1:] = bars.factor[1:] / bars.factor[:-1]
    changes[np.abs(changes - 1.0) < FACTOR_NOISE] = 1.0
    rows = slice(start, stop)
    days: list[date] = bars.open_time[rows].astype("datetime64[D]").tolist()
    numbers = (column[rows].tolist() for column in (bars.open, bars.close, changes, bars.volume))
    return [
        (
            day,
            Quote(
                open=exact(opened),
                close=exact(closed),
                factor_change=UNCHANGED if change == 1.0 else exact(change),
                # Vendors write 0 where they have no volume.
                volume=volume if volume > 0 else None,
            ),
        )
        for day, opened, closed, change, volume in zip(days, *numbers, strict=True)
    ]
