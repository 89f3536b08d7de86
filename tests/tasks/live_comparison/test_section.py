"""Live accounts beside a backtest: the same plan on the same days, or a sentence that says what is another one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from storage.database import connect
from strategy.builtin.registry import HOLD, MOMENTUM, RULES
from strategy.market.instruments import Calendar
from strategy.signals.strategies import Strategy
from tasks.backtest.export import save
from tasks.backtest.run import Backtest, Window, backtest
from tasks.daily.drift import edges, look_at
from tasks.live_comparison.finding import live_accounts
from tasks.live_comparison.section import _scale, live_section
from tasks.report.backtest_page import LiveSection
from tasks.run.job import Job
from tasks.run.runs import begin
from testing.markets.bars import FakeBars, Listing
from testing.runs.jobs import a_job, on, run_day
from testing.servers.page_visits import demand_sound

OPENED = date(2019, 7, 1)
DAYS = tuple(OPENED + timedelta(days=number) for number in range(10) if number not in (5, 6))
MARKET = FakeBars(
    listings=tuple(
        Listing(symbol=symbol, calendar=Calendar.WEEKDAYS, first=date(2013, 1, 1), last=date(2020, 12, 31), seed=seed)
        for symbol, seed in (("A", 3), ("B", 4))
    )
)
NOW = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A live account that the rules have traded for eight days on one symbol."""
    first = a_job(tmp_path_factory.mktemp("lived") / "home", ("A",), OPENED, RULES)
    for day in DAYS:
        job = on(first, day)
        begin(job, job.now)
        run_day(job, lambda: MARKET)
        look_at(job, None)
    return job


def a_backtest(lived: Job, start: date, strategy: Strategy = RULES, **changes: object) -> Backtest:
    """A backtest in the account's home, up to its last day."""
    job = replace(a_job(lived.home, ("A",), DAYS[-1], strategy), account="backtest", **changes)  # type: ignore[arg-type]
    return backtest(job, Window(strategies=(strategy,), start=start), lambda: MARKET)


def figures(section: LiveSection) -> Mapping[str, tuple[str, ...]]:
    (account,) = section.accounts
    return {row[0]: row[1:] for row in account.figures.rows}


def test_a_backtest_that_begins_as_the_account_did_differs_in_nothing(lived: Job) -> None:
    section = live_section(a_backtest(lived, OPENED))
    (account,) = section.accounts
    assert section.said == ()
    assert account.told == (
        f"Account daily, on paper, has the same strategy, settings, symbols and rates since {OPENED}. Both have the "
        f"days {OPENED} to {DAYS[-1]}."
    )
    told = figures(section)
    assert told["Return"][2] == "0.00%"
    assert told["Return"][0] == told["Return"][1] != "0.00%"
    assert told["Trades"] == (told["Trades"][0], told["Trades"][0], "0")
    assert int(told["Trades"][0]) > 0
    assert told["Fees and slippage, of what was traded"][2] == "0.00 bps"
    assert dict(account.facts)["Days compared"] == "8 of 8"
    assert "within it; " in dict(account.facts)["Live equity in the band of its past"]
    live, other = account.picture.lines
    assert live.values == pytest.approx(other.values)
    # The band is that of the day's page.
    with connect(lived.home) as store:
        known = edges(store, "daily", account.picture.dates)
    assert known is not None
    assert account.picture.band is not None
    assert account.picture.band[1][1:] == known.high[1:]


def test_a_longer_backtest_says_what_it_brings_and_is_drawn_from_the_account_s_first_day(lived: Job) -> None:
    section = live_section(a_backtest(lived, date(2019, 1, 1)))
    (account,) = section.accounts
    assert f" On {OPENED} the backtest already holds positions and is " in account.told
    assert f" below its peak; to begin as the account did, test with `--start-date {OPENED}`." in account.told
    live, other = account.picture.lines
    assert live.values[0] == pytest.approx(other.values[0])


def days(number: int) -> tuple[date, ...]:
    return tuple(OPENED + timedelta(days=day) for day in range(number))


def test_the_difference_is_told_beside_what_its_days_add_up_to() -> None:
    common = days(26)
    # Daily differences of +2 % and −1 % in turn: 13 and 12 of them.
    gaps = np.tile([0.02, -0.01], 13)[:25]
    other = dict.fromkeys(common, 100.0)
    own = dict(zip(common, 100.0 * np.exp(np.append(0.0, np.cumsum(gaps))), strict=True))
    times = gaps.sum() / (pd.Series(gaps).std() * 5.0)
    told = _scale(common, (own, other))
    assert told.startswith(
        f" The account is {100 * np.expm1(gaps.sum()):.2f} percentage points ahead: {times:.1f} times what "
    )
    assert told.endswith(" over 25 days.")
    assert " behind: " in _scale(common, (other, own))
    # Of few days and of equal paths nothing is said.
    assert _scale(common[:20], (own, other)) == ""
    assert _scale(common, (own, own)) == ""


def test_a_backtest_that_ends_before_the_account_began_compares_no_return(lived: Job) -> None:
    job = replace(a_job(lived.home, ("A",), OPENED, RULES), account="backtest")
    early = backtest(job, Window(strategies=(RULES,), start=date(2019, 1, 1)), lambda: MARKET)
    (account,) = live_section(early).accounts
    assert account.figures.rows == ()
    assert dict(account.facts)["Days compared"] == "1 of 8"
    assert f"shares fewer than two days with it; test up to {DAYS[-1]}" in account.told


def test_another_plan_is_named_and_not_compared(lived: Job) -> None:
    settled = replace(lived.policy, config='{"neutral_zone": 0.1, "rates": "constant:0.01", "financing_rate": null}')
    other = a_backtest(lived, OPENED, symbols=("A", "B"), policy=settled)
    section = live_section(other)
    assert section.accounts == ()
    (said,) = section.said
    assert said.startswith(
        "Account daily is not compared, as it does not trade what was tested: its symbols are A, the backtest's A, B;"
    )
    for text in (
        "its neutral_zone is not set, the backtest's 0.1",
        "its financing_rate is 0.05, the backtest's not set",
    ):
        assert text in said
    assert said.endswith("Test what it trades, with the same options.")


def test_what_no_account_trades_says_what_to_do(lived: Job) -> None:
    section = live_section(a_backtest(lived, OPENED, MOMENTUM))
    assert section == LiveSection(
        accounts=(),
        said=(
            "There is nothing to compare: no account of this home has been traded by momentum from day to day; "
            "`turbodmt daily` with the same options, or `turbodmt up`, trades one on paper.",
        ),
    )


def test_only_days_under_the_settings_of_today_are_compared(lived: Job, tmp_path: Path) -> None:
    first = a_job(tmp_path / "home", ("A",), OPENED, RULES)
    for day in DAYS[:4]:
        job = on(first, day)
        if day >= DAYS[2]:
            job = replace(job, policy=replace(job.policy, config='{"neutral_zone": 0.2}'))
        begin(job, job.now)
        run_day(job, lambda: MARKET)
    of_today = a_backtest(job, OPENED, policy=job.policy)
    (account,) = live_accounts(of_today)
    assert (account.since, account.differences) == (DAYS[2], ())
    (before,) = live_accounts(a_backtest(job, OPENED))
    assert before.differences == ("its neutral_zone is 0.2, the backtest's not set",)


@pytest.mark.browser
def test_the_section_is_sound_and_absent_where_nobody_looked(browser: Browser, lived: Job, tmp_path: Path) -> None:
    found = a_backtest(lived, OPENED)
    page = Path(save(found, tmp_path / "with", NOW, live_section(found))[2])
    text = page.read_text(encoding="utf-8")
    assert "<h2>Live against backtest</h2>" in text
    page.write_text(text.replace("<details>", "<details open>"), encoding="utf-8")
    demand_sound(browser, page)
    bare = Path(save(found, tmp_path / "without", NOW)[2]).read_text(encoding="utf-8")
    assert "Live against backtest" not in bare
    alone = a_backtest(lived, OPENED, HOLD)
    said = Path(save(alone, tmp_path / "hold", NOW, live_section(alone))[2]).read_text(encoding="utf-8")
    assert "<code>turbodmt daily</code> with the same options" in said
