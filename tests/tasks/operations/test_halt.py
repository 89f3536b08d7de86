from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from exchange.ports import Broker
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, runs
from storage.ledger.runs import Run
from strategy.account.orders import Order, OrderState
from strategy.builtin.registry import VOL_TARGET
from strategy.exit_codes import UsageError
from tasks.daily.account_state import account_config
from tasks.daily.order import OrdersBlocked, demand_nothing_withheld, planned_orders
from tasks.daily.signals import settled_state
from tasks.operations.halt import flatten, halt, resume
from tasks.run.job import Job
from testing.markets.bars import PAIR, FakeBars
from testing.runs.jobs import a_job, on, run_day

#: When a person halts or resumes.
NOW = datetime(2026, 1, 2, tzinfo=UTC)

FIRST = date(2020, 6, 8)
DAY = timedelta(days=1)


def open_pair() -> FakeBars:
    return PAIR


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Three days into an account that holds positions."""
    job = a_job(tmp_path, PAIR.symbols(), FIRST, VOL_TARGET)
    for offset in range(3):
        run_day(on(job, FIRST + offset * DAY), open_pair)
    return on(job, FIRST + 3 * DAY)


def orders(job: Job) -> dict[str, OrderState]:
    with connect(job.home) as store:
        return {order.symbol: order.state for order in order_store.orders_on(store, job.account, job.as_of)}


def test_a_halted_account_sends_only_what_reduces_and_says_so(job: Job) -> None:
    halt(job.home, job.account, "a person looks at it", NOW)
    run_day(job, open_pair)
    assert orders(job)
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        assert snapshot is not None
        for order in order_store.orders_on(store, job.account, job.as_of):
            held = snapshot.account.quantity(order.symbol)
            grows = held * order.signed_quantity >= 0
            assert order.state is (OrderState.SKIPPED if grows else OrderState.ACKNOWLEDGED)


def test_what_a_halt_withheld_blocks_the_day_until_the_next_after_resuming(job: Job) -> None:
    # A higher target asks for more of everything, so that the halted day has something to withhold.
    halt(job.home, job.account, "looks wrong", NOW)
    eager = replace(job, policy=replace(job.policy, sizing=replace(job.policy.sizing, target_annual_vol=3.0)))
    run_day(eager, open_pair)
    with pytest.raises(
        OrdersBlocked, match=r"of 2020-06-11 were withheld .*, account daily has been halted since 2020"
    ):
        demand_nothing_withheld(eager)
    resume(job.home, job.account, "checked: the feed was right", NOW)
    run_day(eager, open_pair)
    with pytest.raises(OrdersBlocked, match="account daily was halted when they were made"):
        demand_nothing_withheld(eager)
    after = on(eager, eager.as_of + DAY)
    run_day(after, open_pair)
    demand_nothing_withheld(after)
    assert OrderState.ACKNOWLEDGED in orders(after).values()


def test_what_is_written_stays_as_it_was_planned_when_the_account_is_halted_after_it(job: Job) -> None:
    eager = replace(job, policy=replace(job.policy, sizing=replace(job.policy.sizing, target_annual_vol=3.0)))
    run_day(eager, open_pair)

    def planned() -> tuple[Order, ...]:
        with connect(eager.home) as store:
            account = settled_state(store, eager), account_config(store, eager)
            return planned_orders(store, eager, account, ledger.decisions_on(store, "daily", eager.as_of))

    before = planned()
    assert OrderState.INTENDED in {order.state for order in before}
    halt(job.home, job.account, "a person looks at it", NOW)
    assert planned() == before


def test_the_drawdown_limit_halts_by_itself_and_stays(job: Job) -> None:
    nervous = replace(job, policy=replace(job.policy, limits=replace(job.policy.limits, max_drawdown_halt=1e-6)))
    days = 0
    while days < 30:
        run_day(on(nervous, job.as_of + days * DAY), open_pair)
        with connect(job.home) as store:
            state = risk_state.load(store, job.account)
        if state.halted:
            break
        days += 1
    assert state.halted
    assert "below its peak of" in state.reason
    run_day(on(job, job.as_of + (days + 1) * DAY), open_pair)
    with connect(job.home) as store:
        assert risk_state.load(store, job.account) == state


def test_after_resuming_the_drawdown_counts_from_there(job: Job) -> None:
    halt(job.home, job.account, "why not", NOW)
    answer = resume(job.home, job.account, "fine", NOW).json_values()
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        state = risk_state.load(store, job.account)
    assert snapshot is not None
    assert (state.halted, state.peak_equity) == (False, snapshot.equity)
    assert (answer["halted"], answer["changed"], answer["reason"]) == (False, True, "fine")


def test_halting_twice_changes_nothing(job: Job) -> None:
    first = halt(job.home, job.account, "first", NOW).json_values()
    second = halt(job.home, job.account, "second", NOW).json_values()
    assert (second["reason"], second["changed"]) == (first["reason"], False)


def test_no_reason_is_refused(job: Job) -> None:
    with pytest.raises(UsageError, match="--reason is ' '; say in a few words why"):
        resume(job.home, job.account, " ", NOW)


def test_a_misspelt_account_is_refused_and_stays_as_it_is(job: Job) -> None:
    with pytest.raises(UsageError, match="--account is 'dayly', and the ledger holds daily; did you mean daily"):
        halt(job.home, "dayly", "the feed looks wrong", NOW)
    with connect(job.home) as store:
        assert not risk_state.load(store, "dayly").halted


def test_before_the_first_day_there_is_no_account_to_halt(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--account is 'daily', and no account has settled a day yet"):
        halt(tmp_path, "daily", "not yet", NOW)


def no_broker(name: str, now: datetime) -> Broker:
    raise AssertionError(f"{name} was opened at {now}")


def test_a_halted_account_can_be_flattened_and_stays_so_when_it_is_halted(job: Job) -> None:
    halt(job.home, job.account, "a look", NOW)
    out = flatten(job.home, job.account, "out", NOW, no_broker)
    assert (out.changed, out.flatten, out.reason) == (True, True, "out")
    again = halt(job.home, job.account, "a look", NOW)
    assert (again.changed, again.flatten, again.reason) == (False, True, "out")
    assert [event.kind for event in again.events] == ["halt", "flatten"]


def test_an_account_that_backfills_write_is_not_flattened(job: Job) -> None:
    run = Run(
        run_id="fill",
        account=job.account,
        command="backfill",
        as_of=FIRST,
        started_at=NOW,
        code_version="test",
        config="{}",
    )
    with connect(job.home) as store:
        runs.start_run(store, run)
    with pytest.raises(UsageError, match="account daily is filled by backfills, and no daily run would close"):
        flatten(job.home, job.account, "out", NOW, no_broker)


def test_what_is_resumed_before_it_is_sold_is_named(job: Job) -> None:
    flatten(job.home, job.account, "out", NOW, no_broker)
    answer = resume(job.home, job.account, "no, stay", NOW)
    assert {each.code for each in answer.left_over} == {"decision"}
    assert all("are still held (decision)" in warning for warning in answer.warnings)
    assert len(answer.warnings) == 2
