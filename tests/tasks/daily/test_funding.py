"""An account on perpetual futures: daily runs, a backfill and a backtest agree to the last digit, funding included."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from exchange.brokers.paper import PaperBroker
from exchange.ports import FundingRequest, SourceRefused
from flows.cli.research.costs import shown_costs
from storage.bars import funding_rates as funding_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from strategy.account.money import exact
from strategy.account.state import EntryKind
from strategy.builtin.registry import RULES, TURBO
from strategy.exit_codes import exit_code
from strategy.kernel.grid import Point
from strategy.market.data_hash import data_sha256
from strategy.market.funding_rates import FundingMissing, FundingRate, FundingRefused
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.answer import costs_answer
from tasks.backtest.exposures import days_read
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.sweep import sweep
from tasks.backtest.tear_sheet import tear_sheet
from tasks.daily.account_returns import flow_facts
from tasks.daily.earned import earned
from tasks.data.ingest import ingest
from tasks.models.retrain import retrain
from tasks.models.training_plan import TrainingRefused
from tasks.notices.funding import unused_funding
from tasks.parallel.runner import Here
from tasks.report.markup import money
from tasks.run.answers import ModelCode
from tasks.run.job import Job
from testing.accounts.ledgers import contents, replayed, tidied
from testing.markets.bars import FakeBars, Listing, record
from testing.runs.jobs import UNTRAINABLE, a_job, on, policy, run_day

FIRST, LAST = date(2020, 6, 28), date(2020, 7, 6)
SWAP = Listing(symbol="BTCUSDT", calendar=Calendar.ALWAYS, first=date(2019, 11, 1), last=date(2020, 12, 31), seed=31)
OTHER = replace(SWAP, symbol="ETHUSDT", seed=34)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
HOURS = timedelta(hours=1)


def payments(symbol: str, every: timedelta = 8 * HOURS, last: date = date(2020, 7, 8)) -> tuple[FundingRate, ...]:
    """Rates of both signs from the day before the first on, stamped some milliseconds late."""
    start = datetime(2020, 6, 27, tzinfo=UTC)
    count = (datetime(last.year, last.month, last.day, tzinfo=UTC) - start) // every
    draw = np.random.default_rng(sum(symbol.encode()))
    rates = [Decimal(int(each)) / 10**8 for each in draw.integers(-40_000, 60_000, count)]
    late = timedelta(milliseconds=7)
    return tuple(FundingRate(at=start + row * every + late, rate=rate) for row, rate in enumerate(rates))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swaps(FakeBars):
    """A source of perpetual futures and their funding; every request is noted."""

    rates: Mapping[str, tuple[FundingRate, ...]] = field(default_factory=dict, hash=False)
    asked: list[FundingRequest] = field(default_factory=list, hash=False, compare=False)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        known = FakeBars.instruments(self, symbols)
        return tuple(replace(instrument, perpetual=True, currency="USDT") for instrument in known)

    def funding(self, request: FundingRequest) -> dict[str, tuple[FundingRate, ...]]:
        self.asked.append(request)
        return {
            symbol: tuple(
                rate for rate in self.rates[symbol] if (since is None or rate.at >= since) and rate.at <= request.until
            )
            for symbol, since in request.since.items()
        }


RATES = {"BTCUSDT": payments("BTCUSDT"), "ETHUSDT": payments("ETHUSDT", 4 * HOURS)}
MARKET = Swaps(listings=(SWAP, OTHER), rates=RATES)
#: The same bars without their funding, as a file of bars has them.
SPOT = FakeBars(listings=(SWAP, OTHER))


def a_swap_job(home: Path) -> Job:
    job = a_job(home, SYMBOLS, LAST)
    return replace(job, policy=policy(RULES, UNTRAINABLE))


def days() -> tuple[date, ...]:
    return tuple(FIRST + timedelta(days=row) for row in range((LAST - FIRST).days + 1))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    job = a_swap_job(tmp_path_factory.mktemp("backtest"))
    return backtest(job, Window(strategies=(RULES,), start=FIRST), lambda: MARKET)


def test_daily_runs_a_backfill_and_a_backtest_agree_to_the_last_digit(tmp_path: Path, once: Backtest) -> None:
    job = a_swap_job(tmp_path / "daily")
    del MARKET.asked[:]
    for day in days():
        run_day(on(job, day), lambda: MARKET)
    # Every run asks for what is new alone.
    since = [request.since["BTCUSDT"] for request in MARKET.asked]
    newest = [datetime(day.year, day.month, day.day, 16, 1, tzinfo=UTC) for day in days()]
    assert since == [None, *newest[:-1]]
    expected, actual = tidied(once.net.replay), replayed(job.home, job.account, days())
    assert once.dates == days()
    assert (actual.decisions, actual.orders) == (expected.decisions, expected.orders)
    assert (actual.fills, actual.entries) == (expected.fills, expected.entries)
    assert actual.snapshots == expected.snapshots
    told = earned(on(job, days()[-1]))
    assert told is not None
    assert told[1].attribution.by_symbol == once.assessment.attribution.by_symbol
    assert (told[0].unexplained, told[1].unexplained) == (0, 0)
    filling = a_swap_job(tmp_path / "backfill")
    fill(Backfill(job=filling, start=FIRST), lambda: MARKET, PaperBroker, lambda _: None)
    own, daily = contents(filling.home), contents(job.home)
    assert {table for table in own if own[table] != daily[table]} <= {"bars", "passes"}
    # What has to be shown: funding and nothing else, paid and received, of longs and shorts, at rates of both signs.
    assert {entry.kind for entry in expected.entries} == {EntryKind.FUNDING}
    assert {entry.cash > 0 for entry in expected.entries} == {True, False}
    held = [position.quantity > 0 for each in expected.snapshots for position in each.account.positions.values()]
    assert set(held) == {True, False}
    assert once.charges.funding == -sum(entry.cash for entry in expected.entries) != 0
    assert once.charges.total == once.charges.fees + once.charges.slippage + once.charges.funding
    assert once.rates.perpetuals == SYMBOLS


def test_every_day_pays_its_stamps_on_what_was_held_before_and_after_its_fill(once: Backtest) -> None:
    replay = once.net.replay
    traded = 0
    for before, after in pairwise(replay.snapshots):
        day = after.account.as_of
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for symbol in SYMBOLS:
            then, now = (each.account.positions.get(symbol) for each in (before, after))
            held, left = (Decimal(0) if each is None else each.quantity for each in (then, now))
            traded += 0 != held != left != 0
            due = [rate for rate in RATES[symbol] if midnight <= rate.at < midnight + 24 * HOURS]
            opened = exact(opens(symbol)[day])
            expected = held * (then.mark if then else 0) * due[0].rate + left * opened * sum(
                one.rate for one in due[1:]
            )
            booked = [each.cash for each in replay.entries if (each.as_of, each.symbol) == (day, symbol)]
            assert abs(sum(booked, Decimal(0)) + expected) <= Decimal("1e-12")
            assert len(due) == (3 if symbol == "BTCUSDT" else 6)
    assert traded


def test_costs_have_funding_on_a_line_of_its_own(once: Backtest) -> None:
    answer = costs_answer(once.charges, once.rates)
    assert answer.funding == once.charges.funding
    (line,) = [line for line in shown_costs(answer).splitlines() if line.startswith("funding")]
    assert money(once.charges.funding).replace("−", "-") in line
    assert line.endswith("what perpetuals paid, less what they received")
    lines = {line.name: line.paid for line in tear_sheet(once, days_read(once)).costs}
    assert lines["Funding"] == money(once.charges.funding)
    spot = costs_answer(once.charges, replace(once.rates, perpetuals=()))
    assert spot.funding is None
    assert "funding" not in shown_costs(spot)


def opens(symbol: str) -> dict[date, float]:
    frame = record({"BTCUSDT": SWAP, "ETHUSDT": OTHER}[symbol])
    return dict(zip(frame["open_time"].dt.date, frame["open"], strict=True))


def written(folder: Path, rates: Mapping[str, tuple[FundingRate, ...]]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{symbol},{one.at.isoformat()},{one.rate}" for symbol, every in rates.items() for one in every]
    path = folder / "funding.csv"
    path.write_text("\n".join(["symbol,time,rate", *rows]) + "\n", encoding="utf-8")
    return f"file:{path}"


def a_file_job(home: Path, rates: Mapping[str, tuple[FundingRate, ...]] = RATES) -> Job:
    """A job on bars that come without funding, of symbols that are stated to be perpetuals."""
    job = a_swap_job(home)
    stated = InstrumentTable(symbols={symbol: InstrumentTerms(perpetual=True) for symbol in SYMBOLS})
    known = replace(job.policy, costs=replace(job.policy.costs, instruments=stated))
    return replace(job, policy=known, funding=written(home, rates))


def test_a_file_of_rates_beside_bars_gives_the_same_account(tmp_path: Path, once: Backtest) -> None:
    job = a_file_job(tmp_path / "file")
    found = backtest(job, Window(strategies=(RULES,), start=FIRST), lambda: SPOT)
    assert tidied(found.net.replay) == tidied(once.net.replay)
    daily = a_file_job(tmp_path / "daily")
    for day in days()[:3]:
        run_day(on(daily, day), lambda: SPOT)
        with connect(daily.home) as store:
            newest = funding_store.newest(store, "fake", SYMBOLS)
        assert {at.date() for at in newest.values()} == {day}
    # What is stored is enough: the file may be left out, until a day needs more of it.
    assert replayed(daily.home, daily.account, days()[:3]).entries
    with pytest.raises(FundingMissing, match="BTCUSDT lacks a funding rate from 2020-07-01 00:00 UTC"):
        run_day(on(replace(daily, funding=""), days()[3]), lambda: SPOT)
    run_day(on(daily, days()[3]), lambda: SPOT)


def test_perpetuals_without_any_rates_are_refused_and_nothing_is_staged(tmp_path: Path) -> None:
    job = replace(a_file_job(tmp_path), funding="")
    with pytest.raises(
        FundingMissing, match=r"BTCUSDT is a perpetual future, and no funding rate .* --set funding=file:PATH"
    ):
        ingest(job, lambda: SPOT)
    assert contents(tmp_path)["bars_staged"] == []


@pytest.mark.parametrize(
    ("wrong", "refusal", "code", "match"),
    [
        ({"BTCUSDT": RATES["BTCUSDT"]}, SourceRefused, 2, "has no funding rate of ETHUSDT; it holds BTCUSDT;"),
        (
            {**RATES, "BTCUSDT": (*RATES["BTCUSDT"][:5], *RATES["BTCUSDT"][6:])},
            FundingRefused,
            3,
            "no funding rate of BTCUSDT for 16 hours, from 2020-06-28 08:00 UTC to 2020-06-29 00:00 UTC, and 8 are",
        ),
        (
            {**RATES, "BTCUSDT": (replace(RATES["BTCUSDT"][0], rate=Decimal("0.06")), *RATES["BTCUSDT"][1:])},
            FundingRefused,
            3,
            "has the funding rate 0.06 of BTCUSDT at 2020-06-27 00:00 UTC, beyond 0.05 a payment; .* by 100",
        ),
        (
            {symbol: tuple(replace(one, rate=one.rate * 50) for one in every) for symbol, every in RATES.items()},
            FundingRefused,
            3,
            "the usual funding rate of BTCUSDT in .*funding.csv is 0.0.*, above 0.005 a payment; .* by 100",
        ),
    ],
)
def test_wrong_rates_stop_the_run_in_one_sentence(
    tmp_path: Path, wrong: dict[str, tuple[FundingRate, ...]], refusal: type[Exception], code: int, match: str
) -> None:
    job = a_file_job(tmp_path, wrong)
    with pytest.raises(refusal, match=match) as caught:
        ingest(job, lambda: SPOT)
    assert exit_code(caught.value) == code
    assert contents(tmp_path)["bars_staged"] == []
    with connect(tmp_path) as store:
        assert funding_store.newest(store, "fake", SYMBOLS) == {}


def test_rates_that_end_before_a_held_day_stop_the_run(tmp_path: Path) -> None:
    job = a_file_job(tmp_path, {symbol: payments(symbol, last=date(2020, 7, 3)) for symbol in SYMBOLS})
    with pytest.raises(FundingMissing, match=r"lacks a funding rate from 2020-07-0.*; add what is missing") as caught:
        backtest(job, Window(strategies=(RULES,), start=FIRST), lambda: SPOT)
    assert exit_code(caught.value) == 3


def test_a_file_that_nothing_pays_is_told(tmp_path: Path) -> None:
    job = a_file_job(tmp_path)
    known = {one.symbol: one for one in SPOT.instruments(SYMBOLS)}
    assert unused_funding(job, known) == ()
    spot = replace(job, policy=a_swap_job(tmp_path).policy)
    (warning,) = unused_funding(spot, known)
    assert "no symbol of the run is a perpetual future, so that nothing pays it; state perpetual = true" in warning
    assert unused_funding(replace(spot, funding=""), known) == ()


def test_a_changed_rate_is_refused_before_anything_is_staged(tmp_path: Path) -> None:
    job = a_file_job(tmp_path)
    run_day(on(job, FIRST), lambda: SPOT)
    other = {**RATES, "ETHUSDT": (replace(RATES["ETHUSDT"][0], rate=Decimal("0.0001")), *RATES["ETHUSDT"][1:])}
    written(tmp_path, other)
    before = contents(tmp_path)["bars_staged"]
    with pytest.raises(FundingRefused, match=r"had the funding rate .* of ETHUSDT at 2020-06-27 00:00 UTC and now has"):
        ingest(on(job, days()[1]), lambda: SPOT)
    assert contents(tmp_path)["bars_staged"] == before


def test_a_sweep_runs_the_exact_account_with_its_funding(tmp_path: Path) -> None:
    job = a_swap_job(tmp_path)
    point = Point(symbols=SYMBOLS, strategy=RULES, sizing=job.policy.sizing, costs=job.policy.costs)
    swept = sweep(job, ((point,), FIRST), lambda: MARKET, Here(threads=1))
    tested = backtest(job, Window(strategies=(RULES,), start=FIRST), lambda: MARKET)
    assert tested.charges.funding
    assert swept.results[0].metrics.sharpe_raw == swept.exact.sharpe_raw == tested.net.metrics.sharpe_raw
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, SYMBOLS, until=job.as_of)
    # The payments are part of the data.
    assert swept.data_sha256 == tested.data_sha256 != data_sha256(bars)
    assert any(
        "1 points run the exact account" in warning and "perpetual futures" in warning for warning in swept.warnings
    )


def test_the_report_of_a_day_names_its_funding(tmp_path: Path) -> None:
    job = a_swap_job(tmp_path)
    for day in days()[:4]:
        run_day(on(job, day), lambda: MARKET)
    with connect(job.home) as store:
        booked = [entry.cash for day in days()[:4] for entry in ledger.entries_on(store, job.account, day)]
        assert ledger.funding_paid(store, job.account, days()[3]) == (sum(booked[-2:]), sum(booked))
        (line,) = flow_facts(store, job.account, days()[3])
    assert line == (
        "Funding of the day, and since it opened; negative if paid",
        f"{money(sum(booked[-2:], Decimal(0)))} and {money(sum(booked, Decimal(0)))}",
    )


def test_nothing_is_trained_on_perpetuals_and_the_prior_trades_them(tmp_path: Path) -> None:
    job = a_swap_job(tmp_path)
    turbo = replace(job, policy=replace(job.policy, strategy=TURBO))
    with pytest.raises(TrainingRefused, match=r"BTCUSDT, ETHUSDT is a perpetual future, .* --strategy rules"):
        backtest(turbo, Window(strategies=(TURBO,), start=FIRST), lambda: MARKET)
    champion = retrain(turbo)
    assert champion.code is ModelCode.NOT_TRAINED
    assert "training charges interest in place of its funding" in champion.reason
