"""Accounts are listed, a name that there is not is answered with those that there are, and one is forgotten."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.ledger import broker_events
from storage.ledger.broker_events import BrokerBaseline
from strategy.builtin.registry import RULES
from tasks.operations.concerns import look
from tasks.operations.halt import halt, resume
from tasks.run.job import Job
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, run_day
from tests.flows.conftest import Run

#: When a person halts or resumes.
NOW = datetime(2026, 1, 2, tzinfo=UTC)

FRIDAY = date(2020, 6, 12)


@pytest.fixture
def job(home: Path) -> Job:
    """The account `daily` has lived a day on a share and a token."""
    made = a_job(home, PAIR.symbols(), FRIDAY, RULES)
    run_day(made, lambda: PAIR)
    page = home / "reports" / "daily" / "2020-06-12.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page", encoding="utf-8")
    return made


def test_a_store_without_accounts_says_so(run: Run) -> None:
    assert run("accounts").out == "There is no account yet; `turbodmt daily` makes one.\n"
    assert run("accounts", "--json").answer == {"accounts": [], "warnings": []}


@pytest.mark.usefixtures("job")
def test_a_name_that_there_is_not_is_answered_with_those_that_there_are(run: Run) -> None:
    for command in (
        ("status",),
        ("report",),
        ("explain", "tdmt"),
        ("halt", "--reason", "x"),
        ("resume", "--reason", "x"),
        ("adopt", "--reason", "x"),
        ("watch",),
    ):
        ended = run(*command, "--account", "dialy", "--json")
        assert (ended.code, ended.failure) == (
            2,
            "--account is 'dialy', and the ledger holds daily; did you mean daily?",
        )
    # What a deployment will trade is no slip of the pen.
    assert run("status", "--account", "daily-crypto").code == 0


def test_an_account_is_forgotten_once_someone_says_yes(run: Run, job: Job, home: Path) -> None:
    (one,) = run("accounts", "--json").answer["accounts"]
    assert (one["account"], one["source"], one["first"], one["halted"]) == ("daily", job.source, "2020-06-12", False)
    used = run("bars", "forget", job.source, "--yes")
    assert (used.code, "are what daily decided on" in used.failure) == (2, True)
    asked = run("accounts", "forget", "daily")
    assert (asked.code, asked.failure) == (2, "there is no terminal to ask at; give --yes if it is meant")
    assert run("accounts", "forget", "dialy", "--yes").failure == (
        "NAME is 'dialy', and the ledger holds daily; did you mean daily?"
    )
    empty = run("accounts", "forget", "daily", "--yes", "--home", home / "another")
    assert empty.failure == "NAME is 'daily', and the ledger holds no account yet"
    answer = run("accounts", "forget", "daily", "--yes", "--json").answer
    assert (answer["forgotten"], answer["days"]) == ("daily", 1)
    assert answer["orders"] > 0
    assert not (home / "reports" / "daily").exists()
    assert run("accounts", "--json").answer["accounts"] == []
    gone = run("bars", "forget", job.source, "--yes", "--json").answer
    assert gone["bars"] > 0
    assert run("bars", "--json").answer == {"published": [], "quarantined": []}
    assert "there are no bars at all" in run("bars", "forget", job.source, "--yes").failure


def test_what_is_halted_or_open_at_a_broker_outside_is_not_forgotten(run: Run, job: Job, home: Path) -> None:
    halt(home, "daily", "the feed looks wrong", NOW)
    halted = run("accounts", "forget", "daily", "--yes").failure
    assert "daily has been halted since 2020-06-12: the feed looks wrong" in halted
    resume(home, "daily", "it was right", NOW)
    with connect(home) as store:
        taken = BrokerBaseline(
            account="daily",
            broker="testnet-spot",
            number=1,
            adopted_at=job.now,
            cash=Decimal(5),
            positions={},
            reason="new",
        )
        broker_events.record_baseline(store, taken)
    told = run("accounts", "forget", "daily", "--yes")
    assert (told.code, "daily is open at testnet-spot (" in told.failure) == (2, True)


def test_the_watchdog_speaks_of_a_replay_only_where_it_is_asked_for(job: Job, home: Path) -> None:
    halt(home, "daily", "an experiment", NOW)
    late = job.now.replace(year=2021)
    with connect(home) as store:
        store.execute(
            "INSERT INTO runs (run_id, account, command, as_of, started_at, status, code_version, config) "
            "VALUES ('one', 'daily', 'daily', ?, ?, 'done', '', '{}')",
            [FRIDAY, late],
        )
    assert look(home, late) == ()
    assert look(home, late, {"other"}) == ()
    assert "halted:daily" in [one.key for one in look(home, late, {"daily"})]
