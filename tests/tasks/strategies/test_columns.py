"""A strategy trades on a column of the user's own: seen after its lag, alike by backtest, daily runs and backfill."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange.bars.files import FileBars
from exchange.brokers.paper import PaperBroker
from storage.bars.own_columns import with_columns
from storage.bars.published import load
from storage.database import connect
from storage.ledger import days as ledger
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import VOL_TARGET
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Grid, points
from strategy.market.data_hash import data_sha256
from strategy.portfolio.decision import Status
from strategy.signals.faults import StrategyRefused
from strategy.signals.outlook import history_bars
from strategy.signals.strategies import Strategy
from tasks.audit.parity import daily_parity
from tasks.audit.window import AuditRequest
from tasks.backfill.market import open_market
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.sweep import sweep
from tasks.operations.import_bars import import_bars
from tasks.parallel.runner import Here
from tasks.run.job import Job
from tasks.strategies.audit_gate import Subject, audit_state, demand_audited
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, record
from testing.runs.jobs import SIZING, a_job, on, run_day
from testing.runs.own_strategies import EARNINGS, a_strategy

LAST = date(2020, 6, 9)
OWNER = PAIR.symbols()[0]


def a_market(folder: Path, kind: str = "csv", **changed: float) -> FileBars:
    """Both symbols in one file; the first has a figure every 40 rows, changed where a date (`d20200102`) says so."""
    frames = [record(listing)[lambda rows: rows["open_time"] <= pd.Timestamp(LAST)] for listing in PAIR.listings]
    figures = pd.Series(np.nan, index=frames[0].index)
    figures.iloc[::40] = np.random.default_rng(3).uniform(-0.9, 0.9, len(figures.iloc[::40]))
    for day, value in changed.items():
        figures[frames[0]["open_time"] == pd.Timestamp(day[1:])] = value
    frames[0] = frames[0].assign(eps=figures)
    bars = pd.concat(frames, ignore_index=True).rename(columns={"open_time": "date"})
    path = folder / f"bars.{kind}"
    bars.to_csv(path, index=False) if kind == "csv" else bars.to_parquet(path)
    return FileBars(path)


def a_job_on(source: FileBars, home: Path, strategy: Strategy, as_of: date = LAST) -> Job:
    return replace(a_job(home, source.symbols(), as_of, strategy), source=source.name)


def signals(found: Backtest, symbol: str = OWNER) -> Mapping[date, float | None]:
    return {made.as_of: made.signal for made in found.net.replay.decisions if made.symbol == symbol}


def a_backtest(folder: Path, text: str = EARNINGS, kind: str = "csv") -> Backtest:
    source, strategy = a_market(folder, kind), a_strategy(folder, text)
    window = Window(strategies=(strategy,), start=None)
    return backtest(a_job_on(source, folder / "home", strategy), window, lambda: source)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_lag_shifts_what_is_known_by_its_days_and_no_more(tmp_path: Path, kind: str) -> None:
    late, now = tmp_path / "late", tmp_path / "now"
    late.mkdir()
    now.mkdir()
    known = signals(a_backtest(late, kind=kind))
    at_once = signals(a_backtest(now, EARNINGS.replace("days=45", "days=0"), kind))
    compared = 0
    for day, value in known.items():
        earlier = [each for each in at_once if each <= day - timedelta(days=45)]
        if earlier and at_once[max(earlier)] is not None:
            assert value == at_once[max(earlier)]
            compared += 1
    assert compared > 100
    assert len({value for value in known.values() if value is not None}) == 3
    assert known != at_once


def test_a_symbol_without_the_column_is_not_traded(tmp_path: Path) -> None:
    decisions = a_backtest(tmp_path).net.replay.decisions
    by_symbol = {symbol: {made.status for made in decisions if made.symbol == symbol} for symbol in PAIR.symbols()}
    assert Status.TRADED in by_symbol.pop(OWNER)
    assert Status.TRADED not in set().union(*by_symbol.values())


def test_daily_runs_decide_as_the_backtest_does(tmp_path: Path) -> None:
    source, strategy = a_market(tmp_path), a_strategy(tmp_path, EARNINGS)
    job = a_job_on(source, tmp_path / "home", strategy)
    answer = daily_parity(job, AuditRequest(strategies=(strategy,), start=None, days=6), lambda: source)
    assert answer.checks


def test_a_backfill_leaves_the_rows_of_daily_runs(tmp_path: Path) -> None:
    source, strategy, first = a_market(tmp_path), a_strategy(tmp_path, EARNINGS), LAST - timedelta(days=3)
    job = replace(a_job_on(source, tmp_path / "backfill", strategy), account="past", models_of="past")
    fill(Backfill(job=job, start=first), lambda: source, PaperBroker, print)
    for days in range(4):
        run_day(on(replace(job, home=tmp_path / "daily"), first + timedelta(days=days)), lambda: source)
    filled, lived = contents(tmp_path / "backfill"), contents(tmp_path / "daily")
    for table in ("decisions", "orders", "fills", "bar_columns"):
        assert filled[table] == lived[table] != []


def test_an_audit_passes_an_honest_strategy_and_refuses_one_that_shifts_its_column(tmp_path: Path) -> None:
    source, strategy = a_market(tmp_path), a_strategy(tmp_path, EARNINGS)
    job = a_job_on(source, tmp_path / "home", strategy)
    open_market(job, source)
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=strategy, at=job.now)
    demand_audited(subject, print)
    assert audit_state(subject) == "passed"
    peeks = a_strategy(tmp_path, EARNINGS.replace('bars.columns["eps"]', 'np.append(bars.columns["eps"][1:], 0.0)'))
    with pytest.raises(StrategyRefused, match=r"of row .* on bars that end on"):
        demand_audited(replace(subject, strategy=peeks), print)


def test_a_revised_column_changes_the_hash_of_a_decision_and_nothing_else_does(tmp_path: Path) -> None:
    source, strategy = a_market(tmp_path), a_strategy(tmp_path, EARNINGS)
    job = a_job_on(source, tmp_path / "home", strategy)
    run_day(job, lambda: source)
    with connect(job.home) as store:
        provenance = ledger.provenance_on(store, job.account, LAST)
    assert provenance is not None

    def again(changed: FileBars) -> str:
        open_market(job, changed)
        with connect(job.home) as store:
            bars = load(store, job.source, job.symbols, until=LAST, last_bars=500)
            window = {
                symbol: series.rows(len(series) - history_bars(strategy), len(series))
                for symbol, series in bars.items()
            }
            return data_sha256(with_columns(store, job.source, window, strategy.columns))

    assert again(source) == provenance.data_sha256
    seen = LAST - timedelta(days=62)
    assert again(a_market(tmp_path, **{f"d{LAST:%Y%m%d}": 0.5})) == provenance.data_sha256
    assert again(a_market(tmp_path, **{f"d{seen:%Y%m%d}": 0.5})) != provenance.data_sha256


def test_a_column_that_the_file_lacks_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"bars.csv has no column earnings of numbers.*; it has eps: declare one"):
        a_backtest(tmp_path, EARNINGS.replace('"eps": Lag', '"earnings": Lag'))


def test_an_import_says_which_column_changed(tmp_path: Path) -> None:
    job = a_job_on(a_market(tmp_path), tmp_path / "home", a_strategy(tmp_path, EARNINGS))
    first = import_bars(job, lambda: a_market(tmp_path), ([], ""))
    assert (set(first.published), first.columns[OWNER].keys()) == ({*PAIR.symbols()}, {"eps"})
    day = record(PAIR.listings[0])["open_time"].iloc[40]
    changed = replace(job, now=job.now + timedelta(minutes=1))
    second = import_bars(changed, lambda: a_market(tmp_path, **{f"d{day:%Y%m%d}": 0.123}), ([], ""))
    assert (sum(second.published.values()), second.columns) == (0, {OWNER: {"eps": 1}})
    again = replace(job, now=job.now + timedelta(minutes=2))
    assert import_bars(again, lambda: a_market(tmp_path, **{f"d{day:%Y%m%d}": 0.123}), ([], "")).columns == {}


def test_the_hash_of_a_sweep_covers_the_columns_of_all_its_strategies(tmp_path: Path) -> None:
    source = a_market(tmp_path)
    late = a_strategy(tmp_path, EARNINGS)
    soon = a_strategy(tmp_path, EARNINGS.replace("days=45", "days=5").replace('name="earnings"', 'name="soon"'))

    def digest(*strategies: Strategy) -> str:
        grid = Grid(accounts=(source.symbols(),), strategies=strategies, sizings=(SIZING,), costs=(Costs(),))
        job = a_job_on(source, tmp_path / "home", strategies[0])
        return sweep(job, (points(grid), None), lambda: source, Here(threads=1)).data_sha256

    alone = {strategy: digest(strategy) for strategy in (late, soon, VOL_TARGET)}
    pairs = [digest(late, soon), digest(late, VOL_TARGET), digest(soon, VOL_TARGET)]
    assert len({*alone.values(), *pairs}) == 6
    assert pairs[0] == digest(soon, late)
    job = a_job_on(source, tmp_path / "home", late)
    assert backtest(job, Window(strategies=(late,), start=None), lambda: source).data_sha256 == alone[late]
