"""The course of a training: losses by step, in training and on the dates that stop it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from tasks.report.plots import FEW_DAYS, Canvas, below_axis, drawing, key, line_mark, plot, value_axis
from tasks.report.scales import Scale, padded, value_ticks

WIDE = Canvas(width_px=960, height_px=0)
NARROW = Canvas(width_px=400, height_px=0, right_px=10)
#: Height of a plot with its heading above and its steps below, and those of the two.
PLOT_PX, HEAD_PX, STEPS_PX = 210, 28, 28
#: Networks that are drawn: more than there are colours cannot be told apart.
MOST_LINES = 5
#: The plots, from top to bottom.
TRAINING = "Training loss: −Sharpe ratio of a batch"
VALIDATION = "Validation loss: −Sharpe, stopping dates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The training of one network: its losses of steps 1, 2, …, and validation losses by step, 0 being the start.

    `best_step` is the step whose weights were kept; 0 means that no training improved on the start.
    """

    losses: tuple[float, ...]
    stop_losses: Mapping[int, float]
    best_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePicture:
    """The curves of all networks of a model, in the order of its members."""

    title: str
    curves: tuple[Curve, ...]

    @property
    def steps(self) -> int:
        """Return the last step of the longest training."""
        return max((max(len(curve.losses), *curve.stop_losses) for curve in self.curves), default=0)

    @property
    def plots(self) -> tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]:
        """Return each plot's heading, and the values of its lines at every step from 0 on, NaN where there is none."""
        steps = range(self.steps + 1)
        trained = [dict(enumerate(curve.losses, start=1)) for curve in self.curves]
        stopped = [curve.stop_losses for curve in self.curves]
        return tuple(
            (name, tuple(tuple(known.get(step, math.nan) for step in steps) for known in lines))
            for name, lines in ((TRAINING, trained), (VALIDATION, stopped))
        )


def course_of(figures: Mapping[str, Any], title: str) -> CoursePicture | None:
    """Return the curves that a training has recorded among its figures; None if it has recorded none."""
    members: Sequence[Mapping[str, Any]] = figures.get("course") or ()
    best: Sequence[int] = figures.get("best_steps") or ()
    curves = tuple(
        Curve(
            losses=tuple(member["losses"]),
            stop_losses={int(step): -float(sharpe) for step, sharpe in member["stop_sharpes"]},
            best_step=int(step),
        )
        for member, step in zip(members, best, strict=False)
    )
    picture = CoursePicture(title=title, curves=curves[:MOST_LINES])
    return picture if curves and picture.steps else None


def course_picture(picture: CoursePicture, canvas: Canvas = WIDE) -> str:
    """Return the curves as self-contained SVG for light and dark mode, one plot below the other."""
    captions = [_caption(number, curve) for number, curve in enumerate(picture.curves, start=1)]
    entries = [(line_mark(index), caption) for index, caption in enumerate(captions)]
    title, top_px = key(picture.title, entries, canvas, len(entries))
    whole = replace(canvas, height_px=math.ceil(top_px) + PLOT_PX * len(picture.plots))
    # The margins are those of an axis of dates, so that the page's script finds the same pixels.
    room = max(0.5, picture.steps * 0.01)
    x = Scale(low=-room, high=picture.steps + room, start_px=canvas.left_px, stop_px=canvas.plot_right_px)
    parts = [_plot(name, lines, (x, top_px + PLOT_PX * row), canvas) for row, (name, lines) in enumerate(picture.plots)]
    return drawing(picture.title, whole, [title, *parts])


def _caption(number: int, curve: Curve) -> str:
    kept = f"best at step {curve.best_step}" if curve.best_step else "no step was clearly better"
    return f"Network {number}: {kept}"


def _plot(name: str, lines: Sequence[Sequence[float]], place: tuple[Scale, float], canvas: Canvas) -> str:
    x, top_px = place
    rows_px = (top_px + HEAD_PX, top_px + PLOT_PX - STEPS_PX)
    low, high = padded([value for line in lines for value in line if math.isfinite(value)], 0.06)
    y = Scale(low=low, high=high, start_px=rows_px[1], stop_px=rows_px[0])
    ticks = value_axis([(y(value), text) for value, text in value_ticks(low, high, 3)], canvas)
    steps = [(x(value), text) for value, text in value_ticks(0.0, x.high, max(2, canvas.width_px // 110))]
    below = below_axis(steps, rows_px, canvas)
    drawn = "".join(_line(values, (x, y), index) for index, values in reversed([*enumerate(lines)]))
    return (
        f'<text class="td-text td-head" x="{canvas.left_px}" y="{top_px + 16:.1f}">{escape(name)}</text>'
        f'<g class="td-dates" data-top="{rows_px[0]:.1f}" data-bottom="{rows_px[1]:.1f}">{below}</g>'
        + plot(rows_px, ticks, f'<g class="td-fine">{drawn}</g>')
    )


def _line(values: Sequence[float], scales: tuple[Scale, Scale], index: int) -> str:
    x, y = scales
    known = [(step, value) for step, value in enumerate(values) if math.isfinite(value)]
    path = "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in known)
    return f'<path class="td-line td-{index}" data-line="{index}" d="M{path}"/>' if len(known) > 1 else ""


def course_data(picture: CoursePicture) -> str:
    """Return the curves as JSON for the page's script, safe inside HTML; NaN is null.

    >>> curve = Curve(losses=(-0.5,), stop_losses={0: -0.25}, best_step=0)
    >>> json.loads(course_data(CoursePicture(title="A", curves=(curve,))))["plots"][1]["lines"][0]["values"]
    [-0.25, None]
    """
    plots = [
        {
            "name": name.partition(":")[0],
            "kind": "panel",
            "unit": "",
            "lines": [
                {
                    "label": f"network {number}",
                    "values": [value if math.isfinite(value) else None for value in values],
                }
                for number, values in enumerate(lines, start=1)
            ],
        }
        for name, lines in picture.plots
    ]
    data = {"axis": "step", "few": FEW_DAYS, "days": [*range(picture.steps + 1)], "plots": plots, "regimes": []}
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
