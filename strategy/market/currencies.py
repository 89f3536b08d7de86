"""Currencies of an account: its own, and the dated closes of the pairs that convert prices into it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from re import fullmatch

import numpy as np
from numpy.typing import NDArray

from strategy.exit_codes import Exit, UsageError
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Instrument

#: Calendar days for which a close of a pair stands: currencies trade on every weekday but a few holidays.
FX_CARRIED_DAYS = 10
#: Units whose prices are hundredths of a currency, by the name of the unit.
HUNDREDTHS: Mapping[str, str] = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
_ONE, _HUNDREDTH = Decimal(1), Decimal("0.01")
#: What Yahoo adds to the name of a pair.
_YAHOO = "=X"


class FxMissing(ValueError):
    """A day on which prices cannot be converted into the account's currency (exit 3)."""

    exit_code = Exit.DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyPair:
    """A pair by its symbol; `inverse`: its closes are units of the currency for one unit of the account's."""

    symbol: str
    currency: str
    base: str
    inverse: bool


def currency_of(unit: str) -> tuple[str, Decimal]:
    """Return the currency of a unit of prices, and how much of it one unit is.

    >>> currency_of("GBp"), currency_of("EUR")
    (('GBP', Decimal('0.01')), ('EUR', Decimal('1')))
    """
    return (HUNDREDTHS[unit], _HUNDREDTH) if unit in HUNDREDTHS else (unit, _ONE)


def pair_named(symbol: str, currency: str, base: str) -> CurrencyPair:
    """Return the pair of this name between the two currencies; its direction is that of the name.

    `EURUSD` is the price of a euro in dollars, `USDEUR` that of a dollar in euros; Yahoo writes `EURUSD=X`, and `JPY=X`
    for the price of a dollar in yen. Raises UsageError for any other name.

    >>> pair_named("EURUSD=X", "EUR", "USD").inverse, pair_named("JPY=X", "JPY", "USD").inverse
    (False, True)
    """
    name = symbol.removesuffix(_YAHOO).replace("/", "").replace("-", "").upper()
    if symbol.endswith(_YAHOO) and fullmatch(r"[A-Z]{3}", name):
        name = f"USD{name}"
    if name not in (currency + base, base + currency):
        raise UsageError(
            f"the pair {symbol} does not convert {currency} into {base}; name one that does under [currencies], such "
            f'as {currency} = "{currency}{base}", the price of one {currency} in {base}'
        )
    return CurrencyPair(symbol=symbol, currency=currency, base=base, inverse=name != currency + base)


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """A rate that an account took on a day: that of the close of `dated`, for one `unit` of prices."""

    unit: str
    pair: str
    dated: date
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FxSeries:
    """Units of the account's currency for one unit of prices, by the date of the close.

    `pair` is the symbol of the closes. A rate stands for FX_CARRIED_DAYS after its date at most; an `unending` one for
    ever. Raises ValueError if it is empty or unsorted, or a rate is not above 0.
    """

    pair: str
    dates: tuple[date, ...]
    rates: tuple[Decimal, ...]
    unending: bool = False

    def __post_init__(self) -> None:
        if not self.dates or len(self.dates) != len(self.rates):
            raise ValueError(f"{self.pair} has {len(self.dates)} dates and {len(self.rates)} rates; give one for each")
        if any(after <= before for before, after in zip(self.dates, self.dates[1:], strict=False)):
            raise ValueError(f"the dates of {self.pair} must be sorted, each once")
        for day, rate in zip(self.dates, self.rates, strict=True):
            if not (rate.is_finite() and rate > 0):
                raise ValueError(f"{self.pair} has the rate {rate} on {day}; it must be above 0")

    def __hash__(self) -> int:
        # Equal series have equal ends; hashing all rates would slow down a grid of many points.
        return hash((self.pair, len(self.dates), self.dates[-1], self.rates[-1]))

    def __repr__(self) -> str:
        return f"FxSeries({self.pair!r}, {self.dates[0]} to {self.dates[-1]})"

    def at(self, day: date) -> Decimal:
        """Return the rate of the last close dated on or before the day.

        Raises FxMissing before the first date, and more than FX_CARRIED_DAYS after the last one up to the day.

        >>> euro = FxSeries(pair="EURUSD", dates=(date(2020, 1, 3),), rates=(Decimal("1.12"),))
        >>> euro.at(date(2020, 1, 6))
        Decimal('1.12')
        """
        row = bisect_right(self.dates, day) - 1
        if row < 0:
            raise FxMissing(
                f"the bars of {self.pair} begin on {self.dates[0]}, and {day} needs a rate; import earlier ones, or "
                "begin after that day"
            )
        if not self.unending and day - self.dates[row] > timedelta(days=FX_CARRIED_DAYS):
            raise FxMissing(
                f"{self.pair} has no bar between {self.dates[row]} and {day}, and a rate stands for {FX_CARRIED_DAYS} "
                "days; import its later bars, or end before that day"
            )
        return self.rates[row]

    def used(self, first: date, last: date) -> tuple[tuple[date, Decimal], ...]:
        """Return the dates and rates that are in force between two days; those of an unending series are no data."""
        if self.unending:
            return ()
        begin, end = max(bisect_right(self.dates, first) - 1, 0), bisect_right(self.dates, last)
        return tuple(zip(self.dates[begin:end], self.rates[begin:end], strict=True))

    def as_taken(self, taken: FxRate) -> "FxSeries":
        """Return the series as it stood when an account took that rate: closes that came or changed since are left out.

        >>> euro = FxSeries(pair="EURUSD", dates=(date(2020, 1, 3), date(2020, 1, 6)), rates=(Decimal(1), Decimal(2)))
        >>> taken = FxRate(unit="EUR", pair="EURUSD", dated=date(2020, 1, 3), rate=Decimal(1))
        >>> euro.as_taken(taken).at(date(2020, 1, 6))
        Decimal('1')
        """
        before = bisect_left(self.dates, taken.dated)
        return replace(self, dates=(*self.dates[:before], taken.dated), rates=(*self.rates[:before], taken.rate))

    def rows(self, open_time: TimeArray) -> NDArray[np.int64]:
        """Return the row of the last close on or before each date, (T,); -1 before the first."""
        dates = np.array(self.dates, dtype="datetime64[D]")
        return np.searchsorted(dates, open_time.astype("datetime64[D]"), side="right").astype(np.int64) - 1

    def converted(self, bars: Bars) -> Bars:
        """Return the bars with every price at the rate of its own date; before the first rate, at that one.

        For estimates alone: a rate stands here until the next one, however long that takes.
        """
        rate: FloatArray = np.array([float(each) for each in self.rates])[np.maximum(self.rows(bars.open_time), 0)]
        return Bars(
            symbol=bars.symbol,
            open_time=bars.open_time,
            open=bars.open * rate,
            high=bars.high * rate,
            low=bars.low * rate,
            close=bars.close * rate,
            volume=bars.volume,
            factor=bars.factor,
            columns=bars.columns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Currencies:
    """The currency of an account, empty if all its prices are in one, and the rates of the others by unit of prices."""

    base: str = ""
    fx: Mapping[str, FxSeries] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.base, frozenset(self.fx.items())))

    def foreign(self, instrument: Instrument) -> bool:
        """Return whether the prices of the instrument are known to be in another currency.

        >>> from strategy.market.instruments import Calendar
        >>> share = Instrument(symbol="SAP.DE", calendar=Calendar.WEEKDAYS, currency="EUR")
        >>> Currencies(base="USD").foreign(share), Currencies().foreign(share)
        (True, False)
        """
        return bool(self.base) and instrument.money not in (None, self.base)

    def of(self, instrument: Instrument) -> FxSeries | None:
        """Return the rates of the instrument's prices; None if they are in the account's own currency.

        Raises FxMissing for a currency without rates.
        """
        unit = instrument.money
        if unit is None or not self.foreign(instrument):
            return None
        if unit not in self.fx:
            name = currency_of(unit)[0] + self.base
            raise FxMissing(
                f"prices of {instrument.symbol} are in {unit} and the account is in {self.base}, and no bars of "
                f"{name} are published; import them from the same source, or name another pair under [currencies]"
            )
        return self.fx[unit]

    def demand(self, instruments: Iterable[Instrument], days: Sequence[date]) -> None:
        """Raise FxMissing for the first of the days on which the prices of an instrument have no rate."""
        for series in filter(None, map(self.of, instruments)):
            for day in days:
                series.at(day)

    def taken_on(self, day: date) -> tuple[FxRate, ...]:
        """Return the rates of all units on the day, sorted; a unit without one then is left out."""
        found = []
        for unit, series in sorted(self.fx.items()):
            row = bisect_right(series.dates, day) - 1
            if row >= 0 and not series.unending:
                found.append(FxRate(unit=unit, pair=series.pair, dated=series.dates[row], rate=series.rates[row]))
        return tuple(found)

    def rate(self, instrument: Instrument, day: date) -> Decimal:
        """Return the units of the account's currency for one unit of prices on the day. Raises FxMissing."""
        series = self.of(instrument)
        return _ONE if series is None else series.at(day)


#: One currency, and nothing to convert.
ONE_CURRENCY = Currencies()
