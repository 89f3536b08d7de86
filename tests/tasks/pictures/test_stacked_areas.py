"""Weights over time as stacked areas."""

import json
import re
from datetime import date, timedelta

import numpy as np
import pytest

from tasks.pictures.stacked_areas import MOST_ROWS, Stack, stack_drawing, stack_picture, weight_lines
from tasks.report.charts import Line

DATES = tuple(date(2020, 1, 1) + timedelta(days=day) for day in range(3))


def a_stack(*values: tuple[float, ...]) -> Stack:
    lines = tuple(Line(label=f"S{number}", values=path) for number, path in enumerate(values))
    return Stack(title="Weights", dates=DATES, lines=lines)


def outline(svg: str, line: int) -> list[tuple[float, float]]:
    """The corners of a line's area."""
    found = re.search(rf'data-line="{line}" d="([^"]*)"', svg[svg.index("td-plot") :])
    assert found is not None
    return [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", found[1])]  # type: ignore[misc]


def test_what_is_long_lies_on_what_is_long_and_what_is_short_under_what_is_short() -> None:
    svg = stack_drawing(a_stack((10.0, 10.0, 10.0), (20.0, 20.0, 20.0), (-5.0, -5.0, -5.0), (-15.0, -15.0, -15.0)))
    heights = [sorted({y for _, y in outline(svg, line)}) for line in range(4)]
    assert [len(edges) for edges in heights] == [2] * 4
    # Pixels grow downwards: the first lies on zero, the second on the first.
    zero = heights[0][1]
    unit = (heights[0][1] - heights[0][0]) / 10
    above, below = heights[1], heights[3]
    assert (above[1], heights[2][0], below[0]) == (heights[0][0], zero, heights[2][1])
    assert above[1] - above[0] == pytest.approx(20 * unit, abs=0.2)
    assert below[1] - below[0] == pytest.approx(15 * unit, abs=0.2)


def test_a_symbol_that_changes_sides_has_an_area_on_each() -> None:
    svg = stack_drawing(a_stack((10.0, -10.0, 10.0)))
    assert svg[svg.index("td-plot") :].count("Z") == 2


def test_the_largest_ten_have_an_area_and_the_rest_is_not_netted() -> None:
    weights = {f"S{number:02}": [0.2 - 0.01 * number] * 3 for number in range(10)}
    lines = weight_lines({**weights, "T1": [0.03, 0.03, 0.03], "T2": [-0.02, -0.02, 0.0]})
    assert [line.label for line in lines] == [*weights, "2 others, long", "2 others, short"]
    assert [lines[-2].values, lines[-1].values] == [pytest.approx((3, 3, 3)), pytest.approx((-2, -2, 0))]
    # What all lines hold together is what the symbols do.
    assert sum(line.values[0] for line in lines) == pytest.approx(100 * (sum(w[0] for w in weights.values()) + 0.01))
    assert [line.label for line in weight_lines({**weights, "T1": [0.03] * 3})][-1] == "1 other"


def test_of_many_days_those_are_drawn_that_reach_farthest() -> None:
    days = 4 * MOST_ROWS
    values = np.ones(days)
    values[1234] = 50.0
    dates = tuple(date(2000, 1, 1) + timedelta(days=day) for day in range(days))
    corners = outline(
        stack_drawing(Stack(title="W", dates=dates, lines=(Line(label="A", values=tuple(values.tolist())),))), 0
    )
    assert len(corners) == 2 * MOST_ROWS
    assert min(y for _, y in corners) < 100


def test_the_script_gets_every_number() -> None:
    picture = stack_picture(a_stack((10.0, 20.0, -30.0)))
    (plot,) = json.loads(picture.data)["plots"]
    assert (plot["kind"], plot["unit"], plot["lines"]) == ("stack", "%", [{"label": "S0", "values": [10, 20, -30]}])
    assert (picture.wide.count("<path"), picture.narrow.count("<path")) == (1, 1)


def test_a_stack_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="no finite value on each of the 3 dates"):
        a_stack((1.0, float("nan"), 1.0))
    with pytest.raises(ValueError, match="it needs 1 and 2"):
        Stack(title="W", dates=DATES[:1], lines=(Line(label="A", values=(1.0,)),))
