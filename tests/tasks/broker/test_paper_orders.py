"""Orders at the paper broker leave in one transaction, and the ledger says what it says of orders sent one by one."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from tasks.broker.submission import send_all
from tasks.daily.account_state import account_config
from tasks.daily.signals import settled_state
from tasks.run.job import Job
from testing.accounts.ledgers import Rows, contents
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, live, run_day

DAY = date(2020, 6, 8)
ONE_BY_ONE = "tasks.broker.submission.PaperBroker"


class Elsewhere:
    """Stands for the paper broker where orders are to be sent one by one."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A day whose orders have left, but for those that a test adds."""
    job = a_job(tmp_path / "home", PAIR.symbols(), DAY)
    run_day(job, lambda: PAIR)
    return job


def written(job: Job, prepare: Callable[[Job], Job]) -> tuple[Job, tuple[Order, ...]]:
    """Record three more orders of the day, of which the last is too large."""
    symbols = sorted(PAIR.symbols())
    orders = [
        Order(order_id=f"o{number}", symbol=symbol, as_of=job.as_of, side=Side.BUY, quantity=Decimal(quantity))
        for number, (symbol, quantity) in enumerate(zip((*symbols, symbols[0]), (1, 2, 1_000_000_000), strict=True))
    ]
    with connect(job.home) as store:
        order_store.record_orders(store, job.account, orders)
    return prepare(job), tuple(orders)


def sent(job: Job, prepare: Callable[[Job], Job]) -> tuple[Rows, list[Order]]:
    job, orders = written(job, prepare)
    with connect(job.home) as store:
        account = settled_state(store, job), account_config(store, job)
    send_all(job, PaperBroker(job.now), account)
    with connect(job.home) as store:
        after = [order_store.read_order(store, job.account, order.order_id) for order in orders]
    return contents(job.home), after


def in_time(job: Job) -> Job:
    return job


def too_late(job: Job) -> Job:
    return live(job, timedelta(hours=1))


@pytest.mark.parametrize("prepare", [in_time, too_late])
def test_all_at_once_is_as_one_by_one(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Job], Job]
) -> None:
    shutil.copytree(job.home, tmp_path / "other")
    together, after = sent(job, prepare)
    monkeypatch.setattr(ONE_BY_ONE, Elsewhere)
    assert sent(replace(job, home=tmp_path / "other"), prepare)[0] == together
    states = [order.state for order in after]
    if prepare is too_late:
        assert states == [OrderState.EXPIRED] * 3
        assert {order.code for order in after} == {ReasonCode.NOT_SENT}
    else:
        assert states[-1] is OrderState.EXPIRED
        assert "turn over" in after[-1].reason or "gross exposure" in after[-1].reason


def test_the_closes_are_read_once_for_all_orders(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, load = [], bar_store.load

    def counted(*given: object, **named: object) -> object:
        reads.append(given)
        return load(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("tasks.broker.order_checks.bar_store.load", counted)
    for standing_for in (PaperBroker, Elsewhere):
        monkeypatch.setattr(ONE_BY_ONE, standing_for)
        job_now, _ = written(job, in_time)
        with connect(job_now.home) as store:
            account = settled_state(store, job_now), account_config(store, job_now)
        reads.clear()
        send_all(job_now, PaperBroker(job_now.now), account)
        assert len(reads) == 1


def test_an_order_that_another_run_has_claimed_meanwhile_stays_its_own(job: Job) -> None:
    job, orders = written(job, in_time)
    claimed = replace(orders[0], state=OrderState.SENT)
    with connect(job.home) as store:
        assert order_store.claim_order(store, job.account, claimed)
        order_store.conclude_waiting(
            store, job.account, [replace(order, state=OrderState.ACKNOWLEDGED) for order in orders]
        )
        states = [order_store.read_order(store, job.account, order.order_id).state for order in orders]
    assert states == [OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.ACKNOWLEDGED]
