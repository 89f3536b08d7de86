"""Stacked areas: an account's weights over time, what is long above 0 and what is short below it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.market.bars import FloatArray
from tasks.report.charts import Line
from tasks.report.markup import LivePicture
from tasks.report.picture_data import lines_data, plots_data
from tasks.report.plots import Canvas, block_mark, date_axis, drawing, heading, key, plot, value_axis
from tasks.report.scales import Scale, date_scale, padded, value_ticks

WIDE = Canvas(width_px=960, height_px=330)
NARROW = Canvas(width_px=400, height_px=360, right_px=10)
#: Symbols with an area of their own; there are as many colours, and one for all others.
MOST_SYMBOLS = 10
#: The most dates that are drawn; the script draws all of those that are zoomed into.
MOST_ROWS = 800

_COLOURS = (
    *(("#1d4ed8", "#6ea8ff"), ("#e08a1e", "#f0a13c"), ("#0f8a7e", "#3fc7b7"), ("#8b46c4", "#c39af2")),
    *(("#d9542b", "#f0795a"), ("#3fa7e0", "#a6dbf7"), ("#b8a10a", "#d9c94a"), ("#c2408f", "#ea86c0")),
    *(("#4c8a2c", "#8ccb6b"), ("#7a5230", "#b98a5e"), ("#94a3b8", "#64748b")),
)
_LIGHT = "".join(f".td-area-{index}{{fill:{light}}}" for index, (light, _) in enumerate(_COLOURS))
_DARK = "".join(f".td-area-{index}{{fill:{dark}}}" for index, (_, dark) in enumerate(_COLOURS))
_STYLE = f"{_LIGHT}@media screen and (prefers-color-scheme:dark){{{_DARK}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Signed parts of a whole by date, in percent, the largest first; all others share the last colour.

    Raises ValueError for fewer than two dates, no line, or lines of another length or with a value that is not finite.
    """

    title: str
    dates: tuple[date, ...]
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        if len(self.dates) < 2 or not self.lines:
            raise ValueError(f"a stack of {len(self.lines)} lines on {len(self.dates)} dates; it needs 1 and 2")
        for line in self.lines:
            if len(line.values) != len(self.dates) or not all(map(math.isfinite, line.values)):
                raise ValueError(f"{line.label} has no finite value on each of the {len(self.dates)} dates")


def weight_lines(weights: Mapping[str, Sequence[float] | FloatArray]) -> tuple[Line, ...]:
    """Return the weights (fractions) of the symbols with the largest, on average over the dates, and those of the rest.

    Lines are in percent. What the rest is long and short is not netted.

    >>> [line.label for line in weight_lines({"A": [0.1, 0.2], "B": [-0.5, 0.0]})]
    ['B', 'A']
    """
    paths = {symbol: 100.0 * np.asarray(path) for symbol, path in weights.items()}
    ranked = sorted(paths, key=lambda symbol: (-float(np.abs(paths[symbol]).mean()), symbol))
    own, rest = ranked[:MOST_SYMBOLS], ranked[MOST_SYMBOLS:]
    lines = [Line(label=symbol, values=tuple(paths[symbol].tolist())) for symbol in own]
    sides = (("long", np.maximum), ("short", np.minimum))
    sums = {side: sum((part(paths[symbol], 0.0) for symbol in rest), np.zeros(1)) for side, part in sides}
    held = {side: path for side, path in sums.items() if rest and path.any()}
    for side, path in held.items():
        others = "1 other" if len(rest) == 1 else f"{len(rest)} others"
        label = f"{others}, {side}" if len(held) > 1 else others
        lines.append(Line(label=label, values=tuple(path.tolist())))
    return tuple(lines)


def stack_picture(stack: Stack) -> LivePicture:
    """Return the stack for a wide and for a narrow screen, with its numbers for the script."""
    drawn = {"name": "Weight", "kind": "stack", "unit": "%", "level": 0.0, "lines": lines_data(stack.lines)}
    return LivePicture(
        wide=stack_drawing(stack, WIDE),
        narrow=stack_drawing(stack, NARROW),
        data=plots_data(stack.dates, [drawn]),
    )


def stack_drawing(stack: Stack, canvas: Canvas = WIDE) -> str:
    """Return the stack as self-contained SVG for light and dark mode.

    >>> two = Stack(title="W", dates=(date(2020, 1, 2), date(2020, 1, 3)), lines=(Line(label="A", values=(1.0, 2.0)),))
    >>> stack_drawing(two).count('class="td-area td-area-0"')
    1
    """
    entries = [(block_mark(_style(index)), line.label) for index, line in enumerate(stack.lines)]
    title, top_px = key(stack.title, entries, canvas, len(stack.lines))
    # Below the heading of the axis.
    top_px += 12.0
    floor_px = canvas.height_px - 26.0
    edges = _edges(stack)
    rows = _rows(edges[-1])
    low, high = padded([0.0, *edges[-1].ravel().tolist()], 0.06)
    x = date_scale(stack.dates, canvas.left_px, canvas.plot_right_px)
    y = Scale(low=low, high=high, start_px=floor_px, stop_px=top_px + 4.0)
    columns = [x(stack.dates[row].toordinal()) for row in rows]
    areas = [
        f'<path class="td-area {_style(index)}" data-line="{index}" d="{_area(inner, outer, columns, y)}"/>'
        for index, (inner, outer) in enumerate(zip(edges[:, rows][:-1], edges[:, rows][1:], strict=True))
    ]
    ticks = [(y(value), f"{text}%") for value, text in value_ticks(low, high, 4)]
    zero = f'x1="{canvas.left_px}" x2="{canvas.plot_right_px:g}" y1="{y(0.0):.1f}" y2="{y(0.0):.1f}"'
    return drawing(
        stack.title,
        canvas,
        [
            f"<style>{_STYLE}</style>",
            title,
            date_axis(stack.dates, x, (top_px, floor_px), canvas),
            heading("of equity", top_px - 4, canvas),
            plot(
                (top_px + 4.0, floor_px), value_axis(ticks, canvas), f'{"".join(areas)}<line class="td-level" {zero}/>'
            ),
        ],
    )


def _style(index: int) -> str:
    return f"td-area-{min(index, MOST_SYMBOLS)}"


def _edges(stack: Stack) -> FloatArray:
    """Return the sums before the first line and after each, (N + 1, T, 2): of what is above 0, and of what is below."""
    values = np.array([line.values for line in stack.lines])
    sides = np.stack([np.maximum(values, 0.0), np.minimum(values, 0.0)], axis=-1)
    result: FloatArray = np.concatenate([np.zeros_like(sides[:1]), np.cumsum(sides, axis=0)])
    return result


def _rows(sums: FloatArray) -> list[int]:
    """Return the rows to draw, of each stretch of many that which reaches farthest."""
    width = math.ceil(len(sums) / MOST_ROWS)
    reach = sums[:, 0] - sums[:, 1]
    return [start + int(np.argmax(reach[start : start + width])) for start in range(0, len(sums), width)]


def _area(inner: FloatArray, outer: FloatArray, columns: Sequence[float], y: Scale) -> str:
    """Return the path between the edges (T, 2), above 0 and below it."""
    parts = []
    for side in (0, 1):
        if (inner[:, side] != outer[:, side]).any():
            there = [f"{px:.1f} {y(value):.1f}" for px, value in zip(columns, outer[:, side].tolist(), strict=True)]
            back = [f"{px:.1f} {y(value):.1f}" for px, value in zip(columns, inner[:, side].tolist(), strict=True)]
            parts.append(f"M{'L'.join([*there, *reversed(back)])}Z")
    return "".join(parts)
