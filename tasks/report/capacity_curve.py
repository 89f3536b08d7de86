"""The capacity curve: the net Sharpe ratio of an account against its capital, as market impact leaves it."""

import math
from dataclasses import dataclass
from decimal import Decimal

from tasks.report.plots import Canvas, below_axis, drawing, heading, key, line_mark, value_axis
from tasks.report.scales import Scale, padded, value_ticks

WIDE = Canvas(width_px=960, height_px=260)
NARROW = Canvas(width_px=400, height_px=240, right_px=10)
#: The letters of thousands, millions and so on.
_LETTERS = ("", "k", "M", "B", "T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityCurve:
    """Net Sharpe ratios by capital, None where the account never traded; `own` is the capital of the account reported.

    Raises ValueError unless the capitals are above 0, increase, and are two at least.
    """

    title: str
    points: tuple[tuple[Decimal, float | None], ...]
    own: Decimal

    def __post_init__(self) -> None:
        capitals = [capital for capital, _ in self.points]
        if len(capitals) < 2 or not capitals[0] > 0 or capitals != sorted(set(capitals)):
            raise ValueError(f"a capacity curve has the capitals {capitals}; give two or more above 0, increasing")


def capacity_picture(curve: CapacityCurve, canvas: Canvas = WIDE) -> str:
    """Return the picture as self-contained SVG for light and dark mode, with capital on a logarithmic axis.

    >>> two = CapacityCurve(title="Capacity", points=((Decimal(10), 0.5), (Decimal(100), None)), own=Decimal(10))
    >>> capacity_picture(two).count('class="td-dot td-dot-0"')
    1
    """
    own_mark = '<line class="td-level" x1="0" x2="14" y1="-4" y2="-4"/>'
    entries = [(line_mark(0), "net Sharpe ratio"), (own_mark, f"capital of this account, {short(curve.own)}")]
    title, top_px = key(curve.title, entries, canvas)
    # Below the heading of the axis.
    top_px += 12.0
    floor_px = canvas.height_px - 26.0
    capitals = [float(capital) for capital, _ in curve.points]
    known = [(float(capital), ratio) for capital, ratio in curve.points if ratio is not None]
    x = Scale(
        low=min(capitals[0], float(curve.own)) / 1.5,
        high=max(capitals[-1], float(curve.own)) * 1.5,
        start_px=canvas.left_px,
        stop_px=canvas.plot_right_px,
        bend=math.log10,
    )
    low, high = padded([0.0, *(ratio for _, ratio in known)], 0.08)
    y = Scale(low=low, high=high, start_px=floor_px, stop_px=top_px + 4.0)
    up = [(y(value), text) for value, text in value_ticks(low, high, 4)]
    points = [(x(capital), y(ratio)) for capital, ratio in known]
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
    parts = [
        title,
        below_axis([(x(capital), short(Decimal(capital))) for capital in capitals], (top_px, floor_px), canvas),
        heading("Sharpe", top_px - 4, canvas),
        value_axis(up, canvas),
        _dashed((canvas.left_px, canvas.plot_right_px), (y(0.0), y(0.0))),
        _dashed((x(float(curve.own)), x(float(curve.own))), (top_px, floor_px)),
        f'<path class="td-line td-0" d="M{path}"/>' if len(points) > 1 else "",
        *(f'<circle class="td-dot td-dot-0" cx="{px:.1f}" cy="{py:.1f}" r="4"/>' for px, py in points),
    ]
    return drawing(curve.title, canvas, parts)


def short(capital: Decimal) -> str:
    """Return an amount in a few characters.

    >>> [short(Decimal(text)) for text in ("950", "10000", "2500000", "1e9")]
    ['950', '10k', '2.5M', '1B']
    """
    power = min(max(capital.adjusted() // 3, 0), len(_LETTERS) - 1)
    return f"{capital / 1000**power:.4g}{_LETTERS[power]}"


def _dashed(columns_px: tuple[float, float], rows_px: tuple[float, float]) -> str:
    (left_px, right_px), (top_px, bottom_px) = columns_px, rows_px
    return f'<line class="td-level" x1="{left_px:.1f}" x2="{right_px:.1f}" y1="{top_px:.1f}" y2="{bottom_px:.1f}"/>'
