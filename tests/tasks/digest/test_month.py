"""A month of an account's digests, as a phone shows them: kept in month.txt.

Read them after each change; KEEP_DIGESTS=1 writes the file anew.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from exchange.brokers.paper import PaperBroker
from exchange.ports import SourceUnavailable
from exchange.sessions.closing_times import closed_by
from flows.scheduling.digests import beside_day
from flows.work.day import run_day
from storage.database import connect
from strategy.account.cash_flows import FlowKind
from strategy.builtin.registry import RULES
from strategy.market.instruments import Calendar
from strategy.portfolio.sizing import SizingParams
from tasks.daily.order import AccountHalted
from tasks.daily.steps import DaySteps
from tasks.digest import due
from tasks.digest.sending import AccountDay, tell_once
from tasks.digest.wording import MOST_LINES, WIDTH, Message, next_run
from tasks.operations.cash_flows import FlowRequest, cash_request, request_flows
from tasks.operations.halt import halt, resume
from tasks.run.job import Job
from tasks.run.runs import begin, close_halted, close_late
from testing.markets.bars import DeadBars, FakeBars, Fault, Listing, account_days
from testing.runs.jobs import a_job
from testing.simulation.store import Dice, stored_in_memory

KEPT = Path(__file__).with_name("month.txt")
FIRST, LAST = date(2020, 5, 1), date(2020, 5, 29)
LATENESS = timedelta(hours=12)
LISTINGS = tuple(
    Listing(symbol=symbol, calendar=Calendar.XNYS, first=date(2019, 4, 1), last=date(2020, 12, 31), seed=seed)
    for symbol, seed in (("GLD", 31), ("SPY", 32), ("TLT", 33))
)
WHOLE = FakeBars(listings=LISTINGS)
DAYS = account_days(WHOLE, FIRST, LAST)


def on(day: int) -> date:
    return date(2020, 5, day)


def morning(day: int) -> datetime:
    return datetime(2020, 5, day, 9, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone."""


class Month:
    """An account that is run every day half an hour after the close, and watched; `told` is what a phone has shown."""

    def __init__(self, home: Path) -> None:
        job = a_job(home, WHOLE.symbols(), FIRST, RULES)
        band = replace(job.policy, sizing=SizingParams(lookback_period=20, rebalance_band=0.15))
        self.job = replace(job, policy=band)
        self.told: list[tuple[datetime, Message]] = []
        self.dies = False

    def run(self, day: date, source: FakeBars, after: timedelta = timedelta(minutes=30)) -> None:
        """Run the day so long after its close, and send its digest if it is due."""
        job = self._at(day, after)
        begin(job, job.now)
        try:
            run_day(job, lambda: source, PaperBroker, DaySteps())
        except AccountHalted as error:
            close_halted(job, job.now, str(error))
        except SourceUnavailable as error:
            close_late(job, job.now, str(error))
        with connect(job.home) as store:
            is_due = due.is_due(store, job.account, day, job.now, LATENESS)
        if is_due:
            self._tell(day, job.now)

    def watch(self, day: date) -> None:
        """Send what the day itself has not sent, when its time is over."""
        now = closed_by(Calendar.XNYS, day) + LATENESS + timedelta(minutes=5)
        with connect(self.job.home) as store:
            found = due.overdue(store, self.job.account, now, LATENESS)
        if found is not None:
            assert found == day
            self._tell(day, now)

    def _at(self, day: date, after: timedelta) -> Job:
        closed = closed_by(Calendar.XNYS, day)
        return replace(
            self.job, as_of=day, now=closed + after, sends_until=closed + LATENESS, run_id=f"run-{day}-{after}"
        )

    def _tell(self, day: date, now: datetime) -> None:
        home, account = self.job.home, self.job.account
        with connect(home) as store:
            close = due.next_close(store, account, day)
        assert close is not None
        beside = replace(
            beside_day(home, account, day, now),
            next_run=next_run(close + timedelta(minutes=30)),
            pages=(f"http://127.0.0.1:4200/reports/{account}/{day}.html",),
        )

        def send(message: Message) -> bool:
            if self.dies:
                raise Killed
            self.told.append((now, message))
            return True

        try:
            tell_once(AccountDay(home=home, account=account, as_of=day), now, beside, send)
        except Killed:
            self.dies = False


#: What the source has on some days: late, missing and wrong bars, and no answer at all.
FAULTS = {
    on(8): WHOLE.faulty(Fault(symbol="SPY", day=on(8))),
    on(12): WHOLE.faulty(Fault(symbol="TLT", day=on(12))),
    on(13): WHOLE.faulty(Fault(symbol="GLD", day=on(13), column="close", value=-1.0)),
    on(15): DeadBars(listings=LISTINGS),
}
#: A day of which a second run finds what was late.
AGAIN = on(8)
#: A day whose process dies as it sends, and a day that nobody runs.
KILLED, MISSED = on(22), on(28)


def deposit(home: Path) -> None:
    asked = FlowRequest(
        account="daily", flows=(), costs=(), what="", day=on(6), reason="savings", key=None, at=morning(6)
    )
    request_flows(home, cash_request(FlowKind.DEPOSIT, Decimal(2_500), asked))


#: What a person does in the morning of a day.
BY_HAND: dict[date, Callable[[Path], object]] = {
    on(6): deposit,
    on(19): lambda home: halt(home, "daily", "the feed of SPY looks wrong", morning(19)),
    on(21): lambda home: resume(home, "daily", "it was the vendor's test", morning(21)),
}


def lived(home: Path) -> Month:
    """The month: with a deposit, late and wrong bars, a source that is down, a halt, a kill and a missed day."""
    month = Month(home)
    for day in DAYS:
        if day in BY_HAND:
            BY_HAND[day](home)
        month.dies = day == KILLED
        if day != MISSED:
            month.run(day, FAULTS.get(day, WHOLE))
        if day == AGAIN:
            month.run(day, WHOLE, timedelta(hours=2))
        month.watch(day)
    return month


@pytest.mark.timeout(900)
def test_a_month_is_told_in_one_message_a_day_each_on_one_screen(home: Path) -> None:
    with stored_in_memory(home, Dice(seed=0, calm=True)):
        told = lived(home).told
    bodies = [message.body.splitlines() for _, message in told]
    assert max(map(len, bodies)) <= MOST_LINES
    assert max(len(line) for body in bodies for line in body) <= WIDTH
    text = "\n\n".join(f"{now:%a %Y-%m-%d %H:%M} UTC  {one.subject}\n{one.body}" for now, one in told) + "\n"
    if os.environ.get("KEEP_DIGESTS") == "1":
        KEPT.write_text(text, encoding="utf-8")
    assert text == KEPT.read_text(encoding="utf-8")


def test_the_documents_show_a_digest_of_the_month() -> None:
    page = (Path(__file__).parents[3] / "docs" / "deployment.md").read_text(encoding="utf-8")
    shown = page.split("reads like this:\n\n")[1].split("\n\n")[0]
    assert dedent(shown) in KEPT.read_text(encoding="utf-8")
