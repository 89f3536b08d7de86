from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.builtin.registry import RULES
from strategy.portfolio.drawdown_halt import CUT
from tasks.daily.order import AccountHalted, OrdersBlocked, demand_nothing_withheld, withheld
from tasks.run.job import Job
from testing.runs.jobs import a_job

DAY = date(2020, 6, 8)
ORDER = Order(order_id="o1", symbol="SPY", as_of=DAY, side=Side.SELL, quantity=Decimal(3))
PART = replace(ORDER, reason=CUT, cut_by_halt=True)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path, ("SPY",), DAY, RULES)


def ordered(job: Job, order: Order) -> tuple[Order, ...]:
    """The orders of the day, which has this one."""
    with connect(job.home) as store:
        order_store.record_orders(store, job.account, [order])
        return order_store.orders_on(store, job.account, DAY)


@pytest.mark.parametrize(
    ("order", "is_withheld"),
    [
        (replace(ORDER, state=OrderState.SKIPPED, code=ReasonCode.HALTED), True),
        (replace(ORDER, state=OrderState.SKIPPED, code=ReasonCode.TOO_SMALL), False),
        (replace(PART, state=OrderState.FILLED), True),
        (replace(PART, state=OrderState.EXPIRED, reason="it is nowhere", code=ReasonCode.ABSENT), True),
        (replace(ORDER, state=OrderState.FILLED), False),
        (replace(ORDER, reason=CUT), False),
    ],
)
def test_a_halt_is_known_by_code_and_flag_whatever_people_read(job: Job, order: Order, is_withheld: bool) -> None:
    assert withheld(ordered(job, order)) == ((order,) if is_withheld else ())
    if is_withheld:
        with pytest.raises(AccountHalted, match=r"orders of 2020-06-08 were withheld \(1\)"):
            demand_nothing_withheld(job)
    else:
        demand_nothing_withheld(job)


def test_an_order_that_a_halt_cut_and_that_did_not_leave_then_blocks_as_unsent(job: Job) -> None:
    late = replace(PART, state=OrderState.EXPIRED, reason="not sent: too late", code=ReasonCode.NOT_SENT)
    # Its day is planned as it was: cut.
    assert withheld(ordered(job, late)) == (late,)
    with pytest.raises(OrdersBlocked, match=r"did not leave \(1\), SPY was not sent: too late"):
        demand_nothing_withheld(job)
