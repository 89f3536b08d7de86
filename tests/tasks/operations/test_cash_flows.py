"""Deposits, withdrawals and transfers of a paper account: booked once, after the marks and before the decision."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.accounts import cash_flows as flow_store
from storage.database import connect
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.cash_flows import FlowKind, FlowRefusal, Holding, free_equity
from strategy.account.state import Snapshot
from strategy.builtin.registry import RULES
from strategy.exit_codes import UsageError
from tasks.daily.account_returns import account_returns, flow_facts, refused_flows
from tasks.daily.earned import earned
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.data.ingest import ingest
from tasks.operations.accounts import accounts
from tasks.operations.cash_flows import (
    CashFlowsAnswer,
    FlowRequest,
    cancel_flows,
    cash_request,
    request_flows,
    transfer_request,
)
from tasks.operations.status import account_status
from tasks.report.markup import exactly
from tasks.run.answers import day_answer
from tasks.run.job import Job
from tasks.run.runs import Findings, day_result
from tasks.validation.gate import validate
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, FakeBars, Fault
from testing.runs.jobs import a_job, on, run_day

DAYS = (date(2020, 6, 8), date(2020, 6, 9), date(2020, 6, 10), date(2020, 6, 11))
NOW = datetime(2020, 6, 20, tzinfo=UTC)
BLANK = FlowRequest(account="daily", flows=(), costs=(), what="", day=None, reason="savings", key=None, at=NOW)


def open_pair() -> FakeBars:
    return PAIR


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An account that has lived two days and holds a share and a token."""
    made = a_job(tmp_path, PAIR.symbols(), DAYS[0], RULES)
    run_day(made, open_pair)
    run_day(on(made, DAYS[1]), open_pair)
    return made


def deposit(job: Job, amount: int, request: FlowRequest = BLANK) -> CashFlowsAnswer:
    return request_flows(job.home, cash_request(FlowKind.DEPOSIT, Decimal(amount), request))


def withdraw(job: Job, amount: Decimal, request: FlowRequest = BLANK) -> CashFlowsAnswer:
    return request_flows(job.home, cash_request(FlowKind.WITHDRAWAL, amount, request))


def snapshot(job: Job) -> Snapshot:
    with connect(job.home) as store:
        newest = position_store.latest_snapshot(store, "daily")
    assert newest is not None
    return newest


def entries(job: Job, day: date) -> dict[str, Decimal]:
    with connect(job.home) as store:
        return {str(one.kind): one.cash for one in ledger.entries_on(store, "daily", day)}


def test_a_deposit_is_booked_with_the_next_day_before_it_decides(job: Job) -> None:
    before = snapshot(job)
    answer = deposit(job, 5_000)
    assert (answer.recorded, answer.warnings) == (True, ())
    assert [str(one.cash) for one in account_status(job.home, "daily").waiting_flows] == ["5000.000000000000"]
    assert snapshot(job) == before
    run_day(on(job, DAYS[2]), open_pair)
    after = snapshot(job)
    assert entries(job, DAYS[2])["deposit"] == 5_000
    # The return is that of what was there before.
    assert after.equity - after.unit_value == 5_000
    assert after.own_unit_value is not None
    # The decision of the day had the money: the orders of the day are sized on it.
    assert reconcile(on(job, DAYS[2])).difference == 0
    run_day(on(job, DAYS[3]), open_pair)
    last = snapshot(job)
    assert last.unit_value == pytest.approx(after.unit_value * last.equity / after.equity)
    assert reconcile(on(job, DAYS[3])).difference == 0
    with connect(job.home) as store:
        returns = account_returns(store, "daily", DAYS[3])
        facts = dict(flow_facts(store, "daily", DAYS[2]))
    assert returns.twr == pytest.approx(float(last.unit_value / 10_000 - 1))
    assert returns.paid_in == 5_000
    (row,) = accounts(job.home).accounts
    # A rate a year of a few days would be extreme.
    assert (row.twr, row.mwr) == (returns.twr, None)
    assert facts["Booked from outside on the day"] == "deposit of 5,000"


def test_a_deposit_on_a_day_of_two_passes_is_no_return(job: Job, tmp_path_factory: pytest.TempPathFactory) -> None:
    once = replace(job, home=shutil.copytree(job.home, tmp_path_factory.mktemp("once") / "home"))
    for each in (job, once):
        deposit(each, 700)
    day = on(job, DAYS[2])
    run_day(day, lambda: PAIR.faulty(Fault(symbol="TOKEN", day=DAYS[2])))
    run_day(day, open_pair)
    run_day(on(once, DAYS[2]), open_pair)
    divided, undivided = snapshot(job), snapshot(once)
    assert divided.equity == undivided.equity
    assert divided.unit_value == undivided.unit_value
    assert divided.drawdown == undivided.drawdown
    assert reconcile(day).difference == 0.0


def test_the_day_s_answer_lists_what_the_day_has_booked(job: Job) -> None:
    deposit(job, 5_000)
    withdraw(job, Decimal(200), replace(BLANK, key="rent", reason="the rent"))
    run_day(on(job, DAYS[2]), open_pair)
    run_day(on(job, DAYS[3]), open_pair)

    def flows(day: date) -> object:
        return day_answer(day_result(on(job, day), Findings())).json_values()["flows"]

    assert flows(DAYS[2]) == [
        {"date": "2020-06-10", "kind": "deposit", "amount": "5000", "reason": "savings"},
        {"date": "2020-06-10", "kind": "withdrawal", "amount": "-200", "reason": "the rent"},
    ]
    assert flows(DAYS[3]) == []


def test_a_request_is_recorded_once_under_its_key(job: Job) -> None:
    assert deposit(job, 500).recorded
    again = deposit(job, 500)
    assert (again.recorded, len(again.warnings)) == (False, 1)
    assert "give another --key to book the same once more" in again.warnings[0]
    assert deposit(job, 500, replace(BLANK, key="June")).recorded
    run_day(on(job, DAYS[2]), open_pair)
    assert entries(job, DAYS[2])["deposit"] == 1_000
    # A named request stays the same on another day, and is never another one.
    assert not deposit(job, 500, replace(BLANK, key="June")).recorded
    with pytest.raises(UsageError, match=r"--key is 'June', under which account daily has another request already, a"):
        deposit(job, 600, replace(BLANK, key="June"))
    run_day(on(job, DAYS[3]), open_pair)
    assert "deposit" not in entries(job, DAYS[3])


def test_a_day_that_is_settled_leaves_the_request_to_the_next(job: Job) -> None:
    late = deposit(job, 500, replace(BLANK, day=DAYS[1]))
    assert late.warnings == (
        "2020-06-09 is settled already, so it is booked on the account's next day, the first after 2020-06-09",
    )
    later = deposit(job, 700, replace(BLANK, day=DAYS[3]))
    assert later.warnings == ()
    rows = contents(job.home)
    # The day before is repeated, and replays without it.
    run_day(on(job, DAYS[1]), open_pair)
    assert contents(job.home) == rows
    run_day(on(job, DAYS[2]), open_pair)
    run_day(on(job, DAYS[3]), open_pair)
    assert (entries(job, DAYS[2])["deposit"], entries(job, DAYS[3])["deposit"]) == (500, 700)


def test_a_withdrawal_beyond_what_is_free_is_refused(job: Job) -> None:
    free = free_equity(snapshot(job).account)
    with pytest.raises(UsageError, match=r"AMOUNT is .*, and account daily can pay out .* at the close of 2020-06-09"):
        withdraw(job, free + 1)
    deposit(job, 1_000)
    assert withdraw(job, free + 1).recorded
    with pytest.raises(UsageError, match=r"of requests that wait, dated 2020-06-10 or earlier; "):
        withdraw(job, Decimal(1_000))


def test_a_withdrawal_that_the_close_of_its_day_does_not_cover_is_not_booked(job: Job) -> None:
    request = cash_request(FlowKind.WITHDRAWAL, Decimal(10**9), BLANK)
    answer = deposit(job, 1)
    (kept,) = answer.flows
    with connect(job.home) as store:
        # As if it had been covered when it was asked for.
        waiting = flow_store.waiting(store, "daily")[0]
        flow_store.record(
            store, "daily", [replace(waiting, flow_key="rent", kind=FlowKind.WITHDRAWAL, cash=request.flows[0].cash)]
        )
        flow_store.record(store, "daily", [replace(waiting, flow_key="later", cash=Decimal(1))])
    run_day(on(job, DAYS[2]), open_pair)
    assert entries(job, DAYS[2])["deposit"] == kept.cash + 1 == 2
    assert "withdrawal" not in entries(job, DAYS[2])
    assert reconcile(on(job, DAYS[2])).difference == 0
    with connect(job.home) as store:
        (refused,) = [one for one in flow_store.every(store, "daily") if one.refusal]
        assert refused.refusal is FlowRefusal.BEYOND_FREE
        (said,) = refused_flows(store, "daily", DAYS[1], DAYS[2])
        free = free_equity(snapshot(job).account, Decimal(-1))
    # What was free when it was its turn: the deposit of the day, asked for before it, counted; the later one not.
    assert said.startswith("the withdrawal of 1,000,000,000 of account daily was not booked on 2020-06-10: it exceeds ")
    assert f"it exceeds {exactly(free)}, the equity less" in said


def test_a_withdrawal_is_not_paid_from_what_comes_after_it(job: Job) -> None:
    free = free_equity(snapshot(job).account)
    deposit(job, 1_000, replace(BLANK, day=DAYS[3]))
    with pytest.raises(UsageError, match="AMOUNT is"):
        withdraw(job, free + 1, replace(BLANK, day=DAYS[2]))
    assert withdraw(job, free + 1, replace(BLANK, day=DAYS[3])).recorded


def test_what_waits_is_cancelled_and_what_is_booked_is_not(job: Job) -> None:
    deposit(job, 500)
    deposit(job, 20, replace(BLANK, key="rent"))
    with pytest.raises(UsageError, match=r"has no request; these wait: 'deposit 500 2020-06-10', 'rent'; name one of"):
        cancel_flows(job.home, "daily", "rant")
    (gone,) = cancel_flows(job.home, "daily", "deposit 500 2020-06-10").flows
    assert gone.cash == 500
    run_day(on(job, DAYS[2]), open_pair)
    assert entries(job, DAYS[2])["deposit"] == 20
    with pytest.raises(UsageError, match=r"2020-06-10 has booked, .* `turbodmt withdraw 20 --account daily` books the"):
        cancel_flows(job.home, "daily", "rent")
    with pytest.raises(UsageError, match="has no request; nothing waits"):
        cancel_flows(job.home, "daily", "rant")


def test_an_equal_request_of_about_the_same_day_is_warned_of(job: Job) -> None:
    deposit(job, 500)
    (said,) = deposit(job, 500, replace(BLANK, day=DAYS[3])).warnings
    assert said.startswith("an equal deposit waits to be booked from 2020-06-10 on, under the key 'deposit 500 2020-06")
    assert deposit(job, 500, replace(BLANK, key="again")).warnings == ()
    assert deposit(job, 500, replace(BLANK, day=date(2020, 6, 30))).warnings == ()
    deposit(job, 600)
    run_day(on(job, DAYS[2]), open_pair)
    (_, again) = deposit(job, 600, replace(BLANK, day=date(2020, 6, 9))).warnings
    assert again.startswith("an equal deposit was booked on 2020-06-10, under the key")


def test_positions_are_transferred_at_the_close(job: Job) -> None:
    held = snapshot(job).account.quantity("SHARE")
    holdings = (Holding(symbol="SHARE", quantity=Decimal(7), cost=Decimal(50)),)
    assert request_flows(job.home, transfer_request(holdings, BLANK)).recorded
    assert not request_flows(job.home, transfer_request(holdings, BLANK)).recorded
    with pytest.raises(UsageError, match="NONE cannot be valued: fake has no published bar of it"):
        request_flows(job.home, transfer_request((Holding(symbol="NONE", quantity=Decimal(1)),), BLANK))
    day = on(job, DAYS[2])
    ingest(day, open_pair)
    validate(day)
    settle(day, PaperBroker)
    after = snapshot(job)
    with connect(job.home) as store:
        filled = sum(one.signed_quantity for one in ledger.fills_on(store, "daily", DAYS[2]) if one.symbol == "SHARE")
        (flow,) = flow_store.every(store, "daily")
    position = after.account.positions["SHARE"]
    assert position.quantity == held + filled + 7
    assert flow.value == after.equity - after.unit_value == position.mark * 7
    run_day(day, open_pair)


def test_what_is_paid_in_is_not_earned_and_what_is_earned_adds_up(job: Job) -> None:
    deposit(job, 5_000)
    holdings = (Holding(symbol="SHARE", quantity=Decimal(7), cost=Decimal(50)),)
    request_flows(job.home, transfer_request(holdings, BLANK))
    run_day(on(job, DAYS[2]), open_pair)
    withdraw(job, Decimal(100))
    run_day(on(job, DAYS[3]), open_pair)
    with connect(job.home) as store:
        flows = sum((flow.value for flow in flow_store.every(store, "daily") if flow.value is not None), Decimal(0))
    for day in DAYS[2:4]:
        found = earned(on(job, day))
        assert found is not None
        assert [part.unexplained for part in found] == [0, 0]
    whole = found[1]
    assert flows > 4_900
    assert whole.attribution.total.net == whole.net == snapshot(job).equity - 10_000 - flows


def test_a_day_that_is_repeated_books_nothing_twice(job: Job) -> None:
    deposit(job, 500)
    day = on(job, DAYS[2])
    run_day(day, open_pair)
    rows = contents(job.home)
    run_day(day, open_pair)
    assert contents(job.home) == rows
    assert entries(job, DAYS[2])["deposit"] == 500


def test_only_a_paper_account_that_has_opened_takes_flows(job: Job) -> None:
    with pytest.raises(
        UsageError, match=r"--account is 'new', and the accounts with a day are daily; name one of these, or open it"
    ):
        deposit(job, 1, replace(BLANK, account="new"))
    with pytest.raises(UsageError, match=r"--account is 'daily', and none has a day yet; open it first with `turbodmt"):
        request_flows(job.home / "empty", cash_request(FlowKind.DEPOSIT, Decimal(1), BLANK))
    with connect(job.home) as store:
        taken = BrokerBaseline(
            account="daily",
            broker="testnet-spot",
            number=1,
            adopted_at=NOW,
            cash=Decimal(5),
            positions={},
            reason="new",
        )
        broker_events.record_baseline(store, taken)
    with pytest.raises(UsageError, match="account daily trades at testnet-spot, whose balances rule"):
        deposit(job, 1)
