"""A bar in what may be another unit: held, and released by what the source tells later."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from storage.ledger import risk_state
from strategy.builtin.registry import VOL_TARGET
from strategy.market.instruments import Calendar
from strategy.portfolio.risk_limits import RiskLimits
from tasks.daily.settle import settle
from tasks.data.ingest import ingest
from tasks.run.job import Job
from tasks.validation.gate import Gate, NothingPublishable, inspect, validate
from testing.markets.bars import TOKEN, Listing
from testing.markets.bars_in_units import InUnits
from testing.runs.jobs import a_job, on, run_day

FIRST, SECOND, EX, NEXT = (date(2020, 6, day) for day in (8, 9, 10, 11))
PLAIN = Listing(symbol="PLAIN", calendar=Calendar.XNYS, first=date(2019, 11, 1), last=date(2020, 12, 31), seed=31)
#: A split of four for one, of which the source tells nothing.
LATE = InUnits(listings=(PLAIN, TOKEN), levels=(("PLAIN", EX, 0.25),))


def judged(job: Job, source: InUnits) -> Gate:
    ingest(job, lambda: source)
    return inspect(job, job.as_of)


def test_a_gap_is_held_until_it_is_confirmed_and_the_remark_stays(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("PLAIN",), SECOND)
    assert judged(job, LATE).held_back == {}
    for day in (10, 11, 12):
        held = judged(on(job, date(2020, 6, day)), LATE)
        assert "PLAIN on 2020-06-10: the bar opens at a whole ratio to the close before" in held.held_back["PLAIN"]
    with pytest.raises(NothingPublishable, match="unit_kept: open "):
        validate(on(job, date(2020, 6, 12)))
    gate = judged(on(job, date(2020, 6, 15)), LATE)
    assert (gate.held_back, gate.published) == ({}, {"PLAIN": 4})
    assert any("the level was confirmed since (unit_confirmed" in warning for warning in gate.warnings)


def test_a_gap_clears_itself_when_the_past_is_restated(tmp_path: Path) -> None:
    """Of what was held in the old unit nothing is left, whichever bars the delivery begins with."""
    job = a_job(tmp_path, ("PLAIN",), SECOND)
    judged(job, LATE)
    assert list(judged(on(job, EX), LATE).held_back) == ["PLAIN"]
    restated = InUnits(listings=(PLAIN,), ratio=0.25, since=date(2020, 5, 1))
    gate = judged(on(job, NEXT), restated)
    assert gate.held_back == {}
    assert "27 published bars up to 2020-06-09 at x0.25" in gate.warnings[0]


def test_a_past_that_is_restated_after_its_level_was_confirmed_is_warned_of(tmp_path: Path) -> None:
    job = on(a_job(tmp_path, ("PLAIN",), SECOND), date(2020, 6, 15))
    judged(job, LATE)
    gate = judged(on(job, date(2020, 6, 16)), InUnits(listings=(PLAIN,), levels=(("PLAIN", PLAIN.first, 0.25),)))
    assert gate.held_back == {}
    assert "bars after it were published in that unit before" in gate.warnings[0]
    assert "at x0.25" in gate.warnings[0]


def test_the_halt_counts_a_lower_close_that_is_held_back(tmp_path: Path) -> None:
    """The other symbol carries the day; the held position keeps its mark."""
    job = a_job(tmp_path, LATE.symbols(), FIRST, VOL_TARGET)
    policy = replace(job.policy, limits=RiskLimits(max_drawdown_halt=0.25))
    job = replace(job, policy=policy)
    run_day(job, lambda: LATE)
    run_day(on(job, SECOND), lambda: LATE)
    third = on(job, EX)
    ingest(third, lambda: LATE)
    assert list(validate(third).held_back) == ["PLAIN"]
    settle(third, PaperBroker)
    with connect(tmp_path) as store:
        risk = risk_state.load(store, job.account)
    assert risk.halted
    assert "closes that are held back are counted: PLAIN at" in risk.reason
