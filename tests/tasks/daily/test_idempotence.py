"""Every step is keyed by its day: repeated, resumed, late or with a symbol held back, the ledger says the same."""

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
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import OrderState
from strategy.account.quotes import quotes_by_date
from strategy.backtest.day_loop import opening, plan_orders, settle_day, with_orders
from strategy.builtin.registry import HOLD, MOMENTUM
from strategy.exit_codes import UsageError
from strategy.portfolio.decision import Decision, Status
from tasks.daily.account_state import account_config
from tasks.daily.order import OrdersBlocked, trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion, retrain
from tasks.operations.import_bars import import_bars
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable, validate
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, FakeBars, Fault, account_days
from testing.runs.jobs import a_job, live, on, policy, run_day

FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)
RULES = Champion(model_id=None, reason="rules needs no model")


def open_pair() -> FakeBars:
    return PAIR


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose account has had its first day."""
    home = tmp_path_factory.mktemp("lived")
    run_day(a_job(home, PAIR.symbols(), FIRST), open_pair)
    return home


@pytest.fixture
def job(lived: Path, tmp_path: Path) -> Job:
    """The second day of an account that has open orders, in a home of its own."""
    shutil.copytree(lived, tmp_path / "copy")
    return a_job(tmp_path / "copy", PAIR.symbols(), SECOND)


def decisions(job: Job) -> dict[str, Decision]:
    with connect(job.home) as store:
        return {decision.symbol: decision for decision in ledger.decisions_on(store, job.account, job.as_of)}


def quantities(job: Job) -> dict[str, Decimal]:
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    assert snapshot is not None
    return {symbol: position.quantity for symbol, position in snapshot.account.positions.items()}


def test_each_step_and_the_whole_day_may_be_repeated(job: Job, lived: Path, tmp_path: Path) -> None:
    shutil.copytree(lived, tmp_path / "undisturbed")
    run_day(replace(job, home=tmp_path / "undisturbed"), open_pair)
    expected = contents(tmp_path / "undisturbed")
    steps: tuple[Callable[[Job], object], ...] = (
        lambda again: ingest(again, open_pair),
        validate,
        lambda again: settle(again, PaperBroker),
        retrain,
        lambda again: signal(again, RULES, {}),
        lambda again: trade(again, PaperBroker),
        reconcile,
    )
    for step in steps:
        step(job)
        step(replace(job, run_id="again", now=job.now + timedelta(hours=1)))
    assert contents(job.home) == expected
    assert expected["fills"]
    assert expected["orders"]
    run_day(replace(job, run_id="third"), open_pair)
    assert contents(job.home) == expected


def test_missed_days_are_all_settled_and_only_the_newest_is_traded(job: Job) -> None:
    missed = account_days(PAIR, SECOND, date(2020, 6, 14))
    newest = on(job, missed[-1])
    ingest(newest, open_pair)
    validate(newest)
    assert settle(newest, PaperBroker).dates == missed
    signal(newest, RULES, {})
    trade(newest, PaperBroker)
    with connect(job.home) as store:
        mandate = account_config(store, newest)
        bars = bar_store.load(store, job.source, job.symbols, until=newest.as_of)
        first_orders = order_store.orders_on(store, job.account, FIRST)
        told = position_store.snapshots(store, job.account, until=newest.as_of, last_days=100)
        traded = {day: order_store.orders_on(store, job.account, day) for day in missed}
        decided = ledger.decisions_on(store, job.account, newest.as_of)
    quotes = quotes_by_date(bars, FIRST, newest.as_of)
    intended = tuple(replace(order, state=OrderState.ACKNOWLEDGED) for order in first_orders)
    standing = with_orders(opening(FIRST, job.policy.capital), intended)
    expected = [standing.snapshot]
    for day in missed:
        standing = settle_day(standing, quotes.on(day), day, mandate).state
        expected.append(standing.snapshot)
    assert list(told) == expected
    assert [day for day, orders in traded.items() if orders] == [newest.as_of]
    planned = plan_orders(standing, decided, quotes.on(newest.as_of), mandate)
    assert tuple(replace(order, state=OrderState.INTENDED) for order in traded[newest.as_of]) == planned


def test_a_late_live_run_sends_nothing_and_keeps_its_data(job: Job) -> None:
    late = live(job, timedelta(minutes=1))
    with pytest.raises(OrdersBlocked, match=r"comes at 2020-06-10 12:01 UTC, after 2020-06-10 12:00, so no order"):
        run_day(late, open_pair)
    told = contents(job.home)
    assert {row[1] for row in told["decisions"]} == {FIRST, SECOND}
    assert {row[1] for row in told["account_snapshots"]} == {FIRST, SECOND}
    assert {row[3] for row in told["orders"]} == {FIRST}
    with pytest.raises(OrdersBlocked, match="raise max_lateness_hours"):
        run_day(late, open_pair)
    assert contents(job.home) == told
    run_day(live(on(job, date(2020, 6, 10)), -timedelta(hours=11)), open_pair)
    assert date(2020, 6, 10) in {row[3] for row in contents(job.home)["orders"]}


def test_a_run_that_sent_in_time_may_be_finished_late(job: Job) -> None:
    run_day(live(job, -timedelta(hours=1)), open_pair)
    told = contents(job.home)
    run_day(live(job, timedelta(hours=30)), open_pair)
    assert contents(job.home) == told


def test_a_late_run_without_anything_to_send_is_not_blocked(job: Job) -> None:
    idle = replace(job, policy=policy(HOLD), account="idle")
    run_day(on(idle, FIRST), open_pair)
    run_day(live(idle, timedelta(hours=1)), open_pair)
    assert {decision.exposure for decision in decisions(idle).values()} == {None}


def test_a_symbol_held_back_keeps_its_position_until_its_bar_is_accepted(job: Job) -> None:
    run_day(job, open_pair)
    held = quantities(job)
    third, fourth = on(job, date(2020, 6, 10)), on(job, date(2020, 6, 11))
    with connect(job.home) as store:
        low = bar_store.load(store, "fake", ("SHARE",), until=SECOND)["SHARE"].close[-1] * 2
    spoiled = PAIR.faulty(Fault(symbol="SHARE", day=third.as_of, column="low", value=float(low)))
    gate, _ = run_day(third, lambda: spoiled)
    assert "the low is above the open or the close" in gate.held_back["SHARE"]
    assert decisions(third)["SHARE"].status is Status.QUARANTINED
    assert decisions(third)["SHARE"].exposure is None
    assert decisions(third)["TOKEN"].status is Status.TRADED
    assert quantities(third)["SHARE"] == held["SHARE"] != 0
    with connect(job.home) as store:
        assert {order.symbol for order in order_store.orders_on(store, "daily", third.as_of)} == {"TOKEN"}
        waiting = [order for order in order_store.open_orders(store, "daily") if order.symbol == "SHARE"]
    assert [order.as_of for order in waiting] == [SECOND]

    released = ([("SHARE", third.as_of)], "seen on the tape")
    import_bars(on(job, date(2020, 12, 31)), lambda: spoiled, released)
    gate, _ = run_day(fourth, lambda: spoiled)
    assert not gate.held_back
    assert decisions(fourth)["SHARE"].status is Status.TRADED
    with connect(job.home) as store:
        fills = [fill for fill in ledger.fills_on(store, "daily", fourth.as_of) if fill.symbol == "SHARE"]
    assert [fill.order_id for fill in fills] == [order.order_id for order in waiting]


def test_a_day_begun_by_one_strategy_is_not_traded_again_by_another(job: Job) -> None:
    run_day(job, open_pair)
    told = contents(job.home)
    other = replace(job, policy=policy(MOMENTUM))
    with pytest.raises(UsageError, match="has decided 2020-06-09 by rules, not by momentum"):
        run_day(other, open_pair)
    fewer = replace(job, symbols=("SHARE",))
    with pytest.raises(UsageError, match="for SHARE, TOKEN, not for SHARE; finish that day with --symbols"):
        run_day(fewer, open_pair)
    assert contents(job.home) == told


def test_a_weekend_on_which_the_only_open_symbol_is_held_back_changes_nothing(job: Job) -> None:
    run_day(on(job, date(2020, 6, 12)), open_pair)
    before = contents(job.home)
    saturday, monday = on(job, date(2020, 6, 13)), on(job, date(2020, 6, 15))
    gap = PAIR.faulty(Fault(symbol="TOKEN", day=saturday.as_of))
    with pytest.raises(NothingPublishable, match="nothing may be traded on 2020-06-13: TOKEN: the newest session is"):
        run_day(saturday, lambda: gap)
    assert contents(job.home) == before
    run_day(monday, open_pair)
    with connect(job.home) as store:
        told = [
            snapshot.account.as_of
            for snapshot in position_store.snapshots(store, "daily", until=monday.as_of, last_days=3)
        ]
    assert told == [date(2020, 6, 13), date(2020, 6, 14), date(2020, 6, 15)]


def test_a_split_on_a_bar_that_arrives_late_is_not_lost(job: Job) -> None:
    """SHARE splits on 12 June; its bar of that day is missing until the next session."""
    run_day(job, open_pair)
    run_day(on(job, date(2020, 6, 10)), open_pair)
    run_day(on(job, date(2020, 6, 11)), open_pair)
    held = quantities(job)["SHARE"]
    gap = PAIR.faulty(Fault(symbol="SHARE", day=date(2020, 6, 12)))
    run_day(on(job, date(2020, 6, 12)), lambda: gap)
    run_day(on(job, date(2020, 6, 15)), open_pair)
    with connect(job.home) as store:
        entries = [entry for entry in ledger.entries_on(store, "daily", date(2020, 6, 15)) if entry.symbol == "SHARE"]
        fills = [fill for fill in ledger.fills_on(store, "daily", date(2020, 6, 15)) if fill.symbol == "SHARE"]
        order = next(one for one in order_store.orders_on(store, "daily", date(2020, 6, 11)) if one.symbol == "SHARE")
    assert [entry.quantity for entry in entries] == [held]
    assert [fill.quantity for fill in fills] == [2 * order.quantity]
    assert quantities(job)["SHARE"] == 2 * held + fills[0].signed_quantity
