"""The report of a real backtest in a real browser: silent, offline and within the screen."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from strategy.builtin.registry import HOLD, RULES
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from tasks.backtest.export import save
from tasks.backtest.run import Window, backtest
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job

pytestmark = pytest.mark.browser


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Result of loading a page: what it did, and how wide it turned out in a window of the asked width."""

    requests: tuple[str, ...]
    complaints: tuple[str, ...]
    width_px: int


def visit(browser: Browser, page: Path, width_px: int) -> Visit:
    requests: list[str] = []
    complaints: list[str] = []
    tab = browser.new_page(viewport={"width": width_px, "height": 900})
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri())
    width = int(tab.evaluate("document.documentElement.scrollWidth"))
    tab.close()
    return Visit(requests=tuple(requests), complaints=tuple(complaints), width_px=width)


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


@pytest.mark.parametrize("width_px", [390, 1280])
def test_the_report_is_silent_asks_for_nothing_and_fits(browser: Browser, report: Path, width_px: int) -> None:
    seen = visit(browser, report, width_px)
    assert seen.complaints == ()
    assert seen.requests == (report.as_uri(),)
    assert seen.width_px == width_px


def test_a_printed_table_loses_no_column(browser: Browser, report: Path) -> None:
    # A4 less its margins, at 96 dots an inch.
    tab = browser.new_page(viewport={"width": 718, "height": 1000})
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
