"""The page of all accounts: everything at a glance, in every size, with nothing asked for and nothing run."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from storage.models.registry import ModelState
from storage.models.saved_backtests import SavedBacktest
from storage.models.saved_pages import PageKind, SavedPage
from tasks.digest.facts import Equity
from tasks.overview.facts import AccountFacts, ModelFacts, Overview, Standing
from tasks.overview.page import overview_page
from testing.servers.page_visits import demand_sound

NOW = datetime(2020, 6, 15, 20, 31, tzinfo=UTC)
MONDAY = date(2020, 6, 15)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
HOSTILE = "</style><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>\"'&"
EQUITY = Equity(
    day=MONDAY,
    value=Decimal("10412.55"),
    gain=Decimal("-42.10"),
    change=-0.00403,
    curve=tuple(10_000.0 + 60.0 * (day % 9) + 5.0 * day for day in range(63)),
    drawdown=0.031,
)
SAVED = SavedBacktest(
    report="/home/me/out put/report.html",
    saved_at=NOW,
    source="yahoo",
    symbols=("SPY",),
    strategy="rules",
    strategy_sha256=None,
    first_day=date(2005, 1, 3),
    last_day=date(2019, 12, 31),
    total_return=1.25,
    sharpe=0.62,
)
SWEPT = SavedPage(
    page="/home/me/reports/grid/sweep.html",
    kind=PageKind.SWEEP,
    saved_at=NOW,
    names=("SPY", "TLT"),
    items=1_200,
    first_day=date(2005, 1, 3),
    last_day=date(2019, 12, 31),
    sharpe=1.1,
    deflated=0.42,
)
COMPARED = replace(
    SWEPT, page="/tmp/c.html", kind=PageKind.COMPARISON, names=("rules", "hold"), sharpe=None, deflated=None
)
MODEL = ModelFacts(
    model_id="0123456789abcdef",
    strategy="turbo",
    symbols=("SPY",),
    trained_to=MONDAY,
    state=ModelState.CHALLENGER,
    page="models/0123456789ab.html",
)
LIVE = AccountFacts(
    account="etfs",
    standing=Standing.DONE,
    live=True,
    broker="paper",
    source="yahoo",
    symbols=("GLD", "SPY", "TLT"),
    strategy="rules",
    day=MONDAY,
    equity=EQUITY,
    exposures=(("SPY", 0.61), ("TLT", -0.12)),
    next_run=datetime(2020, 6, 16, 20, 30, tzinfo=UTC),
    page="etfs/2020-06-15.html",
    pages=40,
    backtests=(SAVED,),
)
HALTED = replace(
    LIVE,
    account="crypto",
    standing=Standing.HALTED,
    broker="testnet-spot",
    equity=replace(EQUITY, gain=None, change=None, curve=(10_000.0,)),
    exposures=tuple((f"COIN{number}USDT", 0.1) for number in range(12)),
    next_run=None,
    concerns=(
        "crypto has been halted since 2020-06-12: drawdown 35.1% is over 35%; once you know why, "
        "`turbodmt resume --account crypto --reason TEXT`",
        "crypto stands at 2020-06-13, and the bars of 2020-06-14 closed more than 12 hours ago; see whether its "
        "schedule is active and a worker runs",
    ),
    backtests=(),
)
EMPTY = AccountFacts(account="fresh", standing=Standing.EMPTY, live=True, broker="paper")
FILLED = replace(LIVE, account="what-if", standing=Standing.FILLED, live=False, next_run=None, page=None, pages=0)
SEVERAL = Overview(
    now=NOW,
    scheduled=True,
    accounts=(HALTED, LIVE, EMPTY, FILLED),
    concerns=("SPY of yahoo is held back: the low lies above the close; `turbodmt bars` shows what",),
    backtests=(SAVED,),
    models=(MODEL,),
    pages=(SWEPT, COMPARED),
    addresses={
        SAVED.report: "file:///home/me/out%20put/report.html",
        SWEPT.page: "grid/sweep.html",
        COMPARED.page: "file:///tmp/c.html",
    },
)


def test_an_account_is_told_at_a_glance() -> None:
    page = overview_page(replace(SEVERAL, accounts=(LIVE,), concerns=()))
    for text in (
        *("10,412.55", "−42.10 (−0.40%) on 2020-06-15", "SPY 61.0%, TLT −12.0%", "Mon 2020-06-15: done"),
        *("rules on GLD, SPY, TLT of yahoo, on paper", "Tue 2020-06-16 20:30 UTC", "All is well", "3.1%"),
        'href="etfs/2020-06-15.html"',
        'href="file:///home/me/out%20put/report.html"',
        "The next one is due Tue 2020-06-16 20:30 UTC; a page older than that means that nothing has run.",
    ):
        assert text in page, text


def test_a_concern_is_red_and_keeps_its_remedy() -> None:
    page = overview_page(SEVERAL)
    assert "All is well" not in page
    assert '<section class="account troubled">' in page
    assert "<code>turbodmt resume --account crypto --reason TEXT</code>" in page
    assert page.index("SPY of yahoo is held back") < page.index("crypto has been halted") < page.index(">etfs<")
    assert "COIN4USDT 10.0%, and 7 more" in page
    assert "none is scheduled" in page


def test_schedules_that_nobody_was_asked_for_are_not_said_to_be_missing() -> None:
    page = overview_page(replace(SEVERAL, scheduled=False, accounts=(replace(LIVE, next_run=None),)))
    assert "not known: no server was asked" in page
    assert "none is scheduled" not in page


def test_models_comparisons_and_sweeps_are_linked_with_what_they_show() -> None:
    page = overview_page(SEVERAL)
    for text in (
        '<a href="models/0123456789ab.html" target="_top">Model 0123456789ab of turbo on SPY</a>',
        '<a href="grid/sweep.html" target="_top">Sweep of 1,200 points on SPY, TLT, 2005-01-03 to 2019-12-31</a>',
        "best Sharpe ratio 1.10, more than luck with probability 42.0%; saved Mon 2020-06-15 20:31 UTC as /home/me/rep",
        '<a href="file:///tmp/c.html" target="_top">Comparison of rules, hold, 2005-01-03 to 2019-12-31</a>',
        "best Sharpe ratio –; saved",
    ):
        assert text in page, text


def test_a_ratio_of_a_few_days_is_not_annualised() -> None:
    few = {"last_day": date(2005, 1, 6)}
    page = overview_page(replace(SEVERAL, backtests=(replace(SAVED, **few),), pages=(replace(SWEPT, **few),)))
    assert "net return 125.0%, Sharpe ratio from 63 days on; saved" in page
    assert "best Sharpe ratio from 63 days on, more than luck" in page


def test_a_home_without_accounts_says_what_makes_one() -> None:
    page = overview_page(Overview(now=NOW, scheduled=False))
    assert "There is no account yet; <code>turbodmt daily</code> makes one." in page
    assert "All is well" not in page


def test_nothing_is_run_or_loaded_whatever_a_text_holds() -> None:
    hostile = replace(HALTED, strategy=HOSTILE, source=HOSTILE, concerns=(HOSTILE,), symbols=(HOSTILE,))
    pages = tuple(replace(each, page=HOSTILE, names=(HOSTILE,)) for each in (SWEPT, COMPARED))
    models = (replace(MODEL, strategy=HOSTILE, symbols=(HOSTILE,), page=HOSTILE),)
    named = replace(SEVERAL, addresses={**SEVERAL.addresses, HOSTILE: HOSTILE}, pages=pages, models=models)
    page = overview_page(replace(named, accounts=(hostile,), concerns=(HOSTILE,)))
    assert page.index(POLICY) < page.index("<style>")
    assert "<script" not in page
    assert "<img" not in page
    assert "url(" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.browser
def test_the_page_is_legible_everywhere(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text(overview_page(SEVERAL), encoding="utf-8")
    demand_sound(browser, file)
    faint = overview_page(SEVERAL).replace("--soft:#526074", "--soft:#8a97aa")
    file.write_text(faint, encoding="utf-8")
    with pytest.raises(AssertionError, match="light"):
        demand_sound(browser, file)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("width_px", "scheme", "media"), [(390, "light", "screen"), (820, "dark", "screen"), (1280, "light", "print")]
)
def test_the_page_is_silent_asks_for_nothing_and_fits(
    browser: Browser, tmp_path: Path, width_px: int, scheme: str, media: str
) -> None:
    file = tmp_path / "index.html"
    file.write_text(overview_page(SEVERAL), encoding="utf-8")
    seen: list[str] = []
    tab = browser.new_page(viewport={"width": width_px, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    tab.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("console", lambda message: seen.append(message.text))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    tab.goto(file.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == width_px
    assert tab.locator("section.account").count() == 4
    over = tab.eval_on_selector_all("section.account", "all => all.map(one => one.scrollWidth - one.clientWidth)")
    tab.close()
    assert max(over) <= 0
    assert seen == [file.as_uri()]
