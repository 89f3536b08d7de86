import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.database import connect
from strategy.signals import Strategy
from tasks.backtest import Window, WindowRefused, backtest, backtest_json
from tasks.challenge import challenge
from tasks.saved import equity_table, save
from tasks.validate import NothingPublishable
from tests.fakes.bars import COIN, PAIR, UNBORN, FakeBars, Fault
from tests.fakes.jobs import a_job, on, policy, promote
from tests.fakes.ledgers import TABLES, contents

START, END = date(2020, 6, 8), date(2020, 8, 31)
RULES = Window(strategies=(Strategy.RULES, Strategy.HOLD), start=START)


def test_costs_only_cost_and_benchmarks_are_beside_it(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), RULES, lambda: PAIR)
    assert (tested.dates[0], tested.dates[-1], len(tested.dates)) == (START, END, 85)
    last = {one.label: one.replay.snapshots[-1].equity for one in (tested.gross, tested.net, tested.net_2x_cost)}
    assert last["gross"] > last["net"] > last["net at twice the cost"]
    assert set(tested.benchmarks) == {"hold"}
    assert not tested.gross.replay.entries or all(entry.cash == 0 for entry in tested.gross.replay.entries)


def test_a_backtest_touches_no_account_and_counts_itself_once(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END)
    assert backtest(job, RULES, lambda: PAIR).trials == 1
    told = contents(tmp_path)
    assert {table for table in TABLES if told[table]} == {"instruments", "bars"}
    assert backtest(replace(job, run_id="again"), RULES, lambda: PAIR).trials == 1
    changed = replace(job, policy=replace(job.policy, config='{"target_annual_vol": 0.2}'))
    assert backtest(changed, RULES, lambda: PAIR).trials == 2
    baseline = replace(job, policy=policy(Strategy.HOLD))
    assert backtest(baseline, Window(strategies=(Strategy.HOLD,), start=START), lambda: PAIR).trials is None


def test_nothing_after_the_end_is_read_or_judged(tmp_path: Path) -> None:
    later = PAIR.faulty(Fault(symbol="TOKEN", day=date(2020, 9, 1), column="close", value=-1.0))
    job = a_job(tmp_path, PAIR.symbols(), END)
    tested = backtest(job, RULES, lambda: later)
    assert tested.symbols == ("SHARE", "TOKEN")
    clean = backtest(a_job(tmp_path / "clean", PAIR.symbols(), END), RULES, lambda: PAIR)
    assert tested.data_sha256 == clean.data_sha256
    with connect(tmp_path) as store:
        assert store.execute("SELECT max(open_time)::DATE FROM bars").fetchone() == (END,)


def test_a_symbol_that_is_held_back_is_left_out_with_a_warning(tmp_path: Path) -> None:
    spoiled = PAIR.faulty(Fault(symbol="SHARE", day=date(2020, 7, 1), column="close", value=-1.0))
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), RULES, lambda: spoiled)
    assert tested.symbols == ("TOKEN",)
    assert tested.warnings[0].startswith("SHARE on 2020-07-01: 1 of the four prices are not positive")
    assert tested.warnings[0].endswith("it is left out")
    with pytest.raises(NothingPublishable, match="nothing can be tested: SHARE on 2020-07-01"):
        backtest(a_job(tmp_path, ("SHARE",), END), RULES, lambda: spoiled)


def test_windows_that_hold_nothing_to_test_are_refused(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END)
    late = replace(RULES, start=date(2020, 9, 1))
    with pytest.raises(WindowRefused, match=r"no bar of SHARE, TOKEN lies between 2020-09-01 and 2020-08-31"):
        backtest(job, late, lambda: PAIR)
    young = a_job(tmp_path, ("UNBORN",), END)
    with pytest.raises(WindowRefused, match="rules needs 127 bars of a symbol before it trades, and by 2020-08-31"):
        backtest(young, replace(RULES, start=None), lambda: FakeBars(listings=(UNBORN,)))
    unborn = a_job(tmp_path / "before", ("UNBORN",), START)
    with pytest.raises(WindowRefused, match="choose a later --end-date"):
        backtest(unborn, replace(RULES, start=None), lambda: FakeBars(listings=(UNBORN,)))


def test_a_window_that_the_model_has_seen_is_refused(tmp_path: Path) -> None:
    market = FakeBars(listings=(COIN,))
    job = a_job(tmp_path, ("COIN",), START, Strategy.TURBO)
    window = Window(strategies=(Strategy.TURBO,), start=date(2020, 6, 9))
    tested = backtest(on(job, END), window, lambda: market)
    assert tested.model_id is None
    assert "turbo trades its prior" in " ".join(tested.warnings)
    model = challenge(job, None, job.as_of).record
    promote(job, model.model_id)
    assert backtest(on(job, END), window, lambda: market).model_id == model.model_id
    with pytest.raises(WindowRefused, match="the window from 2020-06-08 overlaps the training of model"):
        backtest(on(job, END), replace(window, start=START), lambda: market)


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path / "home", PAIR.symbols(), END), RULES, lambda: PAIR)
    files = save(tested, tmp_path / "results")
    assert [Path(file).name for file in files] == ["equity.parquet", "trades.parquet", "report.html"]
    equity, trades = pd.read_parquet(files[0]), pd.read_parquet(files[1])
    assert list(equity) == [
        *("as_of", "equity", "drawdown", "exposure", "exposure_SHARE", "exposure_TOKEN", "regime"),
    ]
    assert not equity.isna().any(axis=None)
    assert len(equity) == len(tested.dates)
    assert equity["equity"].iloc[-1] == float(tested.net.replay.snapshots[-1].equity)
    assert np.allclose(equity["exposure"], equity["exposure_SHARE"].abs() + equity["exposure_TOKEN"].abs())
    assert len(trades) == len(tested.net.replay.fills)
    assert (pd.to_datetime(trades["decided_on"]) < pd.to_datetime(trades["as_of"])).all()
    assert Path(files[2]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_answer_is_json_without_numbers_that_are_none(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), RULES, lambda: PAIR)
    answer = json.loads(json.dumps(backtest_json(tested, ["a"]), allow_nan=False))
    assert answer["symbols"] == ["SHARE", "TOKEN"]
    assert (answer["start"], answer["end"], answer["bars"]) == ("2020-06-08", "2020-08-31", 85)
    for figures in (answer["gross"], answer["net"], answer["net_2x_cost"], answer["benchmarks"]["hold"]["net"]):
        assert set(figures) == {
            *("total_return", "cagr", "annual_vol", "sharpe", "sortino", "max_drawdown", "win_rate"),
            "turnover_per_year",
        }
    final = tested.net.replay.snapshots[-1].equity
    assert answer["net"]["total_return"] == pytest.approx(float(final / Decimal(10_000)) - 1)


def test_the_saved_exposure_is_what_was_decided_at_that_close(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), RULES, lambda: PAIR)
    saved = equity_table(tested).set_index("as_of")
    decided = [one for one in tested.net.replay.decisions if one.exposure is not None]
    assert decided
    for decision in decided:
        assert saved.loc[decision.as_of, f"exposure_{decision.symbol}"] == decision.exposure
    saturday, friday = date(2020, 7, 18), date(2020, 7, 17)
    assert saved.loc[saturday, "exposure_SHARE"] == saved.loc[friday, "exposure_SHARE"]
    held = equity_table(replace(tested, net=tested.benchmarks["hold"])).set_index("as_of")
    last = tested.benchmarks["hold"].replay.snapshots[-1]
    assert held["exposure_TOKEN"].iloc[-1] == float(last.account.positions["TOKEN"].value / last.equity)
