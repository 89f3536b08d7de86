import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.bars import universe
from storage.database import connect
from strategy.builtin.registry import HOLD, RULES, TURBO, VOL_TARGET
from strategy.exit_codes import UsageError
from strategy.market.instruments import Membership
from strategy.portfolio.decision import Status
from tasks.backtest.answer import backtest_answer
from tasks.backtest.export import equity_table, save
from tasks.backtest.exposures import days_read
from tasks.backtest.run import Window, backtest
from tasks.models.challenger import challenge
from tasks.models.load import stored_model
from tasks.validation.gate import NothingPublishable
from testing.accounts.ledgers import TABLES, contents
from testing.markets.bars import COIN, PAIR, TOKEN, UNBORN, FakeBars, Fault
from testing.runs.jobs import a_job, policy, promote
from testing.runs.sown_bars import SOWN, SownBars, a_sown_job

START, END = date(2020, 6, 8), date(2020, 8, 31)
BESIDE_HOLD = Window(strategies=(RULES, HOLD), start=START)


def test_costs_only_cost_and_benchmarks_are_beside_it(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), BESIDE_HOLD, lambda: PAIR)
    assert (tested.dates[0], tested.dates[-1], len(tested.dates)) == (START, END, 85)
    last = {one.label: one.replay.snapshots[-1].equity for one in (tested.gross, tested.net, tested.net_2x_cost)}
    assert last["gross"] > last["net"] > last["net at twice the cost"]
    assert set(tested.benchmarks) == {"hold"}
    assert not tested.gross.replay.entries or all(entry.cash == 0 for entry in tested.gross.replay.entries)


def test_a_backtest_touches_no_account_and_counts_itself_once(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END)
    assert backtest(job, BESIDE_HOLD, lambda: PAIR).trials == 1
    told = contents(tmp_path)
    assert {table for table in TABLES if told[table]} == {"instruments", "bars"}
    assert backtest(replace(job, run_id="again"), BESIDE_HOLD, lambda: PAIR).trials == 1
    changed = replace(job, policy=replace(job.policy, config='{"target_annual_vol": 0.2}'))
    assert backtest(changed, BESIDE_HOLD, lambda: PAIR).trials == 2
    baseline = replace(job, policy=policy(HOLD))
    assert backtest(baseline, Window(strategies=(HOLD,), start=START), lambda: PAIR).trials == 3
    # It counts as one more, and is none itself.
    assert backtest(changed, BESIDE_HOLD, lambda: PAIR).trials == 2


def test_nothing_after_the_end_is_read_or_judged(tmp_path: Path) -> None:
    later = PAIR.faulty(Fault(symbol="TOKEN", day=date(2020, 9, 1), column="close", value=-1.0))
    job = a_job(tmp_path, PAIR.symbols(), END)
    tested = backtest(job, BESIDE_HOLD, lambda: later)
    assert tested.symbols == ("SHARE", "TOKEN")
    clean = backtest(a_job(tmp_path / "clean", PAIR.symbols(), END), BESIDE_HOLD, lambda: PAIR)
    assert tested.data_sha256 == clean.data_sha256
    with connect(tmp_path) as store:
        assert store.execute("SELECT max(open_time)::DATE FROM bars").fetchone() == (END,)


def test_a_symbol_that_is_held_back_is_left_out_with_a_warning(tmp_path: Path) -> None:
    spoiled = PAIR.faulty(Fault(symbol="SHARE", day=date(2020, 7, 1), column="close", value=-1.0))
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), BESIDE_HOLD, lambda: spoiled)
    assert tested.symbols == ("TOKEN",)
    assert tested.warnings[0].startswith("SHARE on 2020-07-01: open, high, low or close is not a positive")
    assert tested.warnings[0].endswith("it is left out")
    with pytest.raises(NothingPublishable, match="nothing can be tested: SHARE on 2020-07-01"):
        backtest(a_job(tmp_path, ("SHARE",), END), BESIDE_HOLD, lambda: spoiled)


def test_windows_that_hold_nothing_to_test_are_refused(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END)
    late = replace(BESIDE_HOLD, start=date(2020, 9, 1))
    with pytest.raises(UsageError, match=r"no bar of SHARE, TOKEN lies between 2020-09-01 and 2020-08-31"):
        backtest(job, late, lambda: PAIR)
    young = a_job(tmp_path, ("UNBORN",), END)
    with pytest.raises(UsageError, match="rules needs 127 bars of a symbol before it trades, and by 2020-08-31"):
        backtest(young, replace(BESIDE_HOLD, start=None), lambda: FakeBars(listings=(UNBORN,)))
    unborn = a_job(tmp_path / "before", ("UNBORN",), START)
    with pytest.raises(UsageError, match="choose a later --end-date"):
        backtest(unborn, replace(BESIDE_HOLD, start=None), lambda: FakeBars(listings=(UNBORN,)))


def test_turbo_trades_each_year_by_the_signals_of_its_fold(tmp_path: Path) -> None:
    job, source = a_sown_job(tmp_path, date(2000, 2, 29)), SownBars(bars=SOWN)
    window = Window(strategies=(TURBO, RULES), start=date(1999, 12, 1))
    told: list[str] = []
    tested = backtest(job, window, lambda: source, told.append)
    assert told == [
        "Training the fold of 1999 on bars up to 1998-12-24, 1 of 2.",
        "Training the fold of 2000 on bars up to 1999-12-24, 2 of 2.",
    ]
    assert [fold.promoted for fold in tested.folds] == [True, True]
    assert tested.model_id is None
    hindsight, limited = tested.warnings
    assert hindsight.startswith("no universe is kept of this source:")
    # Quiet bars: the target would take more than twice the equity.
    assert limited.startswith("limits decided on 56 of 65 days, not target_annual_vol 0.35")
    by_fold = [stored_model(tmp_path, TURBO, fold.model_id).forecast(SOWN) for fold in tested.folds if fold.model_id]
    days = {symbol: series.open_time.astype("M8[D]").tolist() for symbol, series in SOWN.items()}
    decided = [decision for decision in tested.net.replay.decisions if decision.status is Status.TRADED]
    assert len(decided) == len(SOWN) * len(tested.dates)
    for one in decided:
        assert one.signal == by_fold[one.as_of.year - 1999][one.symbol][days[one.symbol].index(one.as_of)]
    folds = json.loads(backtest_answer(tested, ()).to_json())["folds"]
    assert [(one["start"], one["end"], one["fitted_to"]) for one in folds] == [
        ("1999-12-01", "1999-12-31", "1998-12-24"),
        ("2000-01-03", "2000-02-29", "1999-12-24"),
    ]
    told.clear()
    year = backtest(replace(job, run_id="again"), replace(window, start=date(2000, 1, 3)), lambda: source, told.append)
    assert (told, year.folds, year.model_id) == ([], tested.folds[1:], tested.folds[1].model_id)


def test_turbo_without_history_trades_its_prior_and_says_so(tmp_path: Path) -> None:
    market = FakeBars(listings=(COIN,))
    job = a_job(tmp_path, ("COIN",), END, TURBO)
    tested = backtest(job, Window(strategies=(TURBO,), start=START), lambda: market)
    answer = backtest_answer(tested, ()).json_values()
    assert answer["model_id"] is None
    assert tested.warnings == (f"the prior traded 1 of 1 folds of turbo (2020): {tested.folds[0].reason}",)
    assert tested.folds[0].reason.startswith("not enough history to train: 725 bars give 151 training windows")
    assert backtest(replace(job, policy=policy(RULES)), BESIDE_HOLD, lambda: market).folds == ()


def test_a_promoted_model_of_today_does_not_trade_the_past(tmp_path: Path) -> None:
    market = FakeBars(listings=(COIN,))
    job = a_job(tmp_path, ("COIN",), END, TURBO)
    window = Window(strategies=(TURBO,), start=START)
    before = backtest(job, window, lambda: market)
    promote(job, challenge(job, None, job.as_of).record.model_id)
    after = backtest(replace(job, run_id="again"), window, lambda: market)
    assert (after.folds, after.net) == (before.folds, before.net)


def test_a_backtest_waits_for_no_torch_where_nothing_is_to_be_fitted() -> None:
    """A repeat imports what the module imports; tests/tasks/backtest/test_walk_forward.py shows: it runs no network."""
    seen = "import sys, tasks.backtest.run; print(sorted({'torch', 'numba'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path / "home", PAIR.symbols(), END), BESIDE_HOLD, lambda: PAIR)
    files = save(tested, tmp_path / "results", tested.job.now)
    assert [Path(file).name for file in files] == ["equity.parquet", "trades.parquet", "report.html", "run.json"]
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
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), BESIDE_HOLD, lambda: PAIR)
    answer = json.loads(backtest_answer(tested, ["a"]).to_json())
    assert answer["symbols"] == ["SHARE", "TOKEN"]
    assert (answer["start"], answer["end"], answer["bars"]) == ("2020-06-08", "2020-08-31", 85)
    for figures in (answer["gross"], answer["net"], answer["net_2x_cost"], answer["benchmarks"]["hold"]["net"]):
        assert set(figures) == {
            *("total_return", "cagr", "annual_vol", "sharpe", "sortino", "max_drawdown", "win_rate"),
            *("turnover_per_year", "sharpe_raw", "rate_mean"),
        }
    final = tested.net.replay.snapshots[-1].equity
    assert answer["net"]["total_return"] == pytest.approx(float(final / Decimal(10_000)) - 1)


def test_the_saved_exposure_is_what_was_decided_at_that_close(tmp_path: Path) -> None:
    tested = backtest(a_job(tmp_path, PAIR.symbols(), END), BESIDE_HOLD, lambda: PAIR)
    saved = equity_table(tested, days_read(tested)).set_index("as_of")
    decided = [decision for decision in tested.net.replay.decisions if decision.exposure is not None]
    assert decided
    for decision in decided:
        assert saved.loc[decision.as_of, f"exposure_{decision.symbol}"] == decision.exposure
    saturday, friday = date(2020, 7, 18), date(2020, 7, 17)
    assert saved.loc[saturday, "exposure_SHARE"] == saved.loc[friday, "exposure_SHARE"]
    rival = replace(tested, net=tested.benchmarks["hold"])
    held = equity_table(rival, days_read(rival)).set_index("as_of")
    last = tested.benchmarks["hold"].replay.snapshots[-1]
    assert held["exposure_TOKEN"].iloc[-1] == float(last.account.positions["TOKEN"].value / last.equity)


def test_where_a_universe_is_kept_no_hindsight_is_suspected_and_outsiders_are_not_held(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END, strategy=VOL_TARGET)
    window = Window(strategies=(VOL_TARGET,), start=START)
    suspected = backtest(job, window, lambda: PAIR)
    with connect(job.home) as store:
        universe.replace(store, job.source, {"TOKEN": (Membership(first=date(2000, 1, 1)),)})
    known = backtest(job, window, lambda: PAIR)
    assert any("no universe is kept" in warning for warning in suspected.warnings)
    assert not any("no universe is kept" in warning for warning in known.warnings)
    assert {fill.symbol for fill in suspected.net.replay.fills} == {"SHARE", "TOKEN"}
    assert {fill.symbol for fill in known.net.replay.fills} == {"TOKEN"}


def test_a_window_before_the_universe_holds_a_symbol_is_refused_as_such(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("TOKEN",), END, strategy=HOLD)
    with connect(job.home) as store:
        universe.replace(store, job.source, {"TOKEN": (Membership(first=date(2020, 9, 1)),)})
    told = r"universe contains none of TOKEN between 2020-06-08 and 2020-08-31; .* correct it with `turbodmt universe`"
    with pytest.raises(UsageError, match=told):
        backtest(job, Window(strategies=(HOLD,), start=START), lambda: FakeBars(listings=(TOKEN,)))


@pytest.mark.parametrize(
    ("most", "aim", "limit"), [(0.1, 0.35, "max_position_size (0.1 times equity)"), (4.0, 9.0, "at most 2")]
)
def test_a_backtest_names_the_target_that_its_limits_reach(tmp_path: Path, most: float, aim: float, limit: str) -> None:
    job = a_job(tmp_path, PAIR.symbols(), END)

    def told(target: float, band: float, run_id: str) -> list[str]:
        sizing = replace(job.policy.sizing, max_position_size=most, target_annual_vol=target, rebalance_band=band)
        again = replace(job, policy=replace(job.policy, sizing=sizing), run_id=run_id)
        tested = backtest(again, Window(strategies=(VOL_TARGET,), start=START), lambda: PAIR)
        return [warning for warning in tested.warnings if warning.startswith("limits decided on")]

    (warning,) = told(aim, 0.0, "first")
    assert limit in warning
    assert ("raising max_position_size changes nothing" in warning) is (most == 4.0)
    # A position that a band keeps was asked for all the same.
    assert told(aim, 0.05, "banded") == [warning]
    reached = re.search(r"the account ran at ([0-9.]+), the median", warning)
    assert reached
    # That target is not limited any more.
    days = told(0.9 * float(reached[1]), 0.0, "again")
    assert not days or int(days[0].split()[3]) < 42
