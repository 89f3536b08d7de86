"""Interest: dated yearly rates, and what borrowed money, cash and short positions cost or earn at them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from strategy.account.dated_rates import MOST_GAP_DAYS
from strategy.exit_codes import Exit
from strategy.market.bars import FloatArray, TimeArray

#: Calendar days for which a rate stands until the next one is dated: a month's value, with time to be published.
CARRIED_DAYS = MOST_GAP_DAYS
_ZERO = Decimal(0)


class RatesMissing(ValueError):
    """A day for which a series has no rate (exit 3)."""

    exit_code = Exit.DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSeries:
    """Yearly rates of one currency as fractions, by the date from which each applies; they may be negative.

    A rate stands for CARRIED_DAYS after its date at most; that of a series `unending` stands for ever.

    Raises ValueError if it is empty, unsorted or holds a date twice, or a rate that is not finite.
    """

    name: str
    dates: tuple[date, ...]
    rates: tuple[Decimal, ...]
    unending: bool = False

    def __post_init__(self) -> None:
        if not self.dates or len(self.dates) != len(self.rates):
            raise ValueError(f"{self.name} has {len(self.dates)} dates and {len(self.rates)} rates; give one for each")
        for before, after in zip(self.dates, self.dates[1:], strict=False):
            if after <= before:
                raise ValueError(f"{self.name} has {after} after {before}; its dates must be sorted, each once")
        for day, rate in zip(self.dates, self.rates, strict=True):
            if not rate.is_finite():
                raise ValueError(f"{self.name} has the rate {rate} on {day}; it must be a finite number")

    def __hash__(self) -> int:
        # Equal series have equal ends; hashing all values would slow down a grid of many points.
        return hash((self.name, len(self.dates), self.dates[-1], self.rates[-1]))

    def at(self, day: date) -> Decimal:
        """Return the last rate dated on or before the day.

        Raises RatesMissing before the first date, and more than CARRIED_DAYS after the last one up to the day.

        >>> bills = RateSeries(name="bills", dates=(date(2018, 11, 1),), rates=(Decimal("0.0218"),))
        >>> bills.at(date(2018, 12, 16))
        Decimal('0.0218')
        """
        row = bisect_right(self.dates, day) - 1
        self._demand(row, day)
        return self.rates[row]

    def has(self, day: date) -> bool:
        """Return whether a rate stands on the day: whether `at` returns one."""
        row = bisect_right(self.dates, day) - 1
        return row >= 0 and (self.unending or day - self.dates[row] <= timedelta(days=CARRIED_DAYS))

    def lacks(self, first: date, last: date) -> date | None:
        """Return the earliest day from first to last on which no rate stands; None if one stands on all of them.

        >>> bills = RateSeries(name="bills", dates=(date(2018, 11, 1),), rates=(Decimal("0.0218"),))
        >>> bills.lacks(date(2018, 11, 5), date(2018, 12, 16)), bills.lacks(date(2018, 11, 5), date(2018, 12, 17))
        (None, datetime.date(2018, 12, 17))
        """
        if not self.has(first):
            return first
        begin = bisect_right(self.dates, first) - 1
        for row in range(begin, len(self.dates)):
            end = self.dates[row] + timedelta(days=CARRIED_DAYS)
            if self.unending or end >= last:
                return None
            if row + 1 == len(self.dates) or self.dates[row + 1] > end + timedelta(days=1):
                return end + timedelta(days=1)
        return None

    def rows(self, dates: Sequence[date] | TimeArray) -> NDArray[np.int64]:
        """Return the row in force on each date, (T,). Raises RatesMissing as `at` does."""
        days = np.asarray(dates, dtype="datetime64[D]")
        rows = np.searchsorted(np.array(self.dates, dtype="datetime64[D]"), days, side="right").astype(np.int64) - 1
        known = np.array(self.dates, dtype="datetime64[D]")[np.maximum(rows, 0)]
        beyond = (days - known > np.timedelta64(CARRIED_DAYS, "D")) & (not self.unending)
        for wrong in np.flatnonzero((rows < 0) | beyond)[:1]:
            self._demand(int(rows[wrong]), days[wrong].item())
        return rows

    def led(self, days: int) -> "RateSeries":
        """Return the series with its first rate from this many days earlier on; an unending one as it is.

        >>> RateSeries(name="two", dates=(date(2020, 3, 1),), rates=(Decimal("0.02"),)).led(60).dates[0]
        datetime.date(2020, 1, 1)
        """
        if self.unending:
            return self
        before = [*range(days, 0, -CARRIED_DAYS)]
        return RateSeries(
            name=self.name,
            dates=(*(self.dates[0] - timedelta(days=each) for each in before), *self.dates),
            rates=(*(self.rates[0] for _ in before), *self.rates),
        )

    def sha256(self, until: date) -> str:
        """Return the hash of the rates dated up to the day."""
        kept = bisect_right(self.dates, until)
        rows = zip(self.dates[:kept], self.rates[:kept], strict=True)
        return sha256("\n".join(f"{day} {rate.normalize()}" for day, rate in rows).encode()).hexdigest()

    def _demand(self, row: int, day: date) -> None:
        remedy = (
            "charge a flat rate with --financing-rate 0.05, or give other rates, such as --rates yahoo for dollars or "
            "--rates constant:0.02"
        )
        if row < 0:
            raise RatesMissing(f"the rates of {self.name} begin on {self.dates[0]}, and {day} needs one; {remedy}")
        if not self.unending and day - self.dates[row] > timedelta(days=CARRIED_DAYS):
            raise RatesMissing(
                f"the rates of {self.name} have none between {self.dates[row]} and {day}, and one stands for "
                f"{CARRIED_DAYS} days; {remedy}"
            )


def constant(rate: Decimal) -> RateSeries:
    """Return the series that has this rate on every day.

    >>> constant(Decimal("0.02")).at(date(1990, 1, 2))
    Decimal('0.02')
    """
    return RateSeries(name=f"constant:{rate}", dates=(date.min,), rates=(rate,), unending=True)


#: No interest.
NO_RATE = constant(_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingRates:
    """The yearly rates that move money on a day, fractions: on borrowed money, on cash and on short positions."""

    borrow: Decimal
    cash: Decimal
    short: Decimal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateArrays:
    """The rates of T days as `FinancingRates` has them, and the risk-free ones, float64 (T,)."""

    borrow: FloatArray
    cash: FloatArray
    short: FloatArray
    risk_free: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingRates:
    """A series that has no rate for a run's last day, by its name, and the date of its last rate (None: none known)."""

    name: str
    last: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancingTerms:
    """What borrowed money, cash and short positions cost or earn; spreads and fee are yearly fractions.

    With r the rate of `rates`, borrowed money costs r + borrow_spread, cash earns max(0, r − cash_spread) and short
    positions cost short_fee. `risk_free` is what excess returns subtract; it differs from `rates` where an account's
    cash earns nothing, as a stablecoin's does. There a rate that is not known moves no money: excess returns are then
    above 0 throughout, and `lacking` is the series that should have had the rate.
    """

    rates: RateSeries
    risk_free: RateSeries
    lacking: LackingRates | None = None
    borrow_spread: Decimal = Decimal("0.015")
    cash_spread: Decimal = Decimal("0.005")
    short_fee: Decimal = Decimal("0.005")

    def __post_init__(self) -> None:
        for name in ("borrow_spread", "cash_spread", "short_fee"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} is {value}; it must be at least 0")

    @property
    def flat_rate(self) -> Decimal | None:
        """Return the one rate of what is borrowed or sold short, where cash earns nothing; None for other terms.

        >>> flat(Decimal("0.05")).flat_rate
        Decimal('0.05')
        """
        zero = self.rates == self.risk_free == NO_RATE
        return self.short_fee if zero and self.borrow_spread == self.short_fee else None

    def at(self, day: date) -> FinancingRates:
        """Return the rates of the day that move money. Raises RatesMissing.

        >>> two = constant(Decimal("0.02"))
        >>> rates = FinancingTerms(rates=two, risk_free=two).at(date(2020, 1, 2))
        >>> rates.borrow, rates.cash, rates.short
        (Decimal('0.035'), Decimal('0.015'), Decimal('0.005'))
        """
        rate = self.rates.at(day)
        return FinancingRates(
            borrow=rate + self.borrow_spread,
            cash=max(_ZERO, rate - self.cash_spread),
            short=self.short_fee,
        )

    def on(self, dates: Sequence[date] | TimeArray) -> RateArrays:
        """Return the rates of the dates, each the float64 next to that of `at`. Raises RatesMissing."""
        rows, known = self.rates.rows(dates), self.rates.rates
        return RateArrays(
            borrow=np.array([float(rate + self.borrow_spread) for rate in known])[rows],
            cash=np.array([float(max(_ZERO, rate - self.cash_spread)) for rate in known])[rows],
            short=np.full(len(rows), float(self.short_fee)),
            risk_free=np.array([float(rate) for rate in self.risk_free.rates])[self.risk_free.rows(dates)],
        )


def flat(rate: Decimal) -> FinancingTerms:
    """Return terms at which all that is borrowed or sold short costs one rate, and cash earns nothing.

    Raises ValueError if the rate is negative or not finite.

    >>> flat(Decimal("0.05")).at(date(2020, 1, 2)).borrow
    Decimal('0.05')
    """
    if not (rate.is_finite() and rate >= 0):
        raise ValueError(f"financing_rate is {rate}; it must be at least 0")
    return FinancingTerms(rates=NO_RATE, risk_free=NO_RATE, borrow_spread=rate, cash_spread=_ZERO, short_fee=rate)
