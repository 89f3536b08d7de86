"""The equity picture: an account against its benchmarks, with its regimes and drawdown, and panels below."""

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from html import escape

from tasks.report.palette import REGIMES
from tasks.report.plots import (
    FEW_DAYS,
    Canvas,
    bar,
    block_mark,
    curve,
    date_axis,
    drawing,
    edges,
    heading,
    kept,
    key,
    line_mark,
    plot,
    text_px,
    value_axis,
)
from tasks.report.scales import Scale, date_scale, equity_scale, padded, scale_ticks, signed_percent, value_ticks

WIDE = Canvas(width_px=960, height_px=460)
NARROW = Canvas(width_px=400, height_px=440, right_px=10)
#: Height of a panel with its heading above and its dates below, and those of the two.
PANEL_PX, PANEL_HEAD_PX, DATES_PX = 132, 26, 26
#: Gap between the picture's edge, an axis label and the plot.
LABEL_GAP_PX = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value per date; NaN where there is none, which the line skips."""

    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A small plot on the same dates: lines in the picture's colours, and a dashed reference level."""

    heading: str
    lines: tuple[Line, ...]
    level: float
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPicture:
    """The content of an equity picture: the first line is the subject, the others are its benchmarks.

    `drawdown` is the subject's distance below its peak as a positive fraction, or empty for a picture without it;
    `regimes` are Bull, Neutral, Bear or "" per date, or no regimes at all; `band` is the lower and the upper edge of
    what is expected of the subject, per date, NaN where nothing is; `regimes_of` says whose the regimes are. Raises
    ValueError if lengths differ or dates do not increase.
    """

    title: str
    dates: tuple[date, ...]
    lines: tuple[Line, ...]
    drawdown: tuple[float, ...] = ()
    regimes: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    regimes_of: str = ""

    def __post_init__(self) -> None:
        if not self.dates or not self.lines:
            raise ValueError("a picture needs at least one date and one line")
        if list(self.dates) != sorted(set(self.dates)):
            raise ValueError("the dates of a picture must increase strictly")
        lengths = {line.label: len(line.values) for line in self.lines}
        if self.drawdown:
            lengths["drawdown"] = len(self.drawdown)
        lengths |= {panel.heading: len(line.values) for panel in self.panels for line in panel.lines}
        if self.band is not None:
            lengths |= {"lower edge": len(self.band[0]), "upper edge": len(self.band[1])}
        if self.regimes:
            lengths["regimes"] = len(self.regimes)
        wrong = {label: length for label, length in lengths.items() if length != len(self.dates)}
        if wrong:
            raise ValueError(f"a picture of {len(self.dates)} dates was given {wrong}; every length must be the same")


def equity_picture(picture: EquityPicture, canvas: Canvas = WIDE) -> str:
    """Return the picture as self-contained SVG for light and dark mode; each panel makes the canvas taller.

    >>> line = Line(label="A", values=(1.0,))
    >>> day = EquityPicture(title="A day", dates=(date(2020, 1, 2),), lines=(line,), drawdown=(0.0,))
    >>> equity_picture(day).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    True
    """
    canvas = _with_room(picture, canvas)
    title, top_px = _key(picture, canvas)
    floor_px = float(canvas.height_px - DATES_PX)
    whole = replace(canvas, height_px=canvas.height_px + PANEL_PX * len(picture.panels))
    water_px = floor_px - (floor_px - top_px) * 0.22 if picture.drawdown else floor_px
    # Room under the ribbon for the heading of the plot below it.
    ribbon_px = water_px - 32.0 if picture.drawdown or picture.regimes else floor_px
    x = date_scale(picture.dates, canvas.left_px, canvas.plot_right_px)
    borders = edges(picture.dates, x, canvas)
    rows_px = (top_px + 4.0, ribbon_px - 6.0)
    y = equity_scale(_shown(picture), rows_px[1], rows_px[0])
    curves = [curve(picture.dates, line.values, (x, y), index) for index, line in enumerate(picture.lines)]
    panels = [
        _panel(panel, (picture.dates, x), float(canvas.height_px + PANEL_PX * row), canvas)
        for row, panel in enumerate(picture.panels)
    ]
    ticks = value_axis([(y(value), text) for value, text in scale_ticks(y, 5)], canvas)
    parts = [
        title,
        date_axis(picture.dates, x, (top_px, floor_px), canvas),
        heading("log scale" if y.bend is math.log10 else "equity", top_px - 4, canvas),
        heading("regime", ribbon_px + 8, canvas) if picture.regimes else "",
        heading("drawdown", water_px - 8, canvas) if picture.drawdown else "",
        _ribbon(picture.regimes, borders, ribbon_px),
        # The subject is drawn last, on top of its benchmarks.
        plot(rows_px, ticks, "".join([_expected(picture, (x, y)), *reversed(curves)])),
        _underwater(picture, (x, borders), (water_px, floor_px), canvas) if picture.drawdown else "",
        *panels,
    ]
    return drawing(picture.title, whole, parts)


def _shown(picture: EquityPicture) -> list[float]:
    """Return all values of the equity plot."""
    shown = [value for line in picture.lines for value in line.values]
    return [*shown, *picture.band[0], *picture.band[1]] if picture.band else shown


def _expected(picture: EquityPicture, scales: tuple[Scale, Scale]) -> str:
    """Return the band as a shape, from its first known day on; empty without one of two days."""
    if picture.band is None:
        return ""
    x, y = scales
    low, high = picture.band
    rows = [row for row in kept(low) if math.isfinite(low[row]) and math.isfinite(high[row])]
    if len(rows) < 2:
        return ""
    around = [(row, high[row]) for row in rows] + [(row, low[row]) for row in reversed(rows)]
    points = "L".join(f"{x(picture.dates[row].toordinal()):.1f} {y(value):.1f}" for row, value in around)
    return f'<path class="td-expected" d="M{points}Z"/>'


def _with_room(picture: EquityPicture, canvas: Canvas) -> Canvas:
    """Return the canvas with a margin that fits the longest label of the equity axis."""
    axis = equity_scale(_shown(picture), 1.0, 0.0)
    widest_px = max((text_px(text) for _, text in scale_ticks(axis, 5)), default=0.0)
    return replace(canvas, left_px=max(canvas.left_px, math.ceil(widest_px) + LABEL_GAP_PX))


def svg_data_uri(svg: str) -> str:
    """Return the SVG as a data: URI, for an image artifact or an <img>."""
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8")).decode("ascii")


def _key(picture: EquityPicture, canvas: Canvas) -> tuple[str, float]:
    entries = [(line_mark(index), _caption(line)) for index, line in enumerate(picture.lines)]
    entries += [(block_mark("td-expected"), "expected band")] if picture.band else []
    shown = [(block_mark(f"td-{name.lower()}"), name) for name in REGIMES if name in picture.regimes]
    entries += [("", f"Regime of {picture.regimes_of}:")] if shown and picture.regimes_of else []
    return key(picture.title, [*entries, *shown], canvas, len(picture.lines))


def _caption(line: Line) -> str:
    known = [value for value in line.values if math.isfinite(value)]
    if len(known) < 2 or known[0] <= 0:
        return line.label
    return f"{line.label} {signed_percent(known[-1] / known[0] - 1)}"


def _ribbon(regimes: Sequence[str], borders: Sequence[float], at_px: float) -> str:
    parts = []
    start = 0
    for stop in range(1, len(regimes) + 1):
        if stop == len(regimes) or regimes[stop] != regimes[start]:
            if regimes[start] in REGIMES:
                span_px = (borders[start], borders[stop])
                parts.append(bar(f"td-{regimes[start].lower()}", span_px, (at_px, at_px + 9)))
            start = stop
    return f'<g class="td-ribbon" data-top="{at_px:.1f}">{"".join(parts)}</g>' if regimes else ""


def _underwater(
    picture: EquityPicture, across: tuple[Scale, Sequence[float]], rows_px: tuple[float, float], canvas: Canvas
) -> str:
    x, borders = across
    depth = [value if math.isfinite(value) else 0.0 for value in picture.drawdown]
    deepest = max(0.02, *depth)
    y = Scale(low=0.0, high=deepest * 1.08, start_px=rows_px[0], stop_px=rows_px[1])
    ticks = [(y(value), f"−{value * 100:.4g}%" if value else "0%") for value, _ in value_ticks(0.0, deepest, 2)]
    if len(depth) <= FEW_DAYS:
        rows = [((borders[row] + 1, borders[row + 1] - 1), value) for row, value in enumerate(depth)]
        water = "".join(bar("td-water", span_px, (y(0.0), y(value))) for span_px, value in rows)
    else:
        points = "L".join(f"{x(picture.dates[row].toordinal()):.1f} {y(depth[row]):.1f}" for row in kept(depth))
        start, stop = x(picture.dates[0].toordinal()), x(picture.dates[-1].toordinal())
        shore = f'<path class="td-shore" data-line="0" d="M{points}"/>'
        area = f"M{start:.1f} {y(0.0):.1f}L{points}L{stop:.1f} {y(0.0):.1f}Z"
        water = f'<path class="td-water" data-line="0" d="{area}"/>{shore}'
    return plot(rows_px, value_axis(ticks, canvas), water)


def _panel(panel: Panel, across: tuple[Sequence[date], Scale], top_px: float, canvas: Canvas) -> str:
    """Return a panel from `top_px` down, with its heading above and its dates below."""
    dates, x = across
    rows_px = (top_px + PANEL_HEAD_PX, top_px + PANEL_PX - DATES_PX)
    known = [value for line in panel.lines for value in line.values if math.isfinite(value)]
    low, high = padded([*known, panel.level], 0.06)
    y = Scale(low=low, high=high, start_px=rows_px[1], stop_px=rows_px[0])
    ticks = [(y(value), f"{text}{panel.unit}") for value, text in value_ticks(low, high, 3)]
    left_px, right_px, level_px = canvas.left_px, canvas.plot_right_px, y(panel.level)
    curves = [curve(dates, line.values, (x, y), index) for index, line in enumerate(panel.lines)]
    level = f'<line class="td-level" x1="{left_px}" x2="{right_px}" y1="{level_px:.1f}" y2="{level_px:.1f}"/>'
    drawn = f'{level}<g class="td-fine">{"".join(reversed(curves))}</g>'
    return (
        f'<text class="td-text td-head" x="{left_px}" y="{top_px + 18:.1f}">{escape(panel.heading)}</text>'
        + date_axis(dates, x, rows_px, canvas)
        + plot(rows_px, value_axis(ticks, canvas), drawn)
    )
