"""A source of made-up bars: the same for the same seed, with listings, calendars, splits, dividends and faults."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pandas as pd

from exchange.bars.record_window import newest_until, requested
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused, SourceUnavailable
from exchange.sessions.calendars import sessions
from strategy.market.instruments import Calendar, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One symbol: its sessions from `first` to `last`, and what happens before the open of its ex-dates.

    `splits` gives new units per old unit, `dividends` fractions of the price.
    """

    symbol: str
    calendar: Calendar
    first: date
    last: date
    seed: int
    splits: tuple[tuple[date, float], ...] = ()
    dividends: tuple[tuple[date, float], ...] = ()
    listed_to: date | None = None

    @property
    def instrument(self) -> Instrument:
        return Instrument(symbol=self.symbol, calendar=self.calendar, lot=Decimal("0.0001"), listed_to=self.listed_to)


@lru_cache(maxsize=64)
def record(listing: Listing) -> pd.DataFrame:
    """The listing's whole record as BAR_COLUMNS; adjusted closes are scaled to its end, as vendors do."""
    days = sessions(listing.calendar, listing.first, listing.last)
    draw = np.random.default_rng(listing.seed)
    T = len(days)
    total = 100.0 * np.exp(np.cumsum(draw.normal(0.0004, 0.015, T)))
    opening = np.concatenate([total[:1], total[:-1]]) * np.exp(draw.normal(0.0, 0.004, T))
    high = np.maximum(opening, total) * (1.0 + draw.uniform(0.001, 0.01, T))
    low = np.minimum(opening, total) * (1.0 - draw.uniform(0.001, 0.01, T))
    paid = np.ones(T)
    for day, units in listing.splits:
        paid[days >= np.datetime64(day)] *= units
    for day, share in listing.dividends:
        paid[days >= np.datetime64(day)] /= 1.0 - share
    adjusts = bool(listing.splits or listing.dividends)
    return pd.DataFrame(
        {
            "symbol": pd.Series([listing.symbol] * T, dtype="str"),
            "open_time": days.astype("datetime64[us]"),
            "open": opening / paid,
            "high": high / paid,
            "low": low / paid,
            "close": total / paid,
            "volume": np.round(draw.uniform(1e3, 1e5, T)),
            "adj_close": total / paid[-1] if adjusts else np.nan,
        }
    )[list(BAR_COLUMNS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A bar that is delivered with another value in one column, or not at all (column "")."""

    symbol: str
    day: date
    column: str = ""
    value: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeBars:
    """A BarSource over listings; one that is `streaming` rebases its adjusted closes to the last bar it delivers."""

    listings: tuple[Listing, ...]
    faults: tuple[Fault, ...] = ()
    name: str = "fake"
    streaming: bool = False

    def symbols(self) -> tuple[str, ...]:
        return tuple(listing.symbol for listing in self.listings)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        return tuple(self._listing(symbol).instrument for symbol in symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        return newest_until({symbol: record(self._listing(symbol)) for symbol in symbols}, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        frame = _delivered(self, tuple(request.since.items()), request.until).copy()
        for fault in self.faults:
            hit = (frame["symbol"] == fault.symbol) & (frame["open_time"] == pd.Timestamp(fault.day))
            if fault.column:
                frame.loc[hit, fault.column] = fault.value
            else:
                frame = frame[~hit].reset_index(drop=True)
        return frame

    def faulty(self, *faults: Fault) -> "FakeBars":
        """The same source, which delivers these faults as well."""
        return replace(self, faults=(*self.faults, *faults))

    def _listing(self, symbol: str) -> Listing:
        for listing in self.listings:
            if listing.symbol == symbol:
                return listing
        raise SourceRefused(f"the fake has no {symbol}; it holds {', '.join(self.symbols())}")


@lru_cache(maxsize=8)
def _delivered(source: FakeBars, since: tuple[tuple[str, date | None], ...], until: date) -> pd.DataFrame:
    """Return what the source has of these days, its faults aside; a simulated day asks several times."""
    records = {symbol: record(source._listing(symbol)) for symbol, _ in since}
    # These bars are closed whenever they are asked for.
    frame = requested(records, BarRequest(since=dict(since), until=until, now=datetime.max.replace(tzinfo=UTC)))
    if source.streaming:
        symbols, close, adjusted = (frame[name].to_numpy() for name in ("symbol", "close", "adj_close"))
        _, rows_from_end, numbers = np.unique(symbols[::-1], return_index=True, return_inverse=True)
        last = (len(frame) - 1 - rows_from_end)[numbers[::-1]]
        frame["adj_close"] = adjusted * (close[last] / adjusted[last])
    return frame


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadBars(FakeBars):
    """A source that is down."""

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        raise SourceUnavailable("the fake is down; try again later")


#: A stock with a split and a dividend, one that is listed later, a coin, and a currency.
STOCK = Listing(
    symbol="STOCK",
    calendar=Calendar.XNYS,
    first=date(2018, 6, 1),
    last=date(2020, 12, 31),
    seed=11,
    splits=((date(2020, 6, 23), 4.0),),
    dividends=((date(2020, 6, 10), 0.01), (date(2020, 7, 1), 0.02)),
)
COIN = Listing(symbol="COIN", calendar=Calendar.ALWAYS, first=date(2018, 1, 1), last=date(2020, 12, 31), seed=12)
#: Has 257 bars, enough to be traded, in the middle of June 2020.
YOUNG = Listing(symbol="YOUNG", calendar=Calendar.XNYS, first=date(2019, 6, 11), last=date(2020, 12, 31), seed=13)
#: Has its first bar then.
UNBORN = Listing(symbol="UNBORN", calendar=Calendar.WEEKDAYS, first=date(2020, 6, 17), last=date(2020, 12, 31), seed=14)
MARKET = FakeBars(listings=(STOCK, COIN, YOUNG, UNBORN))

#: A stock with a split and a coin that have just enough bars for the rules in June 2020.
SHARE = Listing(
    symbol="SHARE",
    calendar=Calendar.XNYS,
    first=date(2019, 11, 1),
    last=date(2020, 12, 31),
    seed=21,
    splits=((date(2020, 6, 12), 2.0),),
)
TOKEN = Listing(symbol="TOKEN", calendar=Calendar.ALWAYS, first=date(2020, 1, 1), last=date(2020, 12, 31), seed=22)
PAIR = FakeBars(listings=(SHARE, TOKEN))
#: The same with history enough to train the tiny network of testing/runs/jobs.py.
DEEP = FakeBars(listings=(replace(SHARE, first=date(2018, 1, 2)), replace(TOKEN, first=date(2018, 1, 2))))


def account_days(source: FakeBars, first: date, last: date) -> tuple[date, ...]:
    """The dates on which any of the source's symbols has a session."""
    days: set[date] = set()
    for listing in source.listings:
        start, stop = max(first, listing.first), min(last, listing.last)
        if start <= stop:
            days |= set(sessions(listing.calendar, start, stop).tolist())
    return tuple(sorted(days))
