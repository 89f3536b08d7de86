"""Axes: the position of a value in a picture, the values to mark, and their labels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from tasks.report.small_numbers import change

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
#: The fewest values to mark on an axis: one alone shows no scale.
FEWEST_TICKS = 3
#: The smallest span of a money axis, relative to its highest value.
SMALLEST_SPAN = 0.002
DAY_STEPS = (1, 2, 7, 14)
MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A map from values between low and high to pixels between start and stop, linear after `bend`.

    Raises ValueError unless low < high.
    """

    low: float
    high: float
    start_px: float
    stop_px: float
    bend: Callable[[float], float] = float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a scale from {self.low} to {self.high} has no room; low must be below high")

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high = self.bend(self.low), self.bend(self.high)
        return self.start_px + (self.bend(value) - low) / (high - low) * (self.stop_px - self.start_px)


def padded(values: Sequence[float], share: float) -> tuple[float, float]:
    """Return the lowest and highest value with a margin around them, never an empty range; (0, 1) if there are none.

    >>> padded([100.0, 100.0], 0.05)
    (99.0, 101.0)
    """
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) / 100 or 1.0
        return low - room, high + room
    return low - (high - low) * share, high + (high - low) * share


def equity_scale(values: Sequence[float], bottom_px: float, top_px: float) -> Scale:
    """Return a vertical axis for money: logarithmic, unless a value is not positive.

    It spans at least SMALLEST_SPAN of the highest value, so that tiny movements do not look like large ones.
    """
    finite = [value for value in values if math.isfinite(value)]
    if finite and max(finite) - min(finite) < SMALLEST_SPAN * abs(max(finite)):
        middle, room = (max(finite) + min(finite)) / 2, SMALLEST_SPAN / 2 * abs(max(finite))
        finite = [middle - room, middle + room]
    if finite and min(finite) > 0:
        low, high = padded([math.log10(value) for value in finite], 0.06)
        return Scale(low=10**low, high=10**high, start_px=bottom_px, stop_px=top_px, bend=math.log10)
    low, high = padded(finite, 0.06)
    return Scale(low=low, high=high, start_px=bottom_px, stop_px=top_px)


def date_scale(dates: Sequence[date], left_px: float, right_px: float) -> Scale:
    """Return a horizontal axis for dates as ordinals; a single date is in the middle."""
    low, high = dates[0].toordinal(), dates[-1].toordinal()
    room = max(0.5, (high - low) * 0.01)
    return Scale(low=low - room, high=high + room, start_px=left_px, stop_px=right_px)


def value_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Return about `count` round values within low and high, with their labels: three of them, or `count` if fewer.

    >>> value_ticks(9_900.0, 10_120.0, 3)
    [(9900.0, '9,900'), (10000.0, '10,000'), (10100.0, '10,100')]
    >>> [text for _, text in value_ticks(-1.5, 1.6, 3)]
    ['−1', '0', '1']
    """
    # Where round values are far apart hardly one of them may lie within: then the next finer ones are marked.
    for parts in range(count, 2 * count + 2):
        step = nice_step((high - low) / parts)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 >= min(count, FEWEST_TICKS):
            break
    return [(index * step, amount(index * step, step)) for index in range(first, last + 1)]


def nice_step(rough: float) -> float:
    """Return the next round number, 1, 2, 2.5, 5 or 10 times a power of ten, at or above `rough`.

    >>> nice_step(73.0)
    100.0
    """
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in NICE if nice * power >= rough * (1 - 1e-9))


def scale_ticks(scale: Scale, count: int) -> list[tuple[float, str]]:
    """Return round values to mark on a scale: 1, 2 and 5 times powers of ten if it is logarithmic.

    >>> [text for _, text in scale_ticks(equity_scale([900.0, 60_000.0], 0, 1), 4)]
    ['1,000', '2,000', '5,000', '10,000', '20,000', '50,000']
    """
    if scale.bend is not math.log10:
        return value_ticks(scale.low, scale.high, count)
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for factors, stride in (((1, 2, 5), 1), ((1,), 1), ((1,), 3)):
        marks = [factor * 10.0**power for power in powers[::stride] for factor in factors]
        inside = [mark for mark in marks if scale.low <= mark <= scale.high]
        if len(inside) <= 2 * count:
            break
    if len(inside) > 2:
        return [(mark, amount(mark, mark)) for mark in inside]
    return value_ticks(scale.low, scale.high, count)


def amount(value: float, step: float) -> str:
    """Return a value as text with as many decimals as its step needs; millions are shortened.

    >>> amount(12_500.0, 500.0), amount(-0.25, 0.05), amount(12_500_000.0, 500_000.0)
    ('12,500', '−0.25', '12.5M')
    """
    if abs(value) >= 1e7 and step >= 1e4:
        return f"{value / 1e6:,.{_decimals(step / 1e6)}f}M".replace("-", "−")
    return f"{value:,.{_decimals(step)}f}".replace("-", "−")


def _decimals(step: float) -> int:
    return next((digits for digits in range(9) if abs(round(step, digits) - step) < step * 1e-6), 9)


def signed_percent(fraction: float) -> str:
    """Return a change as text in percent, with its sign.

    >>> signed_percent(0.1234), signed_percent(-0.02), signed_percent(-0.00038), signed_percent(0.0)
    ('+12.3%', '−2.0%', '−0.038%', '0.0%')
    """
    return change(fraction).replace("-", "−")


def date_ticks(first: date, last: date, count: int) -> list[tuple[date, str]]:
    """Return at most `count` + 1 dates to mark between first and last, with labels, in days, months or years.

    >>> [text for _, text in date_ticks(date(2018, 12, 27), date(2018, 12, 31), 4)]
    ['27 Dec', '28 Dec', '29 Dec', '30 Dec', '31 Dec']
    >>> [text for _, text in date_ticks(date(2011, 3, 1), date(2019, 6, 1), 4)]
    ['2012', '2014', '2016', '2018']
    """
    if first == last:
        return [(first, first.isoformat())]
    days = last.toordinal() - first.toordinal()
    for step in DAY_STEPS:
        if days // step <= count and days <= 45:
            marks = [date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1, step)]
            return [(mark, f"{mark.day} {mark:%b}") for mark in marks]
    for step in MONTH_STEPS:
        marks = _months(first, last, step)
        if len(marks) <= count + 1:
            break
    return [(mark, str(mark.year) if step >= 12 else f"{mark:%b %Y}") for mark in marks]


def _months(first: date, last: date, step: int) -> list[date]:
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [date(month // 12, month % 12 + 1, 1) for month in months if month % step == 0]
    return [start for start in starts if first <= start <= last]
