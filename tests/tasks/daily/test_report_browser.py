"""The report of a real backtest in a real browser: silent, offline, within the screen, and its pictures answer."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from strategy.builtin.registry import HOLD, RULES
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from tasks.backtest.export import save
from tasks.backtest.run import Window, backtest
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job
from testing.servers.page_visits import CONTRASTS, a_tab, visit

pytestmark = pytest.mark.browser
#: The picture of the equity, and that of the weights.
EQUITY, WEIGHTS = ".live >> nth=0", ".live >> nth=1"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    window = Window(strategies=(RULES, HOLD), start=date(2020, 6, 8))
    job = a_job(folder / "home", PAIR.symbols(), date(2020, 12, 31))
    stated = InstrumentTable(symbols={"SHARE": InstrumentTerms(impact=Decimal(1))})
    job = replace(job, policy=replace(job.policy, costs=replace(job.policy.costs, instruments=stated)))
    tested = backtest(job, window, lambda: PAIR)
    opened = folder / "opened.html"
    html = Path(save(tested, folder, job.now)[2]).read_text(encoding="utf-8")
    # Drawn for a wide screen and a narrow one.
    assert html.count("<title>Capacity: net Sharpe ratio by capital</title>") == 2
    # Folded rows have no width: the list of trades is measured open.
    opened.write_text(html.replace("<details>", "<details open>"), encoding="utf-8")
    return opened


@pytest.mark.parametrize("width_px", [390, 768, 1280])
def test_the_report_is_silent_asks_for_nothing_and_fits(browser: Browser, report: Path, width_px: int) -> None:
    seen = visit(browser, report, width_px)
    assert seen.complaints == ()
    assert seen.requests == (report.as_uri(),)
    assert seen.width_px == width_px


def test_a_printed_table_loses_no_column(browser: Browser, report: Path) -> None:
    # A4 less its margins, at 96 dots an inch.
    tab = a_tab(browser, 718)
    tab.emulate_media(media="print")
    tab.goto(report.as_uri())
    sizes = tab.eval_on_selector_all(".scroll", "all => all.map(one => [one.scrollWidth, one.clientWidth])")
    tab.close()
    assert len(sizes) > 3
    assert [size for size in sizes if size[0] > size[1]] == []


def test_a_page_that_does_otherwise_is_caught(browser: Browser, report: Path, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    bad = '<img src="other.png"><p style="width:500px">wide</p></main>'
    page.write_text(report.read_text(encoding="utf-8").replace("</main>", bad), encoding="utf-8")
    seen = visit(browser, page, 390)
    assert "Content Security Policy" in " ".join(seen.complaints)
    assert seen.width_px > 390
    page.write_text("<!doctype html><img src=other.png>", encoding="utf-8")
    assert visit(browser, page, 390).requests == (page.as_uri(), (tmp_path / "other.png").as_uri())


def pixel_of(tab: Page, share: float) -> tuple[float, float]:
    """A point of the picture shown, that share of its width from the left, in its upper plot."""
    box = tab.locator(f"{EQUITY} >> svg:visible").bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + 120


def dates_of(tab: Page) -> list[list[str]]:
    axes = tab.locator(f"{EQUITY} >> svg:visible .td-dates").all()
    return [axis.locator("text").all_text_contents() for axis in axes]


def test_a_picture_answers_and_all_its_plots_zoom_together(browser: Browser, report: Path) -> None:
    complaints: list[str] = []
    tab = a_tab(browser, 1280)
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(report.as_uri())
    whole = dates_of(tab)
    assert len(whole) > 4
    assert whole == [whole[0]] * len(whole)
    # The value of a day is shown under the pointer, and gone without it.
    tab.mouse.move(*pixel_of(tab, 0.5))
    told = tab.locator(f"{EQUITY} >> .tip").inner_text()
    assert "2020-09-" in told
    assert "Equity, rules, net" in told
    assert "Exposure, long less short" in told
    tab.mouse.move(1, 1)
    assert tab.locator(f"{EQUITY} >> .tip").is_hidden()
    # A stretch that is drawn over is shown alone, in every plot.
    tab.mouse.move(*pixel_of(tab, 0.4))
    tab.mouse.down()
    tab.mouse.move(*pixel_of(tab, 0.6))
    names, tip = tab.locator(f"{EQUITY} >> svg:visible .td-entry text"), tab.locator(f"{EQUITY} >> .tip")
    returns = names.all_text_contents()
    tab.mouse.up()
    # The pointer is over another day now, and the returns are those of the days shown.
    assert tip.is_hidden()
    assert all(now != before for now, before in zip(names.all_text_contents(), returns, strict=True))
    shown = dates_of(tab)
    assert shown == [shown[0]] * len(shown)
    assert shown[0] != whole[0]
    tab.mouse.dblclick(*pixel_of(tab, 0.5))
    assert dates_of(tab) == whole
    assert (tip.is_hidden(), names.all_text_contents()) == (True, returns)
    tab.get_by_role("button", name="1m").first.click()
    assert all("Dec" in date for date in dates_of(tab)[-1])
    # A name in the key hides its line in every plot, and its values.
    tab.locator(f"{EQUITY} >> svg:visible .td-entry").nth(1).click()
    assert not any(line.is_visible() for line in tab.locator(f"{EQUITY} >> svg:visible path[data-line='1']").all())
    assert all(line.is_visible() for line in tab.locator(f"{EQUITY} >> svg:visible path.td-line[data-line='0']").all())
    tab.mouse.move(*pixel_of(tab, 0.5))
    assert "Equity, hold" not in tab.locator(f"{EQUITY} >> .tip").inner_text()
    tab.close()
    assert complaints == []


def test_weights_are_told_by_symbol_and_stacked_anew_without_a_hidden_one(browser: Browser, report: Path) -> None:
    complaints: list[str] = []
    tab = a_tab(browser, 1280)
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(report.as_uri())
    drawn = tab.locator(f"{WEIGHTS} >> svg:visible")
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 150)
    told = tab.locator(f"{WEIGHTS} >> .tip").inner_text()
    assert "2020-09-" in told
    assert ("SHARE" in told, "TOKEN" in told, told.count("%")) == (True, True, 2)
    upper = drawn.locator("path[data-line='1']")
    stacked = upper.get_attribute("d")
    drawn.locator(".td-entry").nth(0).click()
    assert drawn.locator("path[data-line='0']").is_hidden()
    assert upper.get_attribute("d") != stacked
    # A stretch of them is drawn alone; the equity above keeps its own.
    before, equity = drawn.locator(".td-dates text").all_text_contents(), dates_of(tab)
    tab.locator(WEIGHTS).get_by_role("button", name="1m").click()
    assert drawn.locator(".td-dates text").all_text_contents() != before
    assert dates_of(tab) == equity
    tab.close()
    assert complaints == []


def test_figures_in_a_table_keep_apart(browser: Browser, report: Path) -> None:
    # On a tablet, columns of one width each would let figures run into one another.
    tab = a_tab(browser, 768)
    tab.goto(report.as_uri())
    over = tab.eval_on_selector_all("td.number", "all => all.filter(one => one.scrollWidth > one.clientWidth).length")
    tab.close()
    assert over == 0


def test_what_is_printed_in_dark_mode_is_dark_on_white(browser: Browser, report: Path) -> None:
    tab = a_tab(browser, 718)
    tab.emulate_media(media="print", color_scheme="dark")
    tab.goto(report.as_uri())
    assert [one for one in tab.evaluate(CONTRASTS) if one[0] < 4.5] == []
    tab.close()


@pytest.mark.parametrize("width_px", [390, 1280])
def test_every_text_stands_out_from_its_ground(browser: Browser, report: Path, width_px: int) -> None:
    """Text needs a contrast of 4.5 (WCAG 2.2 AA)."""
    tab = a_tab(browser, width_px)
    tab.goto(report.as_uri())
    tab.mouse.move(*pixel_of(tab, 0.5))
    for scheme in ("light", "dark") if width_px == 1280 else ("light",):
        tab.emulate_media(color_scheme=scheme)
        contrasts = tab.evaluate(CONTRASTS)
        assert len(contrasts) > 4
        assert [one for one in contrasts if one[0] < 4.5] == []
    tab.close()


def test_a_page_whose_script_was_changed_runs_none_and_is_complete(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    page = tmp_path / "changed.html"
    page.write_text(
        report.read_text(encoding="utf-8").replace('"use strict";', '"use strict"; alert(1);'), encoding="utf-8"
    )
    tab = a_tab(browser, 1280)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.goto(page.as_uri())
    assert ["Content Security Policy" in complaint for complaint in complaints] == [True]
    assert tab.locator(".tools").count() == 0
    assert len(dates_of(tab)) > 4
    tab.close()
