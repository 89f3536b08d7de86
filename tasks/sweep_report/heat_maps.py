"""A grid as heat maps: the net Sharpe ratio over each two of its axes, the others at the best point's values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from tasks.report.markup import figure, share

#: The most maps of a page; a grid of four axes has six pairs.
MOST_MAPS = 6
#: The most values of an axis that are drawn: those around the best point's.
MOST_VALUES = 40
#: Shades above the lowest one, and the style without any.
SHADES, UNTRIED = 8, "untried"
#: The least span of Sharpe ratios over all shades: smaller differences must not look like large ones.
LEAST_SPAN = 0.25
#: Metrics told of a point, by name.
TOLD = {
    "sharpe": ("Sharpe ratio", figure),
    "cagr": ("Growth per year", share),
    "annual_vol": ("Volatility per year", share),
    "max_drawdown": ("Deepest drawdown", share),
    "turnover_per_year": ("Turnover per year, × equity", figure),
    "capped_ratio": ("Days held at a limit", share),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A point of a map: its Sharpe ratio as text, its style, whether it is the best point, and what is told of it.

    A point that was not tried, or whose returns never vary, has no shade.
    """

    text: str
    style: str
    best: bool
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Rows of cells over two axes, each with its values as text; a map of a single axis has one row without a name.

    `held` says at which values the other axes are, `cut` how many values of an axis are left out.
    """

    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    held: str
    cut: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shading:
    """The shades of Sharpe ratios, of which `low` is the lowest and `high` the highest.

    Those above 0 are darker the higher they are, from `low` on. Where some lie below 0 both sides have a hue of their
    own, which is darker the farther from 0.
    """

    low: float
    high: float

    @property
    def span(self) -> tuple[float, float]:
        """Return the ratios of the first and the last shade; none reaches the last where all are nearly alike."""
        if self.low >= 0:
            return self.low, self.low + max(self.high - self.low, LEAST_SPAN)
        far = max(-self.low, self.high, LEAST_SPAN)
        return -far, far if self.high > 0 else 0.0

    def of(self, ratio: float) -> str:
        """Return the style of a ratio's shade.

        >>> scale, halves = Shading(low=0.0, high=0.8), Shading(low=-0.2, high=0.8)
        >>> [scale.of(ratio) for ratio in (0.0, 0.41, 0.8)], [halves.of(ratio) for ratio in (-0.2, 0.8)]
        (['shade0', 'shade4', 'shade8'], ['loss shade2', 'shade8'])
        """
        first, last = self.span
        if self.low >= 0:
            return f"shade{_shade((ratio - first) / (last - first))}"
        return f"{'loss ' if ratio < 0 else ''}shade{_shade(abs(ratio / first))}"

    @property
    def styles(self) -> tuple[str, ...]:
        """Return the styles of the shades, from the first to the last."""
        first, last = self.span
        losses = [f"loss shade{shade}" for shade in range(SHADES, 0, -1)] if first < 0 else []
        return (*losses, *(f"shade{shade}" for shade in range(SHADES + 1 if last > 0 else 1)))


def _shade(share: float) -> int:
    return round(SHADES * min(max(share, 0.0), 1.0))


def heat_maps(points: pd.DataFrame, axes: Sequence[str]) -> tuple[tuple[HeatMap, ...], Shading]:
    """Return the maps of the points, best first, over each two of the axes, and their common shading.

    An axis that the best point's strategy does not read is not drawn. Of more than six pairs those with most cells are.
    """
    best = points.iloc[0]
    drawn = [axis for axis in axes if not _missing(best[axis]) and points[axis].nunique() > 1]
    ratios = points["sharpe"].dropna()
    shading = Shading(low=float(ratios.min()), high=float(ratios.max()))
    sizes = {axis: points[axis].nunique() for axis in drawn}
    pairs: list[tuple[str, ...]] = sorted(combinations(drawn, 2), key=lambda pair: -sizes[pair[0]] * sizes[pair[1]])
    if len(drawn) == 1:
        pairs = [(drawn[0],)]
    return tuple(_map(points, axes, pair, shading) for pair in pairs[:MOST_MAPS]), shading


def _map(points: pd.DataFrame, axes: Sequence[str], pair: tuple[str, ...], shading: Shading) -> HeatMap:
    best = points.iloc[0]
    others = [axis for axis in axes if axis not in pair]
    there = points
    for axis in others:
        there = there[there[axis].isna()] if _missing(best[axis]) else there[there[axis] == best[axis]]
    # The axis of more values lies across, where there is more room.
    across, *down = sorted(pair, key=lambda axis: -there[axis].nunique())
    columns, cut = _values(there, across)
    rows, cut_down = _values(there, down[0]) if down else ([None], "")
    known: dict[object, dict[Any, Any]] = {
        (row[across], row[down[0]] if down else None): row for row in there.to_dict("records")
    }
    cells = tuple(tuple(_cell(known.get((column, row)), best, pair, shading) for column in columns) for row in rows)
    held = ", ".join(f"{axis} {told(best[axis])}" for axis in others if not _missing(best[axis]))
    return HeatMap(
        across=across,
        down=down[0] if down else "",
        columns=tuple(map(told, columns)),
        rows=tuple("" if row is None else told(row) for row in rows),
        cells=cells,
        held=held,
        cut="; ".join(filter(None, (cut, cut_down))),
    )


def axis_values(points: pd.DataFrame, axis: str) -> list[object]:
    """Return the values of an axis in order, texts last; those of points that do not read it are none."""
    return sorted(points[axis].dropna().unique().tolist(), key=lambda value: (isinstance(value, str), value))


def _values(points: pd.DataFrame, axis: str) -> tuple[list[object], str]:
    """Return the values of an axis in order, at most so many around the best point's, and what is left out."""
    values = axis_values(points, axis)
    if len(values) <= MOST_VALUES:
        return values, ""
    at = values.index(points.iloc[0][axis])
    first = min(max(at - MOST_VALUES // 2, 0), len(values) - MOST_VALUES)
    return values[first : first + MOST_VALUES], f"the {MOST_VALUES} of {len(values):,} values of {axis} around the best"


def _cell(point: Mapping[Any, Any] | None, best: "pd.Series[Any]", pair: Sequence[str], shading: Shading) -> Cell:
    if point is None:
        return Cell(text="", style=UNTRIED, best=False, tip="")
    ratio = point["sharpe"]
    named = ", ".join(f"{axis} {told(point[axis])}" for axis in pair)
    figures = [f"{name}\t{shown(_number(point[key]))}" for key, (name, shown) in TOLD.items()]
    return Cell(
        text=figure(_number(ratio)),
        style=UNTRIED if _number(ratio) is None else shading.of(float(str(ratio))),
        best=all(point[axis] == best[axis] for axis in pair),
        tip="\n".join([named, *figures]),
    )


def _number(value: object) -> float | None:
    return None if _missing(value) else float(str(value))


def _missing(value: object) -> bool:
    return value is None or value != value


def told(value: object) -> str:
    """Return a value of an axis as text.

    >>> told(0.1), told(20.0), told("rules"), told(True)
    ('0.1', '20', 'rules', 'True')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)
