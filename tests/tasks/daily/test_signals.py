from dataclasses import replace
from datetime import date
from pathlib import Path

from exchange.brokers.paper import PaperBroker
from storage.bars import universe
from storage.database import connect
from storage.ledger import days as ledger
from strategy.builtin.registry import VOL_TARGET
from strategy.market.instruments import Membership
from strategy.portfolio.decision import Decision, Status
from tasks.daily.settle import settle
from tasks.daily.signals import in_words, signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.run.answers import ModelCode
from tasks.run.job import SPOT, Job
from tasks.validation.gate import validate
from testing.markets.bars import PAIR, SHARE, TOKEN, UNBORN, FakeBars, Fault
from testing.runs.jobs import a_job, on, run_day

FIRST = date(2020, 6, 8)


def decided(job: Job) -> dict[str, Decision]:
    with connect(job.home) as store:
        return {decision.symbol: decision for decision in ledger.decisions_on(store, job.account, job.as_of)}


def digest(job: Job) -> str:
    with connect(job.home) as store:
        source = ledger.provenance_on(store, job.account, job.as_of)
    assert source is not None
    return source.data_sha256


def test_the_hash_names_the_bars_that_were_seen_and_nothing_else(tmp_path: Path) -> None:
    """Neither the way they came, nor bars after the day, nor bars before the window, change it."""
    day_by_day, at_once, corrected, long = (
        a_job(tmp_path / name, PAIR.symbols(), FIRST) for name in ("days", "once", "corrected", "long")
    )
    for day in (date(2020, 6, 5), date(2020, 6, 6), FIRST):
        run_day(on(day_by_day, day), lambda: PAIR)
    run_day(at_once, lambda: PAIR)
    assert digest(day_by_day) == digest(at_once)
    run_day(corrected, lambda: PAIR.faulty(Fault(symbol="TOKEN", day=date(2020, 5, 5), column="volume", value=7.0)))
    assert digest(corrected) != digest(at_once)
    longer = PAIR.faulty(Fault(symbol="TOKEN", day=date(2020, 1, 9), column="volume", value=7.0))
    run_day(long, lambda: longer)
    assert digest(long) == digest(at_once)
    assert decided(long) == decided(at_once)


def test_a_symbol_that_died_stops_taking_a_share_of_the_budgets(tmp_path: Path) -> None:
    """Nobody says that it was delisted: its bars just end, so the gate holds it back for ever."""
    last = date(2020, 6, 5)
    market = FakeBars(listings=(replace(SHARE, last=last), TOKEN))
    job = a_job(tmp_path, market.symbols(), last)
    run_day(job, lambda: market)
    held_back, stale = on(job, FIRST), on(job, date(2020, 6, 13))
    run_day(held_back, lambda: market)
    assert decided(held_back)["SHARE"].status is Status.QUARANTINED
    run_day(stale, lambda: market)
    assert decided(stale)["SHARE"].status is Status.STALE
    alone = replace(on(job, date(2020, 6, 13)), symbols=("TOKEN",), account="alone")
    run_day(alone, lambda: market)
    assert decided(stale)["TOKEN"] == decided(alone)["TOKEN"]


def test_a_decision_reads_as_a_sentence() -> None:
    bare = Decision(as_of=FIRST, symbol="A", status=Status.WARMING_UP, reason="fewer than 127 bars")
    assert in_words(bare) == "A: warming_up (fewer than 127 bars)."
    full = replace(
        bare, status=Status.TRADED, regime="Bull", confidence=0.5, signal=0.25, volatility=0.2, exposure=-0.125
    )
    assert in_words(full) == "A: Bull at 50% confidence, signal +0.250, target exposure -0.125."


def test_a_young_symbol_outside_the_universe_is_sold_and_ends_no_run(tmp_path: Path) -> None:
    market = FakeBars(listings=(TOKEN, UNBORN))
    job = a_job(tmp_path, market.symbols(), date(2020, 6, 18))
    with connect(job.home) as store:
        universe.replace(store, job.source, {"TOKEN": (Membership(first=date(2000, 1, 1)),)})
    run_day(job, lambda: market)
    outside = decided(job)["UNBORN"]
    assert (outside.status, outside.signal, outside.exposure) == (Status.OUTSIDE, None, 0.0)
    assert in_words(outside) == "UNBORN: target exposure +0.000."


def test_where_the_venue_holds_no_more_the_warning_advises_no_larger_cap(tmp_path: Path) -> None:
    paper = a_job(tmp_path, PAIR.symbols(), FIRST, VOL_TARGET)
    sizing = replace(paper.policy.sizing, target_annual_vol=0.5, max_position_size=2.0)
    paper = replace(paper, policy=replace(paper.policy, sizing=sizing))
    ingest(paper, lambda: PAIR)
    validate(paper)
    settle(paper, PaperBroker)
    spot = replace(paper, broker=SPOT)
    (told,) = signal(spot, Champion(model_id=None, reason="", code=ModelCode.NOT_NEEDED), {})
    assert told.startswith("the venue, which holds at most 0.99 of equity, decided today, not target_annual_vol 0.5; ")
    assert told.endswith("; lower it to that: the venue holds no more")
