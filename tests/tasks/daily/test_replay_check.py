import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from tasks.daily.order import trade
from tasks.daily.replay_check import ReconciliationFailed, reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, on, run_day

FIRST, SECOND, THIRD = date(2020, 6, 8), date(2020, 6, 9), date(2020, 6, 10)
RULES = Champion(model_id=None, reason="rules needs no model")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = a_job(tmp_path_factory.mktemp("lived"), PAIR.symbols(), FIRST)
    run_day(job, lambda: PAIR)
    run_day(on(job, SECOND), lambda: PAIR)
    return on(job, SECOND)


@pytest.fixture
def job(shared: Job, tmp_path: Path) -> Job:
    """A reconciled second day, in a home of its own."""
    shutil.copytree(shared.home, tmp_path / "home")
    return replace(shared, home=tmp_path / "home")


def tamper(job: Job, statement: str) -> None:
    with connect(job.home) as store:
        store.execute(statement)


def test_an_honest_day_differs_by_nothing(job: Job) -> None:
    assert reconcile(job).difference == 0.0


def test_what_was_held_back_when_the_day_was_decided_is_held_back_in_its_replay(shared: Job, tmp_path: Path) -> None:
    """A run that is repeated may find a symbol in order that the first one held back."""
    shutil.copytree(shared.home, tmp_path / "home")
    third = replace(on(shared, THIRD), home=tmp_path / "home")
    ingest(third, lambda: PAIR)
    assert not validate(third).barred
    settle(third, PaperBroker)
    signal(third, RULES, {"TOKEN": "TOKEN: its newest bar is late"})
    trade(third, PaperBroker)
    assert reconcile(third).difference == 0.0


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        (
            "UPDATE account_snapshots SET equity = equity * 1.00000001 WHERE as_of = '2020-06-09'",
            "the replay gives an equity of .* where the ledger has .*, a difference of 1e-08 of it, above 1e-09",
        ),
        ("UPDATE decisions SET exposure = exposure + 1e-12 WHERE as_of = '2020-06-09'", "the replay decides"),
        ("DELETE FROM decisions WHERE as_of = '2020-06-09' AND symbol = 'TOKEN'", "the replay decides"),
        ("UPDATE orders SET quantity = quantity + 0.0001 WHERE as_of = '2020-06-09'", "the replay orders"),
        ("DELETE FROM orders WHERE as_of = '2020-06-09' AND symbol = 'TOKEN'", "the replay orders"),
        ("UPDATE bars SET close = close * 1.01 WHERE open_time = '2020-06-09'", "the replay gives an equity"),
        ("UPDATE bars SET close = close * 1.01 WHERE open_time = '2020-06-01'", "the replay decides"),
    ],
)
def test_what_was_changed_behind_its_back_is_found(job: Job, statement: str, complaint: str) -> None:
    tamper(job, statement)
    with pytest.raises(ReconciliationFailed, match=f"on 2020-06-09 {complaint}"):
        reconcile(job)
