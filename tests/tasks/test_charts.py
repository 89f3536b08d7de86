"""The equity picture: well-formed, self-contained, and right from one day to a hundred years."""

import math
from base64 import b64decode
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from tasks.charts import NARROW, WIDE, Canvas, EquityPicture, Line, equity_picture, svg_data_uri
from tests.fakes.reports import a_picture

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(picture: EquityPicture) -> ET.Element:
    return ET.fromstring(equity_picture(picture))


def styles(svg: ET.Element, tag: str) -> list[str]:
    return [element.get("class", "") for element in svg.iter(SPACE + tag)]


@pytest.mark.parametrize("days", [1, 2, 3, 31, 32, 500, 23_000])
@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_a_picture_is_finite_and_small_for_any_number_of_days(days: int, canvas: Canvas) -> None:
    svg = equity_picture(a_picture(days), canvas)
    ET.fromstring(svg)
    assert "nan" not in svg
    assert "inf" not in svg
    assert len(svg) < 400_000


def test_few_days_are_points_and_many_are_lines() -> None:
    assert len(styles(drawn(a_picture(3)), "circle")) == 6
    assert len(styles(drawn(a_picture(1)), "circle")) == 2
    assert styles(drawn(a_picture(1)), "path") == []
    many = drawn(a_picture(100))
    assert styles(many, "circle") == []
    assert styles(many, "path") == ["td-line td-1", "td-line td-0", "td-water", "td-shore"]


def test_a_run_of_one_regime_is_one_bar() -> None:
    bars = [name for name in styles(drawn(a_picture(27)), "rect") if name in {"td-bull", "td-neutral", "td-bear"}]
    assert sorted(bars) == sorted(["td-bull", "td-neutral", "td-bear"] * 2), "one in the key, one in the ribbon"


def test_the_key_tells_what_each_line_earned() -> None:
    picture = a_picture(2)
    lines = (Line(label="turbo", values=(100.0, 125.0)), Line(label="late", values=(math.nan, 100.0)))
    texts = [element.text for element in drawn(replace(picture, lines=lines)).iter(SPACE + "text")]
    assert "turbo +25.0%" in texts
    assert "late" in texts


def test_a_missing_value_is_leapt_over() -> None:
    picture = replace(a_picture(3), lines=(Line(label="a", values=(1.0, math.nan, 2.0)),))
    assert len(styles(drawn(picture), "circle")) == 2


def test_an_account_below_zero_is_drawn() -> None:
    fallen = replace(a_picture(2), lines=(Line(label="a", values=(100.0, -50.0)),), drawdown=(0.0, 1.5))
    assert len(styles(drawn(fallen), "circle")) == 2


def test_a_hostile_label_stays_text() -> None:
    hostile = "</text><script>alert(1)</script>&\"'"
    picture = a_picture(2, title=hostile)
    svg = drawn(replace(picture, lines=(Line(label=hostile, values=(1.0, 1.0)),)))
    assert [element.tag for element in svg.iter() if element.tag.endswith("script")] == []
    assert svg.findtext(f"{SPACE}title") == hostile


def test_nothing_is_loaded_from_elsewhere() -> None:
    svg = equity_picture(a_picture(40)).replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
    assert not any(word in svg for word in ("http:", "https:", "href", "url(", "@import", "<script"))


def test_a_data_uri_holds_the_whole_picture() -> None:
    svg = equity_picture(a_picture(3))
    head, _, body = svg_data_uri(svg).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b64decode(body).decode("utf-8") == svg


def test_a_picture_without_days_or_with_wrong_lengths_is_refused() -> None:
    picture = a_picture(3)
    with pytest.raises(ValueError, match="at least one date and one line"):
        replace(picture, dates=())
    with pytest.raises(ValueError, match="must increase strictly"):
        replace(picture, dates=(date(2020, 1, 2),) * 3)
    with pytest.raises(ValueError, match=r"3 dates was given \{'drawdown': 1\}"):
        replace(picture, drawdown=(0.0,))
