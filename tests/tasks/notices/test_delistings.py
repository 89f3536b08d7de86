"""A source that states the end of a symbol settles it; of one that does not, nobody guesses."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from storage.bars import instruments as instrument_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.builtin.registry import VOL_TARGET
from strategy.market.instruments import Instrument
from strategy.portfolio.decision import Status
from tasks.notices.delistings import settled_delistings, silent_symbols
from tasks.run.job import Job
from testing.markets.bars import SHARE, TOKEN, FakeBars
from testing.runs.jobs import a_job, on, run_day

FIRST = date(2020, 6, 8)
DAY = timedelta(days=1)
LAST = FIRST + DAY


class Live(FakeBars):
    """A streaming source that remembers the symbols it was asked about."""

    asked: ClassVar[list[tuple[str, ...]]] = []

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        self.asked.append(symbols)
        return tuple(replace(known, currency="USD") for known in super().instruments(symbols))


def live(last: date, listed_to: date | None) -> Live:
    """SHARE's bars end, and its source says so or not; TOKEN's go on."""
    return Live(listings=(replace(SHARE, last=last, listed_to=listed_to), TOKEN), streaming=True)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An account that holds both; its source has been asked about them once."""
    Live.asked.clear()
    job = replace(a_job(tmp_path / "home", ("SHARE", "TOKEN"), FIRST, VOL_TARGET), currency="USD")
    for offset in range(2):
        run_day(on(job, FIRST + offset * DAY), lambda: live(LAST, None))
    assert Live.asked == [("SHARE", "TOKEN")]
    return job


def held(job: Job) -> set[str]:
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    assert snapshot is not None
    return set(snapshot.held)


def status(job: Job, day: date) -> Status:
    with connect(job.home) as store:
        (of_share,) = (each for each in ledger.decisions_on(store, job.account, day) if each.symbol == "SHARE")
    return of_share.status


def test_a_source_that_states_the_end_is_asked_when_bars_stop_and_the_position_is_closed(job: Job) -> None:
    gate, _ = run_day(on(job, LAST + DAY), lambda: live(LAST, LAST))
    assert Live.asked[1:] == [("SHARE",)]
    assert gate.held_back == {}
    assert held(job) == {"TOKEN"}
    assert status(job, LAST + DAY) is Status.DELISTED
    with connect(job.home) as store:
        (said,) = settled_delistings(store, job.account, LAST + DAY)
        (fill,) = (each for each in ledger.fills_on(store, job.account, LAST + DAY) if each.symbol == "SHARE")
        assert silent_symbols(store, job.account, LAST + DAY) == {}
    assert said.startswith("SHARE is delisted, as its source says: ")
    assert said.endswith(f" of it closed at its last close, {fill.price}")


def test_a_position_is_closed_on_the_day_that_its_source_says_so_late(job: Job) -> None:
    run_day(on(job, LAST + DAY), lambda: live(LAST, None))
    assert (status(job, LAST + DAY), held(job)) == (Status.QUARANTINED, {"SHARE", "TOKEN"})
    run_day(on(job, LAST + 2 * DAY), lambda: live(LAST, LAST))
    assert (status(job, LAST + 2 * DAY), held(job)) == (Status.DELISTED, {"TOKEN"})


def test_an_end_that_is_taken_back_is_forgotten(job: Job) -> None:
    run_day(on(job, LAST + DAY), lambda: live(LAST, LAST))
    run_day(on(job, LAST + 2 * DAY), lambda: live(SHARE.last, None))
    assert status(job, LAST + 2 * DAY) is Status.TRADED
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, ("SHARE",))["SHARE"]
    assert known.listed_to is None


def test_nothing_is_guessed_of_a_symbol_that_goes_silent_and_the_remedy_is_named(job: Job) -> None:
    gone = on(job, LAST + 8 * DAY)
    run_day(gone, lambda: live(LAST, None))
    assert (status(job, gone.as_of), held(job)) == (Status.STALE, {"SHARE", "TOKEN"})
    with connect(job.home) as store:
        (said,) = silent_symbols(store, job.account, gone.as_of).values()
    assert said == (
        "SHARE: its last bar is 8 days old, and its source does not say that it is delisted; it is not ordered before "
        "its next one; if it is delisted, `turbodmt delist SHARE --account daily --on DATE --price P` turns its "
        "position into cash"
    )
