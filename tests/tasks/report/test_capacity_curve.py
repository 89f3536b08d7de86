"""The capacity curve: a point for each capital that traded, on a logarithmic axis."""

import itertools
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from tasks.report.capacity_curve import NARROW, WIDE, CapacityCurve, capacity_picture
from tasks.report.plots import Canvas

SPACE = "{http://www.w3.org/2000/svg}"
LADDER = tuple(Decimal(10) ** power for power in range(4, 10))


def a_curve(*ratios: float | None, own: Decimal = Decimal(10_000)) -> CapacityCurve:
    return CapacityCurve(title="Capacity", points=tuple(zip(LADDER, ratios, strict=False)), own=own)


def dots(svg: str) -> list[tuple[float, float]]:
    circles = ET.fromstring(svg).iter(SPACE + "circle")
    return [(float(each.get("cx", "")), float(each.get("cy", ""))) for each in circles]


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
@pytest.mark.parametrize("own", [Decimal(50), Decimal(10_000), Decimal(10) ** 12])
def test_every_point_lies_within_the_plot_at_equal_steps(canvas: Canvas, own: Decimal) -> None:
    found = dots(capacity_picture(a_curve(0.8, 0.8, 0.7, 0.5, -0.2, -9.0, own=own), canvas))
    assert len(found) == 6
    across = [x for x, _ in found]
    steps = [after - before for before, after in itertools.pairwise(across)]
    assert steps == pytest.approx([steps[0]] * 5, abs=0.2)
    assert canvas.left_px <= across[0] < across[-1] <= canvas.plot_right_px
    assert all(0 < y < canvas.height_px for _, y in found)
    assert found[-1][1] == max(y for _, y in found)


def test_a_capital_that_never_traded_has_no_point_and_the_line_goes_on() -> None:
    svg = capacity_picture(a_curve(0.8, None, 0.6))
    assert len(dots(svg)) == 2
    (line,) = list(ET.fromstring(svg).iter(SPACE + "path"))
    assert line.get("d", "").count("L") == 1
    assert dots(capacity_picture(a_curve(None, None))) == []


def test_the_account_of_the_report_is_marked() -> None:
    svg = capacity_picture(a_curve(0.8, 0.7, 0.6, own=Decimal(250_000)))
    assert "capital of this account, 250k" in svg
    marks = [each for each in ET.fromstring(svg).iter(SPACE + "line") if each.get("class") == "td-level"]
    upright = [float(each.get("x1", "")) for each in marks if each.get("x1") == each.get("x2")]
    (_first, second, third), (own,) = [x for x, _ in dots(svg)], upright
    assert second < own < third
    assert (own - second) / (third - second) == pytest.approx(0.398, abs=0.01)


def test_capitals_must_increase() -> None:
    for capitals in ((Decimal(10),), (Decimal(10), Decimal(10)), (Decimal(0), Decimal(1))):
        with pytest.raises(ValueError, match="give two or more above 0, increasing"):
            CapacityCurve(title="Capacity", points=tuple((capital, 0.5) for capital in capitals), own=Decimal(10))
