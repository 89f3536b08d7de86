"""The equity picture: well-formed, self-contained, and right from one day to a hundred years."""

import json
import math
import re
from base64 import b64decode
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from tasks.report.charts import (
    DATES_PX,
    NARROW,
    PANEL_HEAD_PX,
    PANEL_PX,
    WIDE,
    EquityPicture,
    Line,
    Panel,
    equity_picture,
    svg_data_uri,
)
from tasks.report.palette import COLOURS, REGIMES, STYLE
from tasks.report.picture_data import picture_data
from tasks.report.plots import Canvas, text_px
from testing.runs.reports import a_panel, a_picture

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


def test_panels_make_the_picture_taller_and_leave_the_rest_where_it_is() -> None:
    picture = a_picture(200)
    with_two = drawn(replace(picture, panels=(a_panel(200, "One"), a_panel(200, "Two"))))
    assert int(with_two.get("height", "")) == WIDE.height_px + 2 * PANEL_PX
    assert styles(with_two, "path")[:4] == styles(drawn(picture), "path")
    headings = [element.text for element in with_two.iter(SPACE + "text") if element.get("class") == "td-text td-head"]
    assert headings == ["One", "Two"]


def test_a_panel_holds_its_line_its_level_and_nothing_else() -> None:
    panel = replace(a_panel(200), level=12.0)
    svg = drawn(replace(a_picture(200), panels=(panel,)))
    plot = (WIDE.height_px + PANEL_HEAD_PX, WIDE.height_px + PANEL_PX - DATES_PX)
    level = next(line for line in svg.iter(SPACE + "line") if line.get("class") == "td-level")
    path = next(group for group in svg.iter(SPACE + "g") if group.get("class") == "td-fine")[0].get("d", "")
    heights = [float(point.split()[1]) for point in path[1:].split("L")]
    assert len(heights) == 180, "the days before the first value are leapt over"
    assert plot[0] <= float(level.get("y1", "")) < min(heights)
    assert max(heights) <= plot[1]


def test_every_panel_has_dates_below_it() -> None:
    svg = drawn(replace(a_picture(200), panels=(a_panel(200, "One"), a_panel(200, "Two"))))
    axes = [group for group in svg.iter(SPACE + "g") if group.get("class") == "td-dates"]
    floors = [WIDE.height_px + PANEL_PX * row - DATES_PX for row in range(3)]
    assert [float(axis.get("data-bottom", "")) for axis in axes] == floors
    labels = [[text.text for text in axis.iter(SPACE + "text")] for axis in axes]
    assert labels[0] == labels[1] == labels[2]
    assert len(labels[0]) > 2


def test_the_key_says_whose_regime_the_ribbon_shows() -> None:
    picture = replace(a_picture(27), regimes_of="SPY")
    texts = [element.text for element in drawn(picture).iter(SPACE + "text")]
    assert texts[texts.index("Bull") - 1] == "Regime of SPY:"
    assert "Regime of SPY:" not in [element.text for element in drawn(replace(picture, regimes=())).iter()]


def test_the_script_s_numbers_are_the_picture_s() -> None:
    picture = replace(a_picture(40), panels=(a_panel(40, "One; dashed: two"),))
    data = json.loads(picture_data(picture))
    equity, water, panel = data["plots"]
    assert [line["values"] for line in equity["lines"]] == [list(line.values) for line in picture.lines]
    assert water["lines"][0]["values"] == list(picture.drawdown)
    assert (panel["name"], panel["lines"][0]["values"][:5]) == ("One", [None, None, None, None, 0.0])
    assert data["days"][-1] - data["days"][0] == 39
    assert data["regimes"][:2] == [[0, "Bull"], [9, "Neutral"]]


@pytest.mark.parametrize(("scheme", "ground"), [(0, "#fff"), (1, "#111a2b")])
def test_lines_and_regimes_stand_out_from_the_ground(scheme: int, ground: str) -> None:
    """Graphics need a contrast of 3 (WCAG 2.2, 1.4.11)."""
    light, dark = STYLE.split("@media")
    for rules in (light, light + dark)[scheme : scheme + 1]:
        colours = {}
        for names, colour in re.findall(r"([^{}]+)\{(?:stroke|fill):(#[0-9a-f]+)", rules):
            colours |= dict.fromkeys(names.strip().split(","), colour)
        assert colours[".td-ground"] == ground
        wanted = [
            *(f".td-{index}" for index in range(COLOURS)),
            *(f".td-{name.lower()}" for name in REGIMES),
            ".td-level",
        ]
        assert {name: colours[name] for name in wanted if contrast(colours[name], ground) < 3.0} == {}


def contrast(first: str, second: str) -> float:
    lights = sorted((luminance(first), luminance(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_panel_without_a_value_is_drawn_empty() -> None:
    empty = Panel(heading="None yet", lines=(Line(label="a", values=(math.nan,) * 50),), level=0.0)
    svg = equity_picture(replace(a_picture(50), panels=(empty,)))
    ET.fromstring(svg)
    assert "nan" not in svg


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
    with pytest.raises(ValueError, match=r"3 dates was given \{'Sharpe ratio': 20\}"):
        replace(picture, panels=(a_panel(20),))


@pytest.mark.parametrize("around", [9_441.7349, 123_456_789.0, 0.0004417349], ids=str)
def test_no_label_of_the_equity_axis_is_cut_off(around: float) -> None:
    days = a_picture(50)
    values = tuple(around * (1.0 + 1e-8 * day) for day in range(50))
    picture = replace(days, lines=(Line(label="a", values=values),))
    texts = drawn(picture).iter(SPACE + "text")
    labels = [element for element in texts if element.get("text-anchor") == "end" and element.get("class") == "td-text"]
    assert len(labels) > 4
    for label in labels:
        assert float(label.get("x", "nan")) - text_px(label.text or "") >= 0.0, label.text
