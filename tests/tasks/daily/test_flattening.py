from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.builtin.registry import VOL_TARGET
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.rebalancing import Rebalance
from strategy.portfolio.risk_limits import RiskLimits
from tasks.daily.flattening import with_held_beside
from tasks.daily.order import demand_nothing_withheld, trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.notices.left_over import LeftOver, left_over, left_over_warnings
from tasks.operations.halt import HaltAnswer, flatten, resume
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, SHARE, FakeBars, Fault
from testing.runs.jobs import a_job, on, run_day

FIRST = date(2020, 6, 8)
DAY = timedelta(days=1)
NOW = datetime(2020, 6, 11, 3, tzinfo=UTC)
#: A dividend is reinvested, so that the position is no multiple of its lot.
PAYING = FakeBars(listings=(replace(SHARE, splits=(), dividends=((FIRST + 3 * DAY, 0.0131),)), PAIR.listings[1]))


def held_job(home: Path, source: FakeBars = PAIR) -> Job:
    """The fourth day of an account that holds both symbols, and whose orders of the third wait for it."""
    job = a_job(home, source.symbols(), FIRST, VOL_TARGET)
    for offset in range(3):
        run_day(on(job, FIRST + offset * DAY), lambda: source)
    return on(job, FIRST + 3 * DAY)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return held_job(tmp_path / "home")


def flattened(job: Job) -> HaltAnswer:
    return flatten(job.home, job.account, "out of here", NOW, lambda _, now: PaperBroker(now))


def held(job: Job) -> dict[str, Decimal]:
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    assert snapshot is not None
    return {symbol: position.quantity for symbol, position in snapshot.account.positions.items()}


def orders(job: Job) -> dict[str, Order]:
    with connect(job.home) as store:
        return {order.symbol: order for order in order_store.orders_on(store, job.account, job.as_of)}


def decisions(job: Job) -> dict[str, Decision]:
    with connect(job.home) as store:
        return {decision.symbol: decision for decision in ledger.decisions_on(store, job.account, job.as_of)}


def left(job: Job) -> dict[str, str]:
    with connect(job.home) as store:
        return {each.symbol: each.code for each in left_over(store, job.account)}


@pytest.mark.parametrize("closes", [False, True])
def test_no_limit_decides_where_everything_is_closed(job: Job, closes: bool) -> None:
    tight = replace(job, policy=replace(job.policy, sizing=replace(job.policy.sizing, max_position_size=0.01)))
    if closes:
        flattened(tight)
    ingest(tight, lambda: PAIR)
    barred = validate(tight).barred
    settle(tight, PaperBroker)
    warnings = signal(tight, Champion(model_id=None, reason=""), barred)
    assert any("decided today" in warning for warning in warnings) is not closes


def test_what_is_left_says_what_becomes_of_it(job: Job) -> None:
    assert {each.reason for each in flattened(job).left_over} == {"the next day's run decides the order that closes it"}
    run_day(job, lambda: PAIR)
    with connect(job.home) as store:
        assert {each.reason for each in left_over(store, job.account)} == {"its order waits for the next open"}


def test_what_is_open_is_cancelled_and_what_is_held_is_closed_at_the_next_open_until_resumed(job: Job) -> None:
    before, waiting = held(job), orders(on(job, job.as_of - DAY))
    assert len(before) == 2
    answer = flattened(job)
    assert (answer.halted, answer.flatten, answer.changed) == (True, True, True)
    assert {order.order_id for order in answer.cancelled} == {order.order_id for order in waiting.values()}
    assert {each.symbol: each.code for each in answer.left_over} == dict.fromkeys(before, LeftOver.DECISION)
    run_day(job, lambda: PAIR)
    assert held(job) == before, "the cancelled orders have not filled"
    assert all(order.code is ReasonCode.FLATTENED for order in orders(on(job, job.as_of - DAY)).values())
    assert {symbol: (order.quantity, order.side, order.reduce_only) for symbol, order in orders(job).items()} == {
        symbol: (quantity, Side.SELL, True) for symbol, quantity in before.items()
    }
    assert all((each.rebalance, each.exposure) == (Rebalance.FLATTEN, 0.0) for each in decisions(job).values())
    assert left(job) == dict.fromkeys(before, LeftOver.ORDER)
    for offset in range(1, 4):
        run_day(on(job, job.as_of + offset * DAY), lambda: PAIR)
        assert (held(job), left(job), orders(on(job, job.as_of + offset * DAY))) == ({}, {}, {})
    demand_nothing_withheld(job)
    after = resume(job.home, job.account, "the storm is over", NOW)
    assert (after.halted, after.flatten, after.warnings) == (False, False, ())
    assert [event.kind for event in after.events] == ["flatten", "resume"]
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        assert snapshot is not None
        assert risk_state.load(store, job.account).peak_equity == snapshot.equity
    again = on(job, job.as_of + 4 * DAY)
    run_day(again, lambda: PAIR)
    assert {order.side for order in orders(again).values()} == {Side.BUY}
    assert not any(order.reduce_only for order in orders(again).values())


def test_no_limit_of_the_account_keeps_it_in_a_position(job: Job) -> None:
    limits = RiskLimits(max_turnover=0.01, max_order_notional=Decimal(1))
    tight = replace(job, policy=replace(job.policy, limits=limits))
    before = held(job)
    flattened(job)
    run_day(tight, lambda: PAIR)
    assert {symbol: order.quantity for symbol, order in orders(job).items()} == before
    assert {order.state for order in orders(job).values()} == {OrderState.ACKNOWLEDGED}


def test_a_symbol_that_the_run_does_not_trade_is_closed_too(job: Job) -> None:
    before = held(job)
    flattened(job)
    alone = replace(job, symbols=("TOKEN",))
    run_day(alone, lambda: PAIR)
    assert decisions(job)["SHARE"].status is Status.BESIDE
    assert orders(job)["SHARE"].quantity == before["SHARE"]
    run_day(on(alone, job.as_of + DAY), lambda: PAIR)
    assert held(job) == {}
    with connect(job.home) as store:
        assert ledger.newest_panel(store, job.account) == ("fake", ("TOKEN",))


def test_a_symbol_without_bars_has_one_order_a_day_and_is_sold_once_when_they_come(job: Job) -> None:
    before = held(job)
    flattened(job)
    late = PAIR.faulty(*(Fault(symbol="SHARE", day=job.as_of + offset * DAY) for offset in range(8)))
    for offset in range(7):
        run_day(on(job, job.as_of + offset * DAY), lambda: late)
        with connect(job.home) as store:
            waiting = [order for order in order_store.open_orders(store, "daily") if order.symbol == "SHARE"]
        assert [(order.as_of, order.quantity) for order in waiting] == [(job.as_of + offset * DAY, before["SHARE"])]
    assert held(job) == {"SHARE": before["SHARE"]}
    run_day(on(job, job.as_of + 7 * DAY), lambda: PAIR)
    assert held(job) == {}


def step_by_step(job: Job, unsold: Mapping[str, str]) -> None:
    """A day on which no order can be sent in these symbols."""
    job = with_held_beside(job)
    ingest(job.in_data, lambda: PAIR)
    gate = validate(job.in_data)
    settle(job, PaperBroker)
    signal(job, Champion(model_id=None, reason=""), {**gate.barred, **unsold}, unsold)
    trade(job, PaperBroker)
    reconcile(job)


def test_a_halted_symbol_is_named_kept_and_tried_again(job: Job) -> None:
    before = held(job)
    flattened(job)
    step_by_step(job, {"SHARE": "SHARE is halted there"})
    assert set(orders(job)) == {"TOKEN"}
    assert (decisions(job)["SHARE"].exposure, decisions(job)["SHARE"].rebalance) == (None, Rebalance.FLATTEN)
    with connect(job.home) as store:
        (share, _) = left_over(store, job.account)
    assert left_over_warnings([share]) == (
        f"the account is flattened, and {before['SHARE'].normalize():f} SHARE are left (barred): SHARE is halted "
        "there; the next day's run tries again",
    )
    after = on(job, job.as_of + DAY)
    run_day(after, lambda: PAIR)
    assert set(orders(after)) == {"SHARE"}


def test_a_bar_that_is_held_back_keeps_no_position(job: Job) -> None:
    before = held(job)
    flattened(job)
    run_day(job, lambda: PAIR.faulty(Fault(symbol="SHARE", day=job.as_of, column="close", value=-1.0)))
    assert decisions(job)["SHARE"].status is Status.QUARANTINED
    assert orders(job)["SHARE"].quantity == before["SHARE"]


def test_what_is_below_the_least_order_is_named_as_dust_every_day(tmp_path: Path) -> None:
    job = held_job(tmp_path / "home", PAYING)
    flattened(job)
    run_day(job, lambda: PAYING)
    for offset in range(1, 3):
        after = on(job, job.as_of + offset * DAY)
        run_day(after, lambda: PAYING)
        (dust,) = held(job).values()
        assert 0 < dust < Decimal("0.0001")
        assert left(job) == {"SHARE": LeftOver.DUST}
        assert orders(after)["SHARE"].code is ReasonCode.TOO_SMALL
    answer = resume(job.home, job.account, "fine again", NOW)
    assert answer.warnings[0].endswith("SHARE are still held (dust): from the next day on the strategy has them")


def test_a_run_that_is_repeated_doubles_nothing(job: Job) -> None:
    flattened(job)
    run_day(job, lambda: PAIR)
    before = contents(job.home)
    flattened(job)
    run_day(job, lambda: PAIR)
    assert {order.state for order in orders(job).values()} == {OrderState.ACKNOWLEDGED}
    assert contents(job.home) == before


def test_a_day_that_waits_for_a_late_symbol_is_finished_as_it_began_and_the_next_one_closes_all(job: Job) -> None:
    run_day(job, lambda: PAIR.faulty(Fault(symbol="SHARE", day=job.as_of)))
    flattened(job)
    run_day(job, lambda: PAIR)
    assert decisions(job)["SHARE"].status is Status.TRADED
    assert Rebalance.FLATTEN not in {decision.rebalance for decision in decisions(job).values()}
    after = on(job, job.as_of + DAY)
    run_day(after, lambda: PAIR)
    assert {decision.rebalance for decision in decisions(after).values()} == {Rebalance.FLATTEN}
    # A weekend lies between: the share is sold on Monday, and once.
    for offset in range(2, 5):
        run_day(on(job, job.as_of + offset * DAY), lambda: PAIR)
    assert held(job) == {}


def test_a_day_that_closes_all_waits_for_no_late_symbol(job: Job) -> None:
    before = held(job)
    flattened(job)
    run_day(job, lambda: PAIR.faulty(Fault(symbol="SHARE", day=job.as_of)))
    assert orders(job)["SHARE"].quantity == before["SHARE"]
    stored = contents(job.home)
    run_day(job, lambda: PAIR)
    assert contents(job.home)["orders"] == stored["orders"]
    with connect(job.home) as store:
        assert len(ledger.passes_on(store, "daily", job.as_of)) == 1
