"""The distribution of returns, beside a normal one of the same mean and standard deviation."""

import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from tasks.report.plots import Canvas, bar, below_axis, block_mark, drawing, key, line_mark, value_axis
from tasks.report.scales import Scale, nice_step, signed_percent, value_ticks

WIDE = Canvas(width_px=960, height_px=260)
NARROW = Canvas(width_px=400, height_px=240, right_px=10)
#: Approximate number of bars over four deviations to either side; bars further out have the same width.
BARS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Daily returns as fractions. Raises ValueError for fewer than two, or if all are equal."""

    title: str
    returns: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.returns) < 2 or min(self.returns) == max(self.returns):
            raise ValueError(
                f"{len(self.returns)} returns have no distribution; at least two different ones are needed"
            )


def distribution_picture(distribution: Distribution, canvas: Canvas = WIDE) -> str:
    """Return the picture as self-contained SVG for light and dark mode.

    >>> two = Distribution(title="Returns", returns=(-0.01, 0.01))
    >>> distribution_picture(two).count('class="td-bar"')
    3
    """
    returns = distribution.returns
    normal = NormalDist(fmean(returns), stdev(returns))
    step = nice_step(8 * normal.stdev / BARS)
    bins = Counter(math.floor(value / step) for value in returns)
    first, last = (math.floor((normal.mean + side * 4 * normal.stdev) / step) for side in (-1, 1))
    expected = [(place, len(returns) * step * normal.pdf((place + 0.5) * step)) for place in range(first, last + 1)]
    title, top_px = key(
        distribution.title,
        [(block_mark("td-bar"), "days"), (line_mark(1), "normal, same mean and deviation")],
        canvas,
    )
    floor_px = canvas.height_px - 26.0
    x = Scale(
        low=min(*bins, expected[0][0]) * step,
        high=(max(*bins, expected[-1][0]) + 1) * step,
        start_px=canvas.left_px,
        stop_px=canvas.plot_right_px,
    )
    most = max(*bins.values(), *(days for _, days in expected))
    y = Scale(low=0.0, high=most * 1.05, start_px=floor_px, stop_px=top_px + 4.0)
    across = [
        (x(value), signed_percent(value)) for value, _ in value_ticks(x.low, x.high, max(4, canvas.width_px // 110))
    ]
    up = [(y(value), text) for value, text in value_ticks(0.0, most, 4)]
    bars = [
        bar("td-bar", (x(place * step) + 0.5, x((place + 1) * step) - 0.5), (y(days), floor_px))
        for place, days in sorted(bins.items())
    ]
    bell = "L".join(f"{x((place + 0.5) * step):.1f} {y(days):.1f}" for place, days in expected)
    parts = [title, below_axis(across, (top_px, floor_px), canvas), value_axis(up, canvas), *bars]
    return drawing(distribution.title, canvas, [*parts, f'<path class="td-line td-1" d="M{bell}"/>'])
