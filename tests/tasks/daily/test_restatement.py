"""An account that lives on while the past of its bars is told in another unit."""

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarRequest
from storage.bars import published as bars
from storage.bars import quarantine
from storage.bars.quarantine import Acceptance
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.money import exact
from strategy.account.state import EntryKind
from strategy.builtin.registry import VOL_TARGET
from tasks.daily.account_state import state_at
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.restatement import restated, why_held
from tasks.daily.settle import settle
from tasks.daily.signals import settled_state, signal
from tasks.data.ingest import ingest
from tasks.explain.order_record import explain, orders_named
from tasks.models.retrain import Champion
from tasks.run.job import SPOT, Job
from tasks.validation.gate import NothingPublishable, validate
from testing.markets.bars import TOKEN
from testing.markets.bars_in_units import InUnits
from testing.runs.jobs import a_job, on, run_day

D = Decimal
FIRST, SECOND, THIRD, FOURTH = (date(2020, 6, day) for day in (8, 9, 10, 11))
RULES = Champion(model_id=None, reason="rules needs no model")


def source(**changes: object) -> InUnits:
    return InUnits(listings=(TOKEN,), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An account that has lived two days, holds TOKEN and has an order of it open."""
    job = a_job(tmp_path_factory.mktemp("lived"), ("TOKEN",), FIRST, VOL_TARGET)
    run_day(job, source)
    run_day(on(job, SECOND), source)
    return on(job, SECOND)


@pytest.fixture
def job(shared: Job, tmp_path: Path) -> Job:
    """The same in a home of its own."""
    shutil.copytree(shared.home, tmp_path / "home")
    return replace(shared, home=tmp_path / "home")


def equity(job: Job) -> Decimal:
    with connect(job.home) as store:
        return settled_state(store, job).snapshot.equity


def lived_on(job: Job, tmp_path: Path, ratio: float) -> tuple[Decimal, Decimal]:
    """The equities of the second and third day of an account that saw the last unit alone, as a backtest does."""
    alone = replace(job, home=tmp_path / "alone")
    for day in (FIRST, SECOND, THIRD):
        run_day(on(alone, day), lambda: source(ratio=ratio))
    with connect(alone.home) as store:
        second, third = position_store.snapshots(store, alone.account, until=THIRD, last_days=2)
    return second.equity, third.equity


@pytest.mark.parametrize("ratio", [10.0, 0.9931])
def test_a_past_in_another_unit_moves_the_account_there(job: Job, tmp_path: Path, ratio: float) -> None:
    """A reverse split, and a dividend taken out of raw prices, which is earned."""
    third, before = on(job, THIRD), equity(job)
    gate, _ = run_day(third, lambda: source(ratio=ratio))
    assert f"161 published bars up to 2020-06-09 at x{ratio:.6g}, limit x1" in gate.warnings[0]
    with connect(job.home) as store:
        (entry,) = [one for one in ledger.entries_on(store, "daily", THIRD) if one.kind is EntryKind.UNIT]
        held = position_store.snapshots(store, "daily", until=SECOND, last_days=1)[0].account.positions["TOKEN"]
        (fill,) = ledger.fills_on(store, "daily", THIRD)
        (close,) = bars.load(store, "fake", ["TOKEN"], until=SECOND, last_bars=1)["TOKEN"].close.tolist()
    assert close == pytest.approx(float(held.mark) * ratio, abs=0.006 * max(1.0, ratio))
    assert entry.quantity == pytest.approx(held.quantity * (held.mark / exact(close) - 1), abs=D("1e-11"))
    # What was earned is what an account on the last series alone earned, but for lots and the rounding of prices.
    second_alone, third_alone = lived_on(job, tmp_path, ratio)
    assert float(equity(third) / before) == pytest.approx(float(third_alone / second_alone), abs=2e-5)
    assert reconcile(third).difference == 0.0
    if ratio < 1:
        (order,) = orders_named(job.home, fill.order_id, "daily")
        answer = explain(job.home, order, lambda _: job.policy).json_values()
        assert answer["fills"][0]["slippage_bps"] == pytest.approx(5.0, rel=1e-4)
        assert "the unit changed in between" in answer["warnings"][-1]


def test_an_account_that_was_away_is_moved_from_the_unit_it_used(job: Job) -> None:
    """Two more days were published, in two more units, since."""
    for day, ratio in ((THIRD, 0.5), (FOURTH, 0.05)):
        ingest(on(job, day), partial(source, ratio=ratio))
        validate(on(job, day))
    fifth = on(job, date(2020, 6, 12))
    run_day(fifth, lambda: source(ratio=0.05))
    assert float(equity(fifth)) == pytest.approx(float(equity(job)), rel=0.2)
    with connect(job.home) as store:
        moved = {
            day: entry.quantity
            for day in (THIRD, FOURTH, fifth.as_of)
            for entry in ledger.entries_on(store, "daily", day)
            if entry.kind is EntryKind.UNIT
        }
        held = position_store.snapshots(store, "daily", until=SECOND, last_days=1)[0].account.quantity("TOKEN")
    assert list(moved) == [THIRD]
    assert float(moved[THIRD] / held) == pytest.approx(19.0, rel=1e-4)


def test_a_killed_day_is_moved_once(job: Job) -> None:
    """Published, then killed; settled, then killed; and told in yet another unit before the orders are planned."""
    third = on(job, THIRD)
    ingest(third, lambda: source(ratio=0.25))
    validate(third)
    ingest(third, lambda: source(ratio=0.25))
    validate(third)
    settle(third, PaperBroker)
    settled = equity(third)
    assert settle(third, PaperBroker).dates == ()
    ingest(third, lambda: source(ratio=0.025))
    validate(third)
    settle(third, PaperBroker)
    signal(third, RULES, {})
    (order,) = trade(third, PaperBroker)
    assert equity(third) == settled
    with connect(job.home) as store:
        standing = settled_state(store, third)
        before = position_store.snapshots(store, "daily", until=SECOND, last_days=1)[0].account.quantity("TOKEN")
    # In the newest unit, and a small change beside the position: not ten or forty times of it.
    assert float(standing.account.quantity("TOKEN") / before) == pytest.approx(40, rel=0.05)
    assert order.quantity < standing.account.quantity("TOKEN") / 10
    fourth = on(job, FOURTH)
    ingest(fourth, lambda: source(ratio=0.025))
    validate(fourth)
    settle(fourth, PaperBroker)
    assert float(equity(fourth)) == pytest.approx(float(settled), rel=0.1)


def test_what_a_rolling_window_no_longer_tells_is_restated_with_it(job: Job) -> None:
    first = date(2020, 5, 1)
    ingest(on(job, THIRD), lambda: source(ratio=0.25, since=first))
    gate = validate(on(job, THIRD))
    assert "40 published bars up to 2020-06-09 at x0.25" in gate.warnings[0]
    with connect(job.home) as store:
        series = bars.load(store, "fake", ["TOKEN"], until=THIRD)["TOKEN"]
    told = source(ratio=0.25).fetch(BarRequest(since={"TOKEN": None}, until=THIRD, now=job.now))
    assert len(series) == 162
    assert np.abs(series.close - told["close"].to_numpy()).max() < 0.00501
    assert set(series.factor.tolist()) == {1.0}


def test_a_delivery_that_ends_before_what_is_published_is_held_back(job: Job) -> None:
    ingest(on(job, FIRST), lambda: source(ratio=0.25))
    with pytest.raises(NothingPublishable, match="only up to 2020-06-08, and bars up to 2020-06-09 are published; run"):
        validate(on(job, FIRST))


def test_a_close_told_by_no_common_ratio_holds_its_symbol_until_it_is_accepted(job: Job) -> None:
    third, before = on(job, THIRD), equity(job)
    ingest(third, lambda: source(changed={"2020-06-07": 0.25, "2020-06-08": 0.25, "2020-06-09": 0.25}))
    validate(third)
    barred = settle(third, PaperBroker).agreement.barred
    assert "its close of 2020-06-09 was" in barred["TOKEN"]
    assert "(x0.25); fewer than five bars agree on that ratio" in barred["TOKEN"]
    # All but the financing of a day.
    assert float(equity(third)) == pytest.approx(float(before), rel=1e-4)
    signal(third, RULES, barred)
    assert trade(third, PaperBroker) == ()
    assert reconcile(third).difference == 0.0
    with connect(job.home) as store:
        word = Acceptance(source="fake", symbol="TOKEN", day=SECOND, reason="it is so", accepted_at=job.now)
        quarantine.accept(store, word)
    fourth = on(job, FOURTH)
    ingest(fourth, lambda: source(changed={"2020-06-07": 0.25, "2020-06-08": 0.25, "2020-06-09": 0.25}))
    validate(fourth)
    assert settle(fourth, PaperBroker).agreement.barred == {}


def test_a_position_at_a_broker_outside_is_not_moved(job: Job) -> None:
    outside = replace(on(job, THIRD), broker=SPOT)
    ingest(outside, lambda: source(ratio=0.25))
    validate(outside)
    with connect(job.home) as store:
        standing = state_at(store, outside, SECOND)
        assert standing is not None
        found = restated(store, outside, standing)
    assert found.state == standing
    assert "161 bars say that this is a change of unit, which a position at testnet-spot does not follow" in why_held(
        found.doubtful["TOKEN"], outside
    )
