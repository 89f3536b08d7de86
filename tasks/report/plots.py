"""The parts of every drawing as SVG text: canvas, axes, lines and bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import pairwise

from tasks.report.palette import COLOURS, STYLE
from tasks.report.scales import Scale, date_ticks

#: The most days that are drawn as points and bars; more would merge.
FEW_DAYS = 31
#: The width of a character in a 12-pixel label: the usual one, and those of narrow and wide characters.
CHARACTER_PX = 7.6
NARROW_PX, NARROW_CHARACTERS = 4.6, frozenset("fijlrt .,:;'()-")
WIDE_PX, WIDE_CHARACTERS = 11.2, frozenset("mwMW%+−")
#: The height of a row of labels.
ROW_PX = 19.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The size and margins of a drawing, in pixels."""

    width_px: int
    height_px: int
    left_px: int = 66
    right_px: int = 16

    @property
    def plot_right_px(self) -> float:
        """Return the right edge of the plots."""
        return float(self.width_px - self.right_px)


def drawing(title: str, canvas: Canvas, parts: Sequence[str]) -> str:
    """Return finished parts as one SVG text for light and dark mode; the title is escaped."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {canvas.width_px} {canvas.height_px}" '
        f'width="{canvas.width_px}" height="{canvas.height_px}" data-left="{canvas.left_px}" '
        f'data-right="{canvas.plot_right_px:g}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<rect class="td-ground" width="{canvas.width_px}" height="{canvas.height_px}" rx="8"/>'
        f"{''.join(parts)}</svg>"
    )


def key(title: str, entries: Sequence[tuple[str, str]], canvas: Canvas, lines: int = 0) -> tuple[str, float]:
    """Return the title and its (mark, caption) legend entries, wrapped to the canvas, and the pixel below them.

    The first `lines` entries are those of the lines with these numbers.
    """
    parts = [f'<text class="td-text td-title" x="{canvas.left_px}" y="24">{escape(title)}</text>']
    x_px, y_px = float(canvas.left_px), 24.0 + ROW_PX + 2
    for place, (mark, caption) in enumerate(entries):
        width_px = (20 if mark else -6) + text_px(caption) + 16
        if x_px > canvas.left_px and x_px + width_px > canvas.plot_right_px:
            x_px, y_px = float(canvas.left_px), y_px + ROW_PX
        label = f'<text class="td-text" x="{20 if mark else 0}">{escape(caption)}</text>'
        of_line = f'class="td-entry" data-line="{place}" ' if place < lines else ""
        parts.append(f'<g {of_line}transform="translate({x_px:.0f} {y_px:.0f})">{mark}{label}</g>')
        x_px += width_px
    return "".join(parts), y_px + 10.0


def text_px(text: str) -> float:
    """Return the approximate width of a label, rather too wide than too narrow.

    >>> text_px("will") < text_px("wool") < text_px("mmmm")
    True
    """
    return sum(
        NARROW_PX if letter in NARROW_CHARACTERS else WIDE_PX if letter in WIDE_CHARACTERS else CHARACTER_PX
        for letter in text
    )


def line_mark(index: int) -> str:
    """Return the mark of a line in the legend."""
    return f'<line class="td-key td-key-{index % COLOURS}{_dashed(index)}" x1="0" x2="14" y1="-4" y2="-4"/>'


def _dashed(index: int) -> str:
    """Return the style of a line whose colour an earlier one has."""
    return " td-again" if index >= COLOURS else ""


def block_mark(style: str) -> str:
    """Return the mark of an area in the legend."""
    return f'<rect class="{style}" y="-9" width="14" height="9" rx="2"/>'


def interval_mark() -> str:
    """Return the mark of an interval in the legend."""
    return '<path class="td-line td-0" d="M0 -4L14 -4M0 -8L0 0M14 -8L14 0"/>'


def telling(name: str, figures: Sequence[tuple[str, str]], drawn: str, hit: str) -> str:
    """Return a drawing as a mark that tells its name and figures: under the pointer, or by a title without a script.

    `hit` is a shape that the pointer may be on, too; all texts are escaped.
    """
    told = "\n".join([name, *(f"{label}\t{value}" for label, value in figures)])
    title = f"{name}: {', '.join(f'{label} {value}' for label, value in figures)}"
    return f'<g data-tip="{escape(told)}"><title>{escape(title)}</title>{hit}{drawn}</g>'


def hit_area(columns_px: tuple[float, float], rows_px: tuple[float, float]) -> str:
    """Return an area without a look of its own, for the pointer."""
    return bar("td-hit", columns_px, rows_px)


def date_axis(dates: Sequence[date], x: Scale, rows_px: tuple[float, float], canvas: Canvas) -> str:
    """Return vertical grid lines from top to floor, with their dates under the floor."""
    marks = date_ticks(dates[0], dates[-1], max(2, canvas.width_px // 110))
    drawn = below_axis([(x(mark.toordinal()), text) for mark, text in marks], rows_px, canvas)
    return f'<g class="td-dates" data-top="{rows_px[0]:.1f}" data-bottom="{rows_px[1]:.1f}">{drawn}</g>'


def below_axis(ticks: Sequence[tuple[float, str]], rows_px: tuple[float, float], canvas: Canvas) -> str:
    """Return vertical grid lines at the given pixels, with their labels under the floor."""
    top_px, floor_px = rows_px
    parts = []
    for at_px, text in ticks:
        half_px = text_px(text) / 2
        label_px = min(max(at_px, canvas.left_px + half_px - 20), canvas.plot_right_px - half_px)
        parts.append(f'<line class="td-grid" x1="{at_px:.1f}" x2="{at_px:.1f}" y1="{top_px:.1f}" y2="{floor_px:.1f}"/>')
        parts.append(
            f'<text class="td-text" x="{label_px:.1f}" y="{floor_px + 18:.1f}" text-anchor="middle">{text}</text>'
        )
    return "".join(parts)


def heading(text: str, at_px: float, canvas: Canvas) -> str:
    """Return the unit of a vertical axis, as text above its labels."""
    return f'<text class="td-text td-unit" x="{canvas.left_px - 8}" y="{at_px:.1f}" text-anchor="end">{text}</text>'


def plot(rows_px: tuple[float, float], ticks: str, drawn: str) -> str:
    """Return a plot from top to bottom: its axis, which a script may draw anew, and what is drawn in it."""
    top_px, bottom_px = rows_px
    axis = f'<g class="td-ticks">{ticks}</g>'
    return f'<g class="td-plot" data-top="{top_px:.1f}" data-bottom="{bottom_px:.1f}">{axis}{drawn}</g>'


def value_axis(ticks: Sequence[tuple[float, str]], canvas: Canvas) -> str:
    """Return horizontal grid lines with their labels, at the given heights."""
    left_px, right_px = canvas.left_px, canvas.plot_right_px
    return "".join(
        f'<line class="td-grid" x1="{left_px}" x2="{right_px}" y1="{at_px:.1f}" y2="{at_px:.1f}"/>'
        f'<text class="td-text" x="{left_px - 8}" y="{at_px + 4:.1f}" text-anchor="end">{text}</text>'
        for at_px, text in ticks
    )


def edges(dates: Sequence[date], x: Scale, canvas: Canvas) -> list[float]:
    """Return the borders between days, (T + 1): midway between neighbours, and the ends of the plot."""
    middles = [x((a.toordinal() + b.toordinal()) / 2) for a, b in pairwise(dates)]
    return [float(canvas.left_px), *middles, canvas.plot_right_px]


def bar(style: str, columns_px: tuple[float, float], rows_px: tuple[float, float]) -> str:
    """Return a rectangle from left to right and from top to bottom."""
    (left_px, right_px), (top_px, bottom_px) = columns_px, rows_px
    return (
        f'<rect class="{style}" x="{left_px:.1f}" y="{top_px:.1f}" '
        f'width="{right_px - left_px:.1f}" height="{bottom_px - top_px:.1f}"/>'
    )


def curve(dates: Sequence[date], values: Sequence[float], scales: tuple[Scale, Scale], index: int) -> str:
    """Return a line through the known values, with a point for each day if the days are few."""
    x, y = scales
    colour = index % COLOURS
    points = [(x(dates[row].toordinal()), y(values[row])) for row in kept(values) if math.isfinite(values[row])]
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
    parts = (
        [f'<path class="td-line td-{colour}{_dashed(index)}" data-line="{index}" d="M{path}"/>']
        if len(points) > 1
        else []
    )
    if len(dates) <= FEW_DAYS:
        parts += [
            f'<circle class="td-dot td-dot-{colour}" data-line="{index}" cx="{px:.1f}" cy="{py:.1f}" '
            f'r="{4 if index == 0 else 3}"/>'
            for px, py in points
        ]
    return "".join(parts)


def kept(values: Sequence[float], most: int = 1200) -> list[int]:
    """Return enough rows to draw a line: the ends and extremes of each stretch, or all rows of a short line.

    >>> kept([1.0, 5.0, 0.0, 2.0], most=4)
    [0, 1, 2, 3]
    """
    if len(values) <= most:
        return list(range(len(values)))
    width = math.ceil(len(values) * 4 / most)
    rows: set[int] = set()
    for start in range(0, len(values), width):
        stop = min(start + width, len(values))
        known = [row for row in range(start, stop) if math.isfinite(values[row])] or [start]
        rows |= {start, stop - 1, min(known, key=values.__getitem__), max(known, key=values.__getitem__)}
    return sorted(rows)
