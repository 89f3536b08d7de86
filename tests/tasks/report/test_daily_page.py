"""The report pages: closed to the outside, safe against what they show, legible on a desk and in a hand."""

import json
import math
import os
from base64 import b64encode
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from playwright.sync_api import Browser

from strategy.evaluation.metrics import Metrics
from tasks.report.backtest_page import backtest_page
from tasks.report.backtest_tables import Measured, metrics_table
from tasks.report.daily_page import daily_page
from tasks.report.daily_tables import decisions_table
from tasks.report.markup import Table, exactly, render, script_source
from testing.runs.reports import a_backtest_page, a_daily_page, a_picture

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
SCRIPT = f"; script-src {script_source()}"
HOSTILE = "</td></style><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>\"'&"
VOID = {"meta", "line", "rect", "path", "circle"}


class Reader(HTMLParser):
    """Collects the tags, the attributes and the visible text of a page, and checks that tags nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"] and data.strip():
            self.texts.append(data)


PAGES = {
    "daily": daily_page(a_daily_page()),
    "daily, empty": daily_page(
        replace(a_daily_page(), halted="", decisions=(), orders=(), fills=(), warnings=(), findings=(), picture=None)
    ),
    "backtest": backtest_page(a_backtest_page(days=800, trades=3)),
    "hostile": daily_page(a_daily_page(text=HOSTILE, symbol=HOSTILE)),
    "hostile backtest": backtest_page(a_backtest_page(days=5, trades=1, text=HOSTILE)),
}

each_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())


@each_page
def test_a_page_admits_nothing_but_inline_styles_and_pictures(page: str) -> None:
    reader = Reader(page)
    assert ("http-equiv", "Content-Security-Policy") in reader.attributes
    assert ("content", POLICY + SCRIPT if reader.scripts else POLICY) in reader.attributes
    assert page.index(POLICY) < page.index("<style>"), "a policy binds only what follows it"


@each_page
def test_a_page_loads_nothing_and_runs_no_script_but_its_own(page: str) -> None:
    reader = Reader(page)
    for script in reader.scripts[:-1]:
        assert json.loads(script)["days"]
    for script in reader.scripts[-1:]:
        assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" == script_source()
    assert not {"img", "link", "iframe", "object", "form", "base"} & set(reader.tags)
    names = {name for name, _ in reader.attributes}
    assert not {"src", "href", "style", "action"} & names
    assert [name for name in names if name.startswith("on")] == []
    assert "url(" not in page
    assert "@import" not in page


def test_hostile_texts_are_shown_as_they_are() -> None:
    texts = Reader(PAGES["hostile"]).texts
    # Symbol, reason, title, account, model, halt, warning, finding, configuration: each in full.
    assert texts.count(HOSTILE) >= 15


def test_a_command_in_a_warning_is_code_and_nothing_else_is() -> None:
    page = daily_page(a_daily_page(text="<b> & `turbodmt halt <account>` now"))
    assert "<li>&lt;b&gt; &amp; <code>turbodmt halt &lt;account&gt;</code> now</li>" in page


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'as_of' is undefined"):
        render("daily_page.html.j2", {"page": a_daily_page()})


def test_a_daily_page_shows_the_day() -> None:
    texts = Reader(PAGES["daily"]).texts
    for text in ("2018-12-31", "10,013.82", "5,000.12", "+0.500", "−25.0%", "20.0%", "3.5", "2,498.94", "9f86d081"):
        assert any(text in shown for shown in texts), text


def test_a_symbol_within_its_band_shows_what_is_held_and_that_it_is_kept() -> None:
    page = a_daily_page()
    kept = replace(page.decisions[0], exposure=None, reason="kept within the band, target of -0.0256")
    (cells,) = decisions_table([kept], page.snapshot).rows
    assert cells[5:] == ("+50.1%", "–", "kept", "kept within the band, target of −0.0256")


def test_the_result_of_the_day_is_the_first_figure_and_rules_name_no_model() -> None:
    page = replace(a_daily_page(), today=(("Result of the day", "−3.79 (−0.04%)"),), model="")
    texts = Reader(daily_page(page)).texts
    assert texts.index("Result of the day") < texts.index("As of")
    assert "Signals from" not in texts


def test_a_page_leads_back_to_the_day_before_it_beside_that_of_all_accounts() -> None:
    page = replace(a_daily_page(), previous=date(2018, 12, 28))
    link = '<a href="2018-12-28.html" target="_top">2018-12-28</a>'
    assert link in daily_page(page, "../index.html")
    assert link not in daily_page(replace(page, previous=None), "../index.html")


def test_an_empty_day_says_so() -> None:
    texts = Reader(PAGES["daily, empty"]).texts
    assert "No order: the positions are where they should be." in texts
    assert "Every bar passed the gate." in texts
    assert "Warnings" not in texts
    assert "Trading is halted" not in texts


def test_what_is_undefined_is_a_dash() -> None:
    texts = Reader(PAGES["backtest"]).texts
    row = texts.index("Volatility per year")
    assert texts[row + 1 : row + 4] == ["–", "–", "–"]
    assert "nan" not in " ".join(texts)


@pytest.mark.parametrize(("days", "shown"), [(62, "–"), (63, "41.0%")])
def test_a_figure_a_year_takes_63_days_in_the_table_too(days: int, shown: str) -> None:
    grown = Metrics(
        total_return=0.07,
        cagr=0.41,
        annual_vol=0.41,
        sharpe=0.41,
        sharpe_raw=0.41,
        rate_mean=0.02,
        sortino=0.41,
        max_drawdown=0.02,
        win_rate=0.6,
        turnover_per_year=0.41,
    )
    table = metrics_table([Measured(label="net", metrics=grown)], days)
    rows = {row[0]: row[1] for row in table.rows}
    early = {name for name, text in rows.items() if text == "–"}
    assert ("from 63 days on" in table.heading) == (days < 63)
    assert rows["Growth per year"] == shown
    assert rows["Total return"] == "7.0%"
    assert len(early) == (7 if days < 63 else 0)


def test_a_long_list_of_trades_shows_both_ends_and_why() -> None:
    reader = Reader(backtest_page(a_backtest_page(days=5, trades=1_000)))
    assert "Trades, the first and the last 200 of 1,000" in reader.texts
    shown = [text for text in reader.texts if text.startswith("plain ")]
    assert shown == [f"plain {number}" for number in (*range(200), *range(800, 1_000))]
    # The gap is marked where it is.
    gap = reader.texts.index("600 more in trades.parquet")
    assert reader.texts.index("plain 199") < gap < reader.texts.index("plain 800")


def test_a_backtest_page_leads_from_the_outcome_to_its_origin() -> None:
    texts = Reader(PAGES["backtest"]).texts
    wanted = ["Net return", "Equity", "Performance", "Skill or luck: the net Sharpe ratio", "Monthly returns, net"]
    wanted += ["Worst day", "Walk-forward", "Trades, 3 in all", "Where this comes from"]
    found = [
        texts.index(text) if text != "Equity" else texts.index("plain", texts.index("Net return")) for text in wanted
    ]
    assert found == sorted(found)


def test_what_was_not_measured_has_no_section() -> None:
    page = replace(a_backtest_page(days=5, trades=0), evidence=(), folds=(), returns=None)
    texts = Reader(backtest_page(page)).texts
    assert not {"Skill or luck: the net Sharpe ratio", "Walk-forward"} & set(texts)
    assert "No trade." in texts


def test_a_quantity_keeps_its_digits() -> None:
    assert exactly(Decimal("1000000.000001000000")) == "1,000,000.000001"
    assert exactly(Decimal("-100")) == "−100"


def test_a_ragged_row_is_refused() -> None:
    with pytest.raises(ValueError, match="a row has 1 cells; the table has 2 columns"):
        Table(heading="T", columns=("a", "b"), rows=(("1", "2"),), tones=(("",),))
    with pytest.raises(ValueError, match="a row has 1 cells; the table has 2 columns"):
        Table(heading="T", columns=("a", "b"), rows=(("1",),))


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [390, 1280])
def test_a_page_fits_the_screen_in_a_real_browser(browser: Browser, width_px: int) -> None:
    tab = browser.new_page(viewport={"width": width_px, "height": 900})
    for page in PAGES.values():
        tab.set_content(page)
        assert tab.evaluate("document.documentElement.scrollWidth") == width_px
    tab.close()


def with_a_band(days: int) -> str:
    """A daily page whose picture has a band from its third day on: it opens from the equity of the second."""
    picture = a_picture(days)
    since = range(1, days - 1)
    low = (math.nan, math.nan, *(10_000.0 - 90.0 * math.sqrt(day) for day in since))
    high = (math.nan, math.nan, *(10_000.0 + 8.0 * day + 90.0 * math.sqrt(day) for day in since))
    return daily_page(replace(a_daily_page(), picture=replace(picture, band=(low, high))))


@pytest.mark.browser
def test_the_expected_band_is_seen_on_every_screen_by_day_and_by_night(browser: Browser, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    page = tmp_path / "day.html"
    page.write_text(with_a_band(60), encoding="utf-8")
    seen: list[str] = []
    tab = browser.new_page()
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    tab.goto(page.as_uri())
    fills = set()
    for width_px in (390, 820, 1280):
        tab.set_viewport_size({"width": width_px, "height": 900})
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert tab.evaluate("document.documentElement.scrollWidth") == width_px
            (chart,) = (
                one for one in tab.locator("svg", has=tab.locator("path.td-expected")).all() if one.is_visible()
            )
            outer, inner = chart.bounding_box(), chart.locator("path.td-expected").bounding_box()
            assert outer is not None
            assert inner is not None
            assert inner["width"] > 0.6 * outer["width"]
            assert outer["x"] < inner["x"] < inner["x"] + inner["width"] < outer["x"] + outer["width"]
            assert outer["y"] < inner["y"] < inner["y"] + inner["height"] < outer["y"] + outer["height"]
            assert chart.get_by_text("expected band").is_visible()
            fills.add(chart.locator("path.td-expected").evaluate("one => getComputedStyle(one).fill"))
            pictures.mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=pictures / f"band-{width_px}-{scheme}.png", full_page=True)
    tab.close()
    # The path in its own colour, one by day and one by night; `none` and black would be no band.
    assert len(fills) == 2
    assert not fills & {"none", "rgb(0, 0, 0)"}
    assert seen == [page.as_uri()]
