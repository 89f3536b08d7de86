"""Funding of perpetual futures: dated rates as a venue pays them, what is refused of them, and those of a day."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from statistics import median

from strategy.exit_codes import Exit, Remedied

#: Longest time between two payments: venues pay every 1, 4 or 8 hours.
LONGEST_GAP = timedelta(hours=8)
#: Venues stamp a payment some milliseconds beside its minute.
JITTER = timedelta(minutes=1)
#: Largest rate of one payment, a fraction: venues cap it below. A rate in percent may lie beyond.
MOST_FUNDING = Decimal("0.05")
#: Largest usual rate: half a percent a payment is 550 % a year, and the usual 0.01 % written in percent lies beyond.
MOST_USUAL = Decimal("0.005")
#: Payments from which on a rate counts as usual: a week of them.
USUAL_STAMPS = 21
#: Decimals of a rate and a mark, as the store keeps them.
DIGITS = 12
_DAY, _ZERO = timedelta(days=1), Decimal(0)
_REMEDY = "add what is missing to the file of the setting funding, or choose other days"


class FundingMissing(ValueError):
    """A day of which not every payment of funding is known (exit 3)."""

    exit_code = Exit.DATA


class FundingFault(StrEnum):
    """Fault of the funding rates of a symbol, for code that branches on it."""

    LEVEL = "level"
    PERCENT = "percent"
    MARK = "mark"
    TWICE = "twice"
    GAP = "gap"
    CHANGED = "changed"


class FundingRefused(Remedied):
    """Funding rates that the data gate refuses (exit 3)."""

    exit_code = Exit.DATA

    def __init__(self, fault: FundingFault, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """A payment: its instant, UTC, the rate, a fraction that longs pay if positive, and the mark price if recorded."""

    at: datetime
    rate: Decimal
    mark: Decimal | None = None


def minute_of(at: datetime) -> datetime:
    """Return the nearest full minute, in UTC: venues stamp a payment some milliseconds beside it.

    >>> minute_of(datetime(2024, 1, 2, 8, 0, 0, 3_000, tzinfo=UTC)).isoformat()
    '2024-01-02T08:00:00+00:00'
    """
    return (at.astimezone(UTC) + timedelta(seconds=30)).replace(second=0, microsecond=0)


def sound_rates(name: str, symbol: str, rates: Iterable[FundingRate]) -> tuple[FundingRate, ...]:
    """Return the payments of a symbol sorted, at full minutes, each once. Negative rates are real.

    Raises FundingRefused for a rate beyond MOST_FUNDING, rates in percent, a mark that is not above 0, and two payments
    of one minute that differ. `name` is that of the source.

    >>> eight = datetime(2024, 1, 2, 8, tzinfo=UTC)
    >>> sound_rates("f.csv", "BTCUSDT", [FundingRate(at=eight, rate=Decimal("0.1"))])
    Traceback (most recent call last):
    ...
    strategy.market.funding_rates.FundingRefused: f.csv has the funding rate 0.1 of BTCUSDT at 2024-01-02 08:00 UTC, ...
    """
    found: dict[datetime, FundingRate] = {}
    for rate in rates:
        at = minute_of(rate.at)
        _demand_level(name, symbol, rate)
        mark = None if rate.mark is None else round(rate.mark, DIGITS)
        new = FundingRate(at=at, rate=round(rate.rate, DIGITS), mark=mark)
        if found.setdefault(at, new) != new:
            raise FundingRefused(
                FundingFault.TWICE,
                f"{name} has two different payments of {symbol} at {told(at)}: rates {found[at].rate} and {rate.rate}",
                "keep one of them",
            )
    usual = median(abs(rate.rate) for rate in found.values()) if len(found) >= USUAL_STAMPS else _ZERO
    if usual > MOST_USUAL:
        raise FundingRefused(
            FundingFault.PERCENT,
            f"the usual funding rate of {symbol} in {name} is {usual}, above {MOST_USUAL} a payment",
            "a rate is a fraction, 0.0001 for 0.01 %; divide rates in percent by 100",
        )
    return tuple(found[at] for at in sorted(found))


def demand_unbroken(name: str, symbol: str, rates: Sequence[FundingRate]) -> None:
    """Raise FundingRefused for sorted payments of a symbol with a gap of more than LONGEST_GAP."""
    for before, after in pairwise(rates):
        if after.at - before.at > LONGEST_GAP + JITTER:
            raise FundingRefused(
                FundingFault.GAP,
                f"{name} has no funding rate of {symbol} for {(after.at - before.at) / timedelta(hours=1):g} hours, "
                f"from {told(before.at)} to {told(after.at)}, and {LONGEST_GAP / timedelta(hours=1):g} are allowed",
                "add the missing rates, or remove those before the gap",
            )


def _demand_level(name: str, symbol: str, rate: FundingRate) -> None:
    if not abs(rate.rate) <= MOST_FUNDING:
        raise FundingRefused(
            FundingFault.LEVEL,
            f"{name} has the funding rate {rate.rate} of {symbol} at {told(rate.at)}, beyond {MOST_FUNDING} a payment",
            "a rate is a fraction, 0.0001 for 0.01 %; divide rates in percent by 100",
        )
    if rate.mark is not None and not rate.mark > 0:
        raise FundingRefused(
            FundingFault.MARK,
            f"{name} has the mark {rate.mark} of {symbol} at {told(rate.at)}",
            "a mark price is above 0; leave it empty where it is not known",
        )


def told(at: datetime) -> str:
    """Return an instant as messages write it.

    >>> told(datetime(2024, 1, 2, 8, tzinfo=UTC))
    '2024-01-02 08:00 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSeries:
    """The known payments of a symbol, sorted, each once. Raises ValueError if they are not."""

    symbol: str
    rates: tuple[FundingRate, ...]

    def __post_init__(self) -> None:
        if any(after.at <= before.at for before, after in pairwise(self.rates)):
            raise ValueError(f"the funding rates of {self.symbol} must be sorted, each instant once")

    def __hash__(self) -> int:
        # Equal series are equally long; hashing all rates would slow down a grid of many points.
        return hash((self.symbol, len(self.rates)))

    def __repr__(self) -> str:
        return f"FundingSeries({self.symbol!r}, {len(self.rates)} rates)"

    def paid(self, first: date, last: date) -> tuple[FundingRate, ...]:
        """Return the payments from 00:00 UTC of the first day to before 24:00 of the last.

        Raises FundingMissing where these days lack one: before 08:00, for more than LONGEST_GAP, or at their end.

        >>> at = [datetime(2024, 1, 2, hour, tzinfo=UTC) for hour in (0, 8, 16)]
        >>> series = FundingSeries(symbol="BTCUSDT", rates=tuple(FundingRate(at=each, rate=Decimal(0)) for each in at))
        >>> [rate.at.hour for rate in series.paid(date(2024, 1, 2), date(2024, 1, 2))]
        [0, 8, 16]
        """
        begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + _DAY
        rows = [bisect_left(self.rates, each, key=lambda rate: rate.at) for each in (begin, end)]
        found = self.rates[rows[0] : rows[1]]
        if not found or found[0].at >= begin + LONGEST_GAP:
            self._refuse(begin, found[0].at if found else end)
        for before, after in pairwise(found):
            if after.at - before.at > LONGEST_GAP + JITTER:
                self._refuse(before.at, after.at)
        if end - found[-1].at > LONGEST_GAP + JITTER:
            self._refuse(found[-1].at, end)
        return found

    def _refuse(self, start: datetime, end: datetime) -> None:
        raise FundingMissing(
            f"{self.symbol} lacks a funding rate from {told(start)} to {told(end)}, and a perpetual pays every "
            f"{LONGEST_GAP / timedelta(hours=1):g} hours or more often; {_REMEDY}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """The known payments of perpetual futures, by symbol."""

    series: Mapping[str, FundingSeries] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(frozenset(self.series.items()))

    def __bool__(self) -> bool:
        return bool(self.series)

    def paid(self, symbol: str, first: date, last: date) -> tuple[FundingRate, ...]:
        """Return the payments of the symbol's days, both included. Raises FundingMissing."""
        return self.series.get(symbol, FundingSeries(symbol=symbol, rates=())).paid(first, last)


#: No payment is known.
NO_FUNDING = Funding()
