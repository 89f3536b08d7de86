"""A day in several passes: a symbol whose bar comes late is settled and decided alone, and the day replays exactly."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from exchange.ports import SourceUnavailable
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.builtin.registry import HOLD, RULES
from strategy.portfolio.decision import Status
from strategy.portfolio.risk_limits import RiskLimits
from strategy.signals.strategies import Strategy
from tasks.daily.replay_check import reconcile
from tasks.run.job import Job
from tasks.run.runs import symbols_asked
from testing.accounts.ledgers import contents
from testing.markets.bars import MARKET, PAIR, DeadBars, FakeBars, Fault, account_days
from testing.runs.jobs import a_job, live, on, run_day

FIRST, LAST = date(2020, 6, 8), date(2020, 6, 12)
DAYS = account_days(PAIR, FIRST, LAST)
#: The day on which SHARE splits, and the last one.
SPLIT = date(2020, 6, 12)


def without(source: FakeBars, symbol: str, day: date) -> FakeBars:
    return source.faulty(Fault(symbol=symbol, day=day))


def lived(home: Path, strategy: Strategy = RULES, source: FakeBars = PAIR) -> Job:
    """The account's last day, the days before it done."""
    job = a_job(home, source.symbols(), FIRST, strategy)
    for day in account_days(source, FIRST, LAST - timedelta(days=1)):
        run_day(on(job, day), lambda: source)
    return on(job, LAST)


@pytest.mark.parametrize("late", ["SHARE", "TOKEN"])
@pytest.mark.parametrize("strategy", [RULES, HOLD])
def test_a_late_symbol_is_settled_and_decided_in_a_pass_of_its_own(home: Path, strategy: Strategy, late: str) -> None:
    job = lived(home, strategy)
    other = next(symbol for symbol in PAIR.symbols() if symbol != late)
    run_day(job, lambda: without(PAIR, late, LAST))
    with connect(home) as store:
        first = {made.symbol: made for made in ledger.decisions_on(store, "daily", LAST)}
        before = order_store.orders_on(store, "daily", LAST)
        snapshot = position_store.latest_snapshot(store, "daily")
    assert symbols_asked(job) == (late,)
    assert (first[late].status, first[other].status) == (Status.QUARANTINED, Status.TRADED)
    assert snapshot is not None
    marks = {symbol: position.marked_on for symbol, position in snapshot.account.positions.items()}
    assert (marks[other], marks[late] != LAST) == (LAST, True)

    run_day(job, lambda: PAIR)
    assert symbols_asked(job) == ()
    with connect(home) as store:
        passes = ledger.passes_on(store, "daily", LAST)
        (made,) = ledger.decisions_in(store, "daily", LAST, 2)
        again = {decision.symbol: decision for decision in ledger.decisions_on(store, "daily", LAST)}
        orders = order_store.orders_on(store, "daily", LAST)
        filled = [fill.symbol for fill in ledger.fills_on(store, "daily", LAST)]
        last = position_store.latest_snapshot(store, "daily")
    assert [each.symbols for each in passes] == [PAIR.symbols(), (late,)]
    assert (made.symbol, made.status, again) == (late, Status.TRADED, {**first, late: made})
    assert [order for order in orders if order.symbol == other] == list(before)
    assert len({order.symbol for order in orders}) == len(orders)
    assert last is not None
    assert {position.marked_on for position in last.account.positions.values()} == {LAST}
    assert reconcile(job).difference == 0.0
    # What is settled in two passes is worth as much as in one.
    whole = lived(home / "whole", strategy)
    run_day(whole, lambda: PAIR)
    with connect(whole.home) as store:
        undivided = position_store.latest_snapshot(store, "daily")
        assert sorted(filled) == [fill.symbol for fill in ledger.fills_on(store, "daily", LAST)]
    assert undivided is not None
    assert (last.equity, last.account) == (undivided.equity, undivided.account)


def test_a_run_that_finds_nothing_new_changes_nothing(home: Path) -> None:
    job = lived(home)
    run_day(job, lambda: without(PAIR, "TOKEN", LAST))
    before = contents(home)
    run_day(job, lambda: without(PAIR, "TOKEN", LAST))
    assert contents(home) == before
    run_day(job, lambda: PAIR)
    done = contents(home)
    run_day(job, lambda: PAIR)
    assert contents(home) == done


def test_the_next_day_goes_on_from_the_last_pass(home: Path) -> None:
    job = lived(home)
    run_day(job, lambda: without(PAIR, "TOKEN", LAST))
    run_day(job, lambda: PAIR)
    after = LAST + timedelta(days=1)
    run_day(on(job, after), lambda: PAIR)
    assert reconcile(on(job, after)).difference == 0.0


def test_hold_gives_a_late_symbol_the_share_that_it_had_with_all_present(home: Path) -> None:
    job = a_job(home, PAIR.symbols(), FIRST, HOLD)
    run_day(job, lambda: without(PAIR, "TOKEN", FIRST))
    run_day(job, lambda: PAIR)
    with connect(home) as store:
        exposures = [made.exposure for made in ledger.decisions_on(store, "daily", FIRST)]
    assert exposures == [0.5, 0.5]


def test_a_later_pass_has_the_room_and_the_turnover_that_earlier_ones_left(home: Path) -> None:
    job = a_job(home, PAIR.symbols(), FIRST, HOLD)
    policy = replace(job.policy, limits=RiskLimits(max_turnover=0.6))
    job = replace(job, policy=policy)
    run_day(job, lambda: without(PAIR, "TOKEN", FIRST))
    run_day(job, lambda: PAIR)
    with connect(home) as store:
        exposures = {made.symbol: made.exposure for made in ledger.decisions_on(store, "daily", FIRST)}
    assert exposures == {"SHARE": 0.5, "TOKEN": pytest.approx(0.1)}


def test_three_passes_for_two_late_symbols(home: Path) -> None:
    job = lived(home, RULES, MARKET)
    none = without(without(MARKET, "COIN", LAST), "YOUNG", LAST)
    run_day(job, lambda: none)
    run_day(job, lambda: without(MARKET, "COIN", LAST))
    assert symbols_asked(job) == ("COIN",)
    run_day(job, lambda: MARKET)
    with connect(home) as store:
        passes = ledger.passes_on(store, "daily", LAST)
        decided = ledger.decisions_on(store, "daily", LAST)
    assert [each.symbols for each in passes][1:] == [("YOUNG",), ("COIN",)]
    assert sum(abs(made.exposure or 0.0) for made in decided) <= 2.0 + 1e-9
    assert Status.QUARANTINED not in {made.status for made in decided}
    assert reconcile(job).difference == 0.0


def test_a_source_that_was_down_and_is_back_leaves_an_undisturbed_day(home: Path) -> None:
    job = lived(home / "down")
    undisturbed = lived(home / "up")
    with pytest.raises(SourceUnavailable, match="the fake is down"):
        run_day(job, lambda: DeadBars(listings=PAIR.listings))
    assert symbols_asked(job) == PAIR.symbols()
    run_day(job, lambda: PAIR)
    run_day(undisturbed, lambda: PAIR)
    assert contents(job.home) == contents(undisturbed.home)


def test_a_symbol_that_comes_after_the_deadline_is_settled_with_its_next_bar(home: Path) -> None:
    job = lived(home)
    run_day(live(job, -timedelta(hours=1)), lambda: without(PAIR, "TOKEN", LAST))
    after = on(job, LAST + timedelta(days=1))
    run_day(after, lambda: PAIR)
    with connect(home) as store:
        assert len(ledger.passes_on(store, "daily", LAST)) == 1
        filled = {fill.symbol: fill.as_of for fill in ledger.fills_on(store, "daily", after.as_of)}
        last = position_store.latest_snapshot(store, "daily")
    assert filled["TOKEN"] == after.as_of
    assert last is not None
    assert last.account.positions["TOKEN"].marked_on == after.as_of
    assert reconcile(after).difference == 0.0
