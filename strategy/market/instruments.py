"""Instruments: a symbol's calendar, order sizes, listing, universe membership and currency."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from re import fullmatch

#: Days in a year for interest and for annualising calendar time, leap years included; each calendar has its own number
#: of sessions a year.
CALENDAR_DAYS_PER_YEAR = 365
#: The calendar to configure when the dates of the bars are the sessions.
OBSERVED = "observed"


class Calendar(StrEnum):
    """Trading calendar: the dates on which a symbol has a session.

    Besides the members below, a value may name an exchange calendar, such as `XTKS`, or observed dates: `observed-5` is
    a series with bars on five days of the week.

    >>> Calendar("XTKS") is Calendar("XTKS"), Calendar("XTKS").days_per_year
    (True, 252)
    """

    ALWAYS = "24/7"
    XNYS = "XNYS"
    WEEKDAYS = "weekdays"
    SUNDAY_TO_THURSDAY = "sun-thu"
    SUNDAY_TO_FRIDAY = "sun-fri"
    MONDAY_TO_SATURDAY = "mon-sat"
    SATURDAY_TO_WEDNESDAY = "sat-wed"

    @classmethod
    def _missing_(cls, value: object) -> "Calendar | None":
        if not isinstance(value, str) or not fullmatch(r"[A-Za-z0-9_/-]{1,32}", value):
            return None
        named = str.__new__(cls, value)
        named._name_ = named._value_ = value
        # As `Flag` does with its combinations: equal values are the same object from here on.
        cls._value2member_map_[value] = named
        return named

    @property
    def is_observed(self) -> bool:
        """Return whether the dates of the bars are the sessions."""
        return self.value.startswith(OBSERVED)

    @property
    def days_per_year(self) -> int:
        """Return the sessions in a year, for annualising: 365 around the clock, 252 on five days a week.

        >>> Calendar.SUNDAY_TO_FRIDAY.days_per_year, Calendar("observed-7").days_per_year, Calendar.XNYS.days_per_year
        (302, 365, 252)
        """
        week = 5
        if self in (Calendar.SUNDAY_TO_FRIDAY, Calendar.MONDAY_TO_SATURDAY):
            week = 6
        if self.is_observed:
            week = int(self.value.removeprefix(OBSERVED).removeprefix("-") or week)
        return 365 if self is Calendar.ALWAYS or week == 7 else round(252 * week / 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A span in which a symbol belonged to the universe, both dates included; None means that it still does."""

    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"a membership from {self.first} to {self.last} runs backwards; swap the dates")

    def holds(self, day: date) -> bool:
        """Return whether the day lies in the span."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable symbol: its calendar, its order sizes and its listing dates (both included).

    An order must be at least `min_quantity` and `min_notional` (money), and at most `max_quantity` and `max_notional`
    (None: no limit).
    `last_price` is what a unit is paid out at on `listed_to`, where a person says so: nothing is ordered on that day
    any more.
    `memberships` are the spans in which it belonged to the universe; None if no universe is kept. `base` and `quote`
    are the two assets of the market, where the market names them. `currency` is the unit of its prices, `GBp` for
    pence; None if unknown. A `perpetual` is a future without expiry, which pays funding in place of interest.
    """

    symbol: str
    calendar: Calendar
    lot: Decimal = Decimal("0.000001")
    tick: Decimal = Decimal("0.000001")
    shortable: bool = True
    listed_from: date | None = None
    listed_to: date | None = None
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal | None = None
    last_price: Decimal | None = None
    memberships: tuple[Membership, ...] | None = None
    base: str = field(default="", compare=False)
    quote: str = field(default="", compare=False)
    currency: str | None = field(default=None, compare=False)
    perpetual: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        for name, size in (("lot", self.lot), ("tick", self.tick)):
            if not (size.is_finite() and size > 0):
                raise ValueError(f"{self.symbol}: {name} is {size}; it must be positive")
        for name, least in (("min_quantity", self.min_quantity), ("min_notional", self.min_notional)):
            if not (least.is_finite() and least >= 0):
                raise ValueError(f"{self.symbol}: {name} is {least}; it must be at least 0")
        if self.max_quantity is not None and not self.max_quantity >= max(self.lot, self.min_quantity):
            raise ValueError(f"{self.symbol}: max_quantity is {self.max_quantity}, below one lot or the least order")
        if self.max_notional is not None and not self.max_notional > self.min_notional:
            raise ValueError(
                f"{self.symbol}: max_notional is {self.max_notional}; it must be above min_notional "
                f"({self.min_notional})"
            )
        if self.last_price is not None and not (
            self.listed_to and self.last_price.is_finite() and self.last_price >= 0
        ):
            raise ValueError(
                f"{self.symbol}: last_price is {self.last_price}; it needs listed_to, and must be at least 0"
            )
        if self.listed_from and self.listed_to and self.listed_from > self.listed_to:
            raise ValueError(f"{self.symbol}: listed from {self.listed_from} to {self.listed_to} runs backwards")

    @property
    def last_due(self) -> date | None:
        """Return the last day of which a bar is expected; None if it is listed. The day of a pay-out may have none."""
        if self.listed_to is None or self.last_price is None:
            return self.listed_to
        return self.listed_to - timedelta(days=1)

    @property
    def delisted_from(self) -> date | None:
        """Return the first day on which it is delisted: that of its pay-out, else the one after its last session."""
        if self.listed_to is None or self.last_price is not None:
            return self.listed_to
        # Some write the last of all dates for a symbol that is still listed.
        return self.listed_to + timedelta(days=1) if self.listed_to < date.max else None

    @property
    def money(self) -> str | None:
        """Return the unit of its prices: its currency, else its quote asset; None if neither is known."""
        return self.currency or self.quote or None

    def member(self, day: date) -> bool:
        """Return whether the symbol belonged to the universe on that day; always True if no universe is kept.

        >>> share = Instrument(symbol="A", calendar=Calendar.XNYS, memberships=(Membership(first=date(2020, 1, 2)),))
        >>> share.member(date(2020, 1, 1)), share.member(date(2020, 1, 2))
        (False, True)
        """
        return self.memberships is None or any(span.holds(day) for span in self.memberships)


def account_days_per_year(calendars: frozenset[Calendar]) -> int:
    """Return the account days in a year of a portfolio on these calendars: those of the busiest calendar.

    >>> account_days_per_year(frozenset({Calendar.XNYS, Calendar.ALWAYS}))
    365
    """
    return max(calendar.days_per_year for calendar in calendars)
