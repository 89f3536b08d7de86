"""The equity picture: an account against its benchmarks, its regimes and its drawdown, as one SVG text."""

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import pairwise

from tasks.palette import COLOURS, REGIMES, STYLE
from tasks.scales import Scale, date_scale, date_ticks, equity_scale, scale_ticks, signed_percent, value_ticks

#: Up to so many days are drawn as points and bars; more would run together.
FEW_DAYS = 31
#: Room for one character of a 12-pixel label.
CHARACTER_PX = 6.7
ROW_PX = 19.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account's equity at every date; NaN where it has none, and the line leaps over."""

    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPicture:
    """What is drawn: the first line is the subject, the others are its benchmarks.

    `drawdown` is the subject's distance below its peak as a positive fraction; `regimes` are Bull, Neutral, Bear or ""
    per date, or no regimes at all. Raises ValueError where lengths differ or dates do not increase.
    """

    title: str
    dates: tuple[date, ...]
    lines: tuple[Line, ...]
    drawdown: tuple[float, ...]
    regimes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.dates or not self.lines:
            raise ValueError("a picture needs at least one date and one line")
        if list(self.dates) != sorted(set(self.dates)):
            raise ValueError("the dates of a picture must increase strictly")
        lengths = {line.label: len(line.values) for line in self.lines} | {"drawdown": len(self.drawdown)}
        if self.regimes:
            lengths["regimes"] = len(self.regimes)
        wrong = {label: length for label, length in lengths.items() if length != len(self.dates)}
        if wrong:
            raise ValueError(f"a picture of {len(self.dates)} dates was given {wrong}; every length must be the same")


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The size of a picture, in pixels."""

    width_px: int
    height_px: int
    left_px: int = 66
    right_px: int = 16

    @property
    def plot_right_px(self) -> float:
        """Where the plots end."""
        return float(self.width_px - self.right_px)


WIDE = Canvas(width_px=960, height_px=460)
NARROW = Canvas(width_px=400, height_px=440, right_px=10)


def equity_picture(picture: EquityPicture, canvas: Canvas = WIDE) -> str:
    """The picture as a standalone SVG document without scripts or outside resources; light and dark.

    >>> line = Line(label="A", values=(1.0,))
    >>> day = EquityPicture(title="A day", dates=(date(2020, 1, 2),), lines=(line,), drawdown=(0.0,))
    >>> equity_picture(day).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    True
    """
    key, top_px = _legend(picture, canvas)
    floor_px = canvas.height_px - 26.0
    water_px = floor_px - (floor_px - top_px) * 0.22
    ribbon_px = water_px - 24.0
    x = date_scale(picture.dates, canvas.left_px, canvas.plot_right_px)
    edges = _edges(picture.dates, x, canvas)
    values = [value for line in picture.lines for value in line.values]
    y = equity_scale(values, ribbon_px - 6.0, top_px + 4.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {canvas.width_px} {canvas.height_px}" '
        f'width="{canvas.width_px}" height="{canvas.height_px}" role="img">',
        f"<title>{escape(picture.title)}</title><style>{STYLE}</style>",
        f'<rect class="td-ground" width="{canvas.width_px}" height="{canvas.height_px}" rx="8"/>',
        key,
        _date_axis(picture.dates, x, (top_px, floor_px), canvas),
        _heading("equity", top_px - 4, canvas),
        _heading("drawdown", water_px - 8, canvas),
        _value_axis([(y(value), text) for value, text in scale_ticks(y, 5)], canvas),
        _ribbon(picture.regimes, edges, ribbon_px),
        *(_curve(picture.dates, line.values, (x, y), index) for index, line in reversed([*enumerate(picture.lines)])),
        _underwater(picture, x, edges, (water_px, floor_px), canvas),
        "</svg>",
    ]
    return "".join(parts)


def svg_data_uri(svg: str) -> str:
    """The SVG as a data: address, for an image artifact or an <img>."""
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8")).decode("ascii")


def _legend(picture: EquityPicture, canvas: Canvas) -> tuple[str, float]:
    """Title and keys, wrapped to the canvas, and the pixel below them."""
    entries = [
        (f'<line class="td-key td-key-{index % COLOURS}" x1="0" x2="14" y1="-4" y2="-4"/>', _caption(line))
        for index, line in enumerate(picture.lines)
    ]
    entries += [
        (f'<rect class="td-{name.lower()}" y="-9" width="14" height="9" rx="2"/>', name)
        for name in REGIMES
        if name in picture.regimes
    ]
    parts = [f'<text class="td-text td-title" x="{canvas.left_px}" y="24">{escape(picture.title)}</text>']
    x_px, y_px = float(canvas.left_px), 24.0 + ROW_PX + 2
    for mark, caption in entries:
        width_px = 20 + len(caption) * CHARACTER_PX + 16
        if x_px > canvas.left_px and x_px + width_px > canvas.plot_right_px:
            x_px, y_px = float(canvas.left_px), y_px + ROW_PX
        label = f'<text class="td-text" x="20">{escape(caption)}</text>'
        parts.append(f'<g transform="translate({x_px:.0f} {y_px:.0f})">{mark}{label}</g>')
        x_px += width_px
    return "".join(parts), y_px + 10.0


def _caption(line: Line) -> str:
    known = [value for value in line.values if math.isfinite(value)]
    if len(known) < 2 or known[0] <= 0:
        return line.label
    return f"{line.label} {signed_percent(known[-1] / known[0] - 1)}"


def _date_axis(dates: Sequence[date], x: Scale, rows_px: tuple[float, float], canvas: Canvas) -> str:
    top_px, floor_px = rows_px
    parts = []
    for mark, text in date_ticks(dates[0], dates[-1], max(2, canvas.width_px // 110)):
        at_px = x(mark.toordinal())
        half_px = len(text) * CHARACTER_PX / 2
        label_px = min(max(at_px, canvas.left_px + half_px - 20), canvas.plot_right_px - half_px)
        parts.append(f'<line class="td-grid" x1="{at_px:.1f}" x2="{at_px:.1f}" y1="{top_px:.1f}" y2="{floor_px:.1f}"/>')
        parts.append(
            f'<text class="td-text" x="{label_px:.1f}" y="{floor_px + 18:.1f}" text-anchor="middle">{text}</text>'
        )
    return "".join(parts)


def _heading(text: str, at_px: float, canvas: Canvas) -> str:
    return f'<text class="td-text td-unit" x="{canvas.left_px - 8}" y="{at_px:.1f}" text-anchor="end">{text}</text>'


def _value_axis(ticks: Sequence[tuple[float, str]], canvas: Canvas) -> str:
    """Grid lines with their labels, at the given heights."""
    left_px, right_px = canvas.left_px, canvas.plot_right_px
    return "".join(
        f'<line class="td-grid" x1="{left_px}" x2="{right_px}" y1="{at_px:.1f}" y2="{at_px:.1f}"/>'
        f'<text class="td-text" x="{left_px - 8}" y="{at_px + 4:.1f}" text-anchor="end">{text}</text>'
        for at_px, text in ticks
    )


def _edges(dates: Sequence[date], x: Scale, canvas: Canvas) -> list[float]:
    """The borders between days, (T + 1): midway between neighbours, and the ends of the plot."""
    middles = [x((a.toordinal() + b.toordinal()) / 2) for a, b in pairwise(dates)]
    return [float(canvas.left_px), *middles, canvas.plot_right_px]


def _ribbon(regimes: Sequence[str], edges: Sequence[float], at_px: float) -> str:
    parts = []
    start = 0
    for stop in range(1, len(regimes) + 1):
        if stop == len(regimes) or regimes[stop] != regimes[start]:
            if regimes[start] in REGIMES:
                parts.append(_bar(f"td-{regimes[start].lower()}", edges[start], edges[stop], (at_px, at_px + 9)))
            start = stop
    return "".join(parts)


def _bar(style: str, left_px: float, right_px: float, rows_px: tuple[float, float]) -> str:
    height_px = rows_px[1] - rows_px[0]
    return (
        f'<rect class="{style}" x="{left_px:.1f}" y="{rows_px[0]:.1f}" '
        f'width="{right_px - left_px:.1f}" height="{height_px:.1f}"/>'
    )


def _curve(dates: Sequence[date], values: Sequence[float], scales: tuple[Scale, Scale], index: int) -> str:
    x, y = scales
    colour = index % COLOURS
    points = [(x(dates[row].toordinal()), y(values[row])) for row in _kept(values) if math.isfinite(values[row])]
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
    parts = [f'<path class="td-line td-{colour}" d="M{path}"/>'] if len(points) > 1 else []
    if len(dates) <= FEW_DAYS:
        parts += [
            f'<circle class="td-dot td-dot-{colour}" cx="{px:.1f}" cy="{py:.1f}" r="{4 if index == 0 else 3}"/>'
            for px, py in points
        ]
    return "".join(parts)


def _kept(values: Sequence[float], most: int = 1200) -> list[int]:
    """Rows enough to draw a line: of each stretch its ends and its extremes, all rows of a short one.

    >>> _kept([1.0, 5.0, 0.0, 2.0], most=4)
    [0, 1, 2, 3]
    """
    if len(values) <= most:
        return list(range(len(values)))
    stretch = math.ceil(len(values) * 4 / most)
    rows: set[int] = set()
    for start in range(0, len(values), stretch):
        stop = min(start + stretch, len(values))
        known = [row for row in range(start, stop) if math.isfinite(values[row])] or [start]
        rows |= {start, stop - 1, min(known, key=values.__getitem__), max(known, key=values.__getitem__)}
    return sorted(rows)


def _underwater(
    picture: EquityPicture, x: Scale, edges: Sequence[float], rows_px: tuple[float, float], canvas: Canvas
) -> str:
    depth = [value if math.isfinite(value) else 0.0 for value in picture.drawdown]
    deepest = max(0.02, *depth)
    y = Scale(low=0.0, high=deepest * 1.08, start_px=rows_px[0], stop_px=rows_px[1])
    ticks = [(y(value), f"−{value * 100:.4g}%" if value else "0%") for value, _ in value_ticks(0.0, deepest, 2)]
    if len(depth) <= FEW_DAYS:
        rows = [(edges[row] + 1, edges[row + 1] - 1, value) for row, value in enumerate(depth)]
        water = "".join(_bar("td-water", left, right, (y(0.0), y(value))) for left, right, value in rows)
    else:
        points = "L".join(f"{x(picture.dates[row].toordinal()):.1f} {y(depth[row]):.1f}" for row in _kept(depth))
        start, stop = x(picture.dates[0].toordinal()), x(picture.dates[-1].toordinal())
        shore = f'<path class="td-shore" d="M{points}"/>'
        water = f'<path class="td-water" d="M{start:.1f} {y(0.0):.1f}L{points}L{stop:.1f} {y(0.0):.1f}Z"/>{shore}'
    return _value_axis(ticks, canvas) + water
