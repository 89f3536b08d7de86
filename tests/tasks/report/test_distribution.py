"""The distribution of returns: every return in its bar, and a bell of the same area beside them."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report.distribution import NARROW, WIDE, Distribution, distribution_picture
from tasks.report.plots import Canvas

SPACE = "{http://www.w3.org/2000/svg}"


def bars(svg: str) -> list[ET.Element]:
    return [
        element
        for element in ET.fromstring(svg).iter(SPACE + "rect")
        if element.get("class") == "td-bar" and element.get("x")
    ]


@given(st.lists(st.floats(-0.9, 3.0), min_size=2, max_size=60).filter(lambda values: np.ptp(values) > 1e-9))
@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_every_bar_lies_within_the_plot(canvas: Canvas, values: list[float]) -> None:
    for bar in bars(distribution_picture(Distribution(title="Returns", returns=tuple(values)), canvas)):
        left, width = float(bar.get("x", "")), float(bar.get("width", ""))
        assert canvas.left_px <= left
        assert left + width <= canvas.plot_right_px + 0.1
        assert 0.0 <= float(bar.get("height", "")) <= canvas.height_px


def test_a_bar_is_as_high_as_it_has_days() -> None:
    svg = distribution_picture(Distribution(title="Returns", returns=(-0.01,) * 10 + (0.01,) * 30))
    heights = [float(bar.get("height", "")) for bar in bars(svg)]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.2)


def test_the_bell_of_normal_returns_follows_their_bars() -> None:
    draws = np.random.default_rng(1).normal(0.001, 0.01, 200_000)
    svg = distribution_picture(Distribution(title="Returns", returns=tuple(draws)))
    bell = next(element for element in ET.fromstring(svg).iter(SPACE + "path")).get("d", "")
    tops = {float(point.split()[0]): float(point.split()[1]) for point in bell[1:].split("L")}
    for bar in bars(svg):
        middle = float(bar.get("x", "")) + float(bar.get("width", "")) / 2
        nearest = min(tops, key=lambda at_px: abs(at_px - middle))
        if abs(nearest - middle) < 0.2:
            assert float(bar.get("y", "")) == pytest.approx(tops[nearest], abs=4.0)


def test_returns_that_are_all_the_same_have_no_distribution() -> None:
    with pytest.raises(ValueError, match="3 returns have no distribution"):
        Distribution(title="Returns", returns=(0.0, 0.0, 0.0))
