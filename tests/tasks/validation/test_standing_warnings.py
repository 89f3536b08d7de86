"""A warning of the gate stands with its bar: each answer that rests on the bar tells it, until it is mended."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from storage.bars.bar_warnings import StandingWarning
from storage.database import connect
from strategy.builtin.registry import HOLD
from strategy.market.findings import Finding
from tasks.backtest.run import Window, backtest
from tasks.data.ingest import ingest
from tasks.operations.import_bars import import_bars
from tasks.run.job import Job
from tasks.validation.eligible import remarks
from tasks.validation.gate import inspect, validate
from tasks.validation.standing_warnings import grouped
from testing.markets.bars import PAIR, FakeBars, Fault
from testing.runs.jobs import a_job

JUMP, LATER, LAST = date(2020, 3, 2), date(2020, 6, 12), date(2020, 12, 31)
FLAT = ("open", "high", "low", "close")


def flat(*days: date) -> FakeBars:
    """PAIR, whose share has the same open, high, low and close on these days."""
    bars = PAIR
    for day in days:
        for column in FLAT:
            bars = bars.faulty(Fault(symbol="SHARE", day=day, column=column, value=105.0))
    return bars


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path, PAIR.symbols(), LATER)


def told(warnings: tuple[str, ...]) -> list[str]:
    return [warning for warning in warnings if "no_flat_bar" in warning]


def test_what_was_let_through_is_told_again_by_every_answer(job: Job) -> None:
    ingest(job, lambda: flat(JUMP))
    first = told(validate(job).warnings)
    assert first == [
        "SHARE on 2020-03-02: open, high, low and close are the same (no_flat_bar: flat at 105, limit high above low)"
    ]
    assert told(validate(job).warnings) == first
    assert told(remarks(inspect(job, None))) == first
    tested = backtest(job, Window(strategies=(HOLD,), start=JUMP), lambda: flat(JUMP))
    assert told(tested.warnings) == told(tested.bar_warnings) == first
    whole = a_job(job.home, PAIR.symbols(), LAST)
    assert first[0] in str(import_bars(whole, lambda: flat(JUMP), ((), "")).json_values()["warnings"])


def test_one_line_tells_of_all_bars_of_a_symbol_and_rule(job: Job) -> None:
    ingest(job, lambda: flat(JUMP, date(2020, 4, 1), date(2020, 5, 4)))
    assert told(inspect(job, None).warnings) == [
        "SHARE on 3 days from 2020-03-02 to 2020-05-04: open, high, low and close are the same (no_flat_bar: the last: "
        "flat at 105, limit high above low)"
    ]


def test_a_window_that_does_not_hold_the_bar_is_not_warned_of_it(job: Job) -> None:
    ingest(job, lambda: flat(JUMP))
    assert told(inspect(job, None, date(2020, 3, 3)).warnings) == []
    assert len(told(inspect(job, None, JUMP).warnings)) == 1
    assert told(inspect(replace(job, as_of=date(2020, 3, 1)), None).warnings) == []


def test_a_bar_that_its_vendor_corrects_is_warned_of_no_longer(job: Job) -> None:
    ingest(job, lambda: flat(JUMP, date(2020, 4, 1)))
    inspect(job, None)
    ingest(job, lambda: flat(JUMP))
    assert told(inspect(job, None).warnings)[0].startswith("SHARE on 2020-03-02: ")


def test_a_store_that_kept_no_warnings_is_looked_through_once(job: Job) -> None:
    ingest(job, lambda: flat(JUMP))
    first = inspect(job, None).standing
    with connect(job.home) as store:
        store.execute("DELETE FROM bar_warnings")
        store.execute("DELETE FROM bar_warnings_kept")
    assert inspect(job, None).standing == first


def test_an_accepted_bar_says_why_it_was(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), LAST)
    low = PAIR.faulty(Fault(symbol="SHARE", day=JUMP, column="low", value=0.5))
    answer = import_bars(job, lambda: low, ([("SHARE", JUMP)], "a real flash crash")).json_values()
    assert "bars before (or tenfold) below open and close" in str(answer["warnings"])
    assert "; accepted: a real flash crash" in str(answer["warnings"])


def test_bars_that_were_accepted_are_a_line_of_their_own() -> None:
    finding = Finding(symbol="A", open_time=JUMP, expectation="rule", value="1", limit="0", reason="it is odd")
    found = [StandingWarning(finding=finding), StandingWarning(finding=finding, accepted="seen")]
    assert grouped(found) == (
        "A on 2020-03-02: it is odd (rule: 1, limit 0)",
        "A on 2020-03-02: it is odd (rule: 1, limit 0); accepted: seen",
    )
