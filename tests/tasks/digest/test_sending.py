"""A digest is sent at most once of each day, when it is done or its time is over, and never of a replay."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage.accounts import digests
from storage.database import connect
from strategy.market.instruments import Calendar
from tasks.digest import due
from tasks.digest.facts import DayKind, day_facts, kind_on
from tasks.digest.sending import AccountDay, digest_answer, tell_once
from tasks.digest.wording import Beside, Message
from tasks.operations.concerns import SENT_WITHIN, look
from tasks.run.answers import day_answer
from tasks.run.job import Job
from tasks.run.runs import Findings, begin, close_done, close_failed, close_halted, day_result
from testing.markets.bars import FakeBars, Fault, Listing
from testing.runs.jobs import a_job, on, run_day

THURSDAY, FRIDAY, MONDAY = date(2020, 7, 2), date(2020, 7, 3), date(2020, 7, 6)
LATENESS = timedelta(hours=12)
#: The Friday is a holiday in New York: of its day there is nothing to tell.
SHARES = FakeBars(
    listings=tuple(
        Listing(symbol=symbol, calendar=Calendar.XNYS, first=date(2019, 4, 1), last=date(2020, 12, 31), seed=seed)
        for symbol, seed in (("ONE", 41), ("TWO", 42))
    )
)
SHORT = SHARES.faulty(Fault(symbol="TWO", day=MONDAY))


def closed(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 20, tzinfo=UTC)


def done(job: Job, source: FakeBars, number: int = 1) -> None:
    """A run of the day that ends well."""
    job = replace(job, run_id=f"{job.run_id}-{number}", now=closed(job.as_of) + timedelta(minutes=30 * number))
    begin(job, job.now)
    run_day(job, lambda: source)
    result = day_result(job, Findings(warnings=("look here", f"{number} bars look odd")))
    close_done(job, job.now, result, day_answer(result).to_json())


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An account that has lived Thursday; the time of its next day, Monday, is not over yet."""
    home = tmp_path_factory.mktemp("thursday") / "home"
    made = replace(a_job(home, SHARES.symbols(), THURSDAY), sends_until=closed(MONDAY) + LATENESS)
    done(made, SHARES)
    return made


@pytest.fixture
def job(lived: Job, tmp_path: Path) -> Job:
    """Its Monday, in a copy of its home."""
    return replace(on(lived, MONDAY), home=Path(shutil.copytree(lived.home, tmp_path / "copy")))


def is_due(job: Job, after: timedelta) -> bool:
    with connect(job.home) as store:
        return due.is_due(store, job.account, job.as_of, closed(job.as_of) + after, LATENESS)


def overdue(job: Job, now: datetime) -> date | None:
    with connect(job.home) as store:
        return due.overdue(store, job.account, now, LATENESS)


class Phone:
    """What arrived, and whether the next message does."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.takes = True

    def send(self, message: Message) -> bool:
        if self.takes:
            self.messages.append(message)
        return self.takes


def tell(job: Job, phone: Phone, now: datetime) -> bool | None:
    return tell_once(AccountDay(home=job.home, account=job.account, as_of=job.as_of), now, Beside(), phone.send)


def test_a_day_is_told_once_however_often_it_is_run(job: Job) -> None:
    thursday, phone = on(job, THURSDAY), Phone()
    assert [tell(thursday, phone, closed(THURSDAY) + timedelta(hours=n)) for n in (1, 2, 13)] == [True, None, None]
    (message,) = phone.messages
    kept = digest_answer(job.home, "daily", THURSDAY, Beside())
    assert (kept.body, kept.subject) == (message.body, message.subject)
    assert kept.sent_at == kept.claimed_at == closed(THURSDAY) + timedelta(hours=1)
    assert overdue(job, closed(THURSDAY) + timedelta(days=1)) is None
    done(job, SHARES)
    assert tell(job, phone, closed(MONDAY) + timedelta(hours=1)) is True
    assert len(phone.messages) == 2


def test_a_partial_day_is_told_when_its_second_pass_has_decided_it(job: Job) -> None:
    done(job, SHORT)
    assert not is_due(job, timedelta(hours=11))
    done(job, SHARES, 2)
    assert is_due(job, timedelta(hours=11))
    with connect(job.home) as store:
        assert day_facts(store, job.account, MONDAY).late == ("TWO",)


def test_a_day_that_stays_partial_is_told_at_its_deadline(job: Job) -> None:
    done(job, SHORT)
    assert (is_due(job, LATENESS), is_due(job, LATENESS + timedelta(minutes=1))) == (False, True)
    assert overdue(job, closed(MONDAY) + LATENESS - timedelta(minutes=1)) == THURSDAY
    assert overdue(job, closed(MONDAY) + LATENESS + timedelta(minutes=1)) == MONDAY
    with connect(job.home) as store:
        facts = day_facts(store, job.account, MONDAY)
    assert (facts.kind, list(facts.held_back)) == (DayKind.PARTIAL, ["TWO"])


def test_a_later_pass_that_fails_leaves_a_day_partial(job: Job) -> None:
    done(job, SHORT)
    again = replace(job, run_id="again", now=closed(MONDAY) + timedelta(hours=2))
    begin(again, again.now)
    close_failed(again, again.now, "the source is down")
    with connect(job.home) as store:
        assert kind_on(store, job.account, MONDAY) is DayKind.PARTIAL


def test_a_halted_day_is_told_at_once_unless_a_symbol_may_still_come(job: Job) -> None:
    for source, told in ((SHORT, False), (SHARES, True)):
        made = replace(job, run_id=f"halted-{told}", now=closed(MONDAY) + timedelta(hours=1 + told))
        begin(made, made.now)
        run_day(made, lambda source=source: source)
        close_halted(made, made.now, "orders were withheld")
        assert is_due(job, timedelta(hours=3)) is told


def test_a_day_that_nobody_has_run_is_told_at_its_deadline_for_a_week(job: Job) -> None:
    assert overdue(job, closed(MONDAY) + LATENESS + timedelta(minutes=1)) == MONDAY
    assert not is_due(job, timedelta(hours=13))
    with connect(job.home) as store:
        assert day_facts(store, job.account, MONDAY).kind is DayKind.MISSED
    assert overdue(job, closed(date(2020, 7, 9)) + timedelta(hours=13)) == date(2020, 7, 9)
    assert overdue(job, closed(date(2020, 7, 10)) + timedelta(hours=13)) is None


def test_neither_a_holiday_nor_a_replay_is_told_of(job: Job) -> None:
    assert overdue(job, closed(FRIDAY) + timedelta(hours=13)) == THURSDAY
    assert not is_due(on(job, FRIDAY), timedelta(hours=13))
    assert is_due(on(job, THURSDAY), timedelta(days=7))
    assert not is_due(on(job, THURSDAY), timedelta(days=7, minutes=1))


def test_a_run_that_fails_says_why_at_the_deadline(job: Job) -> None:
    begin(job, closed(MONDAY) + timedelta(hours=1))
    with connect(job.home) as store:
        assert kind_on(store, job.account, MONDAY) is DayKind.UNFINISHED
    close_failed(job, closed(MONDAY) + timedelta(hours=1), "the source is down")
    assert not is_due(job, timedelta(hours=2))
    with connect(job.home) as store:
        facts = day_facts(store, job.account, MONDAY)
    assert (facts.kind, facts.failure, facts.decided) == (DayKind.FAILED, "the source is down", False)


def test_a_warning_that_differs_in_its_numbers_alone_is_no_news(job: Job) -> None:
    with connect(job.home) as store:
        assert day_facts(store, job.account, THURSDAY).warnings == ("look here", "1 bars look odd")
    done(job, SHARES, 2)
    with connect(job.home) as store:
        facts = day_facts(store, job.account, MONDAY)
    assert (facts.warnings, facts.repeated) == ((), 2)


def test_what_could_not_be_sent_is_not_sent_again_and_is_named(job: Job) -> None:
    thursday, phone, now = on(job, THURSDAY), Phone(), closed(THURSDAY) + timedelta(hours=1)
    phone.takes = False
    assert tell(thursday, phone, now) is False
    phone.takes = True
    assert tell(thursday, phone, now) is None
    assert "digest:daily" not in [concern.key for concern in look(job.home, now + SENT_WITHIN)]
    (concern,) = [each for each in look(job.home, now + timedelta(hours=1)) if each.key == "digest:daily"]
    assert concern.text.startswith(
        "the digest of 2020-07-02 may not have arrived; `turbodmt digest --account daily --as-of 2020-07-02` prints it;"
    )
    done(job, SHARES)
    assert tell(job, phone, closed(MONDAY) + timedelta(hours=1)) is True
    assert "digest:daily" not in [each.key for each in look(job.home, closed(MONDAY) + timedelta(hours=2))]


def test_a_process_that_dies_between_claim_and_sending_sends_nothing_twice(job: Job) -> None:
    """The process ends as it sends: nobody knows whether the message left, so it stays claimed."""
    dying = (
        "import os, sys; from datetime import datetime; from pathlib import Path\n"
        "from tasks.digest.sending import AccountDay, tell_once; from tasks.digest.wording import Beside\n"
        f"day = AccountDay(home=Path({str(job.home)!r}), account='daily', as_of=datetime(2020, 7, 2).date())\n"
        f"tell_once(day, datetime.fromisoformat('{closed(THURSDAY)}'), Beside(), lambda message: os._exit(9))\n"
    )
    # The program is made here, of constants.
    ended = subprocess.run([sys.executable, "-c", dying], check=False, env={**os.environ}, timeout=240)
    assert ended.returncode == 9
    phone = Phone()
    assert tell(on(job, THURSDAY), phone, closed(THURSDAY) + timedelta(hours=1)) is None
    assert phone.messages == []
    with connect(job.home) as store:
        kept = digests.on_day(store, "daily", THURSDAY)
    assert kept is not None
    assert (kept.claimed_at, kept.sent_at) == (closed(THURSDAY), None)
    assert "digest:daily" in [each.key for each in look(job.home, closed(THURSDAY) + timedelta(hours=1))]
