"""The sweep through its tasks: what is counted, left out, refused and written down."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.bars import universe
from storage.database import connect
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import RULES, TURBO, VOL_TARGET
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Grid, Point, points
from strategy.market.instruments import Membership
from tasks.backtest.run import Window, backtest
from tasks.backtest.sweep import sweep
from tasks.backtest.sweep_answer import save, sweep_answer
from tasks.parallel.runner import Here
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable
from testing.markets.bars import PAIR, UNBORN, FakeBars, Fault
from testing.runs.jobs import SIZING, a_job

START, END = date(2020, 6, 8), date(2020, 8, 31)
AIMS = (0.1, 0.2, 0.3, 0.4)


def a_grid(*accounts: tuple[str, ...]) -> tuple[Point, ...]:
    """Rules and momentum of four aims at two costs."""
    return points(
        Grid(
            accounts=accounts,
            strategies=(RULES, VOL_TARGET),
            sizings=tuple(replace(SIZING, target_annual_vol=aim) for aim in AIMS),
            costs=(Costs(), Costs(fee_bps=Decimal(20))),
        )
    )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path / "home", PAIR.symbols(), END)


def test_every_point_is_a_row_and_a_trial(job: Job, tmp_path: Path) -> None:
    swept = sweep(job, (a_grid(("TOKEN",)), START), lambda: PAIR, Here(threads=2))
    answer = json.loads(sweep_answer(swept, save(swept, tmp_path / "out")).to_json())
    assert (answer["start"], answer["end"], answer["bars"]) == ("2020-06-08", "2020-08-31", 85)
    assert (answer["points"], answer["trials"], len(answer["top"])) == (16, 16, 10)
    assert answer["varied"] == ["strategy", "target_annual_vol"]
    table = pd.read_parquet(answer["table"])
    assert len(table) == 16
    assert table["sharpe"].is_monotonic_decreasing
    assert table["neutral_zone"].isna().tolist() == (table["strategy"] == "vol-target").tolist()
    assert answer["best"] == {**answer["top"][0], "exact": answer["best"]["exact"]}
    assert answer["best"]["sharpe"] == table["sharpe"].iloc[0]
    assert answer["best"]["exact"]["sharpe"] == pytest.approx(answer["best"]["sharpe"], abs=1e-4)
    assert 0 <= answer["pbo"] <= 1
    assert 0 <= answer["deflated_sharpe"] <= 1
    assert answer["luckiest_sharpe"] > 0
    # Looked at again, nothing is counted twice.
    again = sweep(job, (a_grid(("TOKEN",)), START), lambda: PAIR, Here(threads=1))
    assert again.tried == swept.tried
    assert np.array_equal(again.net, swept.net)


def test_a_backtest_of_a_point_is_no_further_trial(job: Job) -> None:
    config = {"target_annual_vol": 0.35, "max_position_size": 2.0, "neutral_zone": 0.03, "lookback_period": 20}
    config |= {"fee_bps": None, "slippage_bps": None, "financing_rate": 0.05, "capital": "10000"}
    settled = replace(job, symbols=("TOKEN",), policy=replace(job.policy, config=json.dumps(config)))
    point = Point(symbols=("TOKEN",), strategy=RULES, sizing=SIZING, costs=Costs())
    swept = sweep(settled, ((point,), START), lambda: PAIR, Here(threads=1))
    assert swept.tried.count == 1
    tested = backtest(settled, Window(strategies=(RULES,), start=START), lambda: PAIR)
    assert tested.trials == 1
    assert swept.exact == tested.net.metrics
    # The prior is not what `turbo` is in a backtest: its networks are another configuration.
    prior = replace(point, strategy=TURBO)
    deep = a_job(settled.home, ("TOKEN",), date(2020, 12, 31))
    late = sweep(replace(deep, policy=settled.policy), ((prior,), date(2020, 11, 1)), lambda: PAIR, Here(threads=1))
    assert late.tried.count == 1
    with connect(settled.home) as store:
        configs = [json.loads(text) for (text,) in store.execute("SELECT config FROM trials").fetchall()]
    assert sorted(one["strategy"] for one in configs) == ["prior", "rules"]
    assert all("drawdown_start" not in one for one in configs)


def test_accounts_on_other_calendars_share_their_days(job: Job) -> None:
    swept = sweep(job, (a_grid(("SHARE",), ("TOKEN",), ("SHARE", "TOKEN")), START), lambda: PAIR, Here(threads=2))
    assert swept.net.shape == (84, 48)
    weekend = [day.weekday() >= 5 for day in swept.dates[1:]]
    column = next(n for n, result in enumerate(swept.results) if result.point.symbols == ("SHARE",))
    assert not swept.net[weekend, column].any()
    assert swept.tried.count == 48
    with connect(job.home) as store:
        held = store.execute("SELECT symbols, count(*) FROM trials GROUP BY symbols ORDER BY symbols").fetchall()
    assert held == [('["SHARE", "TOKEN"]', 16), ('["SHARE"]', 16), ('["TOKEN"]', 16)]


def test_a_symbol_that_is_held_back_is_left_out_of_its_accounts(job: Job) -> None:
    spoiled = PAIR.faulty(Fault(symbol="SHARE", day=date(2020, 7, 1), column="close", value=-1.0))
    both = a_grid(("SHARE",), ("SHARE", "TOKEN"), ("TOKEN",))
    swept = sweep(job, (both, START), lambda: spoiled, Here(threads=1))
    assert {result.point.symbols for result in swept.results} == {("TOKEN",)}
    assert len(swept.results) == 16
    assert swept.warnings[0].endswith("it is left out")
    only = a_job(job.home, ("SHARE",), END)
    with pytest.raises(NothingPublishable, match="nothing can be tested: SHARE on 2020-07-01"):
        sweep(only, (a_grid(("SHARE",)), START), lambda: spoiled, Here(threads=1))


def test_several_symbols_without_a_universe_are_told_to_be_chosen_in_hindsight(job: Job) -> None:
    told = "no universe is kept of this source: symbols chosen today may be the survivors; see `turbodmt universe`"
    window = Window(strategies=(RULES,), start=START)
    assert told in backtest(job, window, lambda: PAIR).warnings
    assert told in sweep(job, (a_grid(("SHARE", "TOKEN"))[:2], START), lambda: PAIR, Here(threads=1)).warnings
    # The best of many symbols is a choice as well.
    assert told in sweep(job, (a_grid(("SHARE",), ("TOKEN",)), START), lambda: PAIR, Here(threads=1)).warnings
    assert told not in sweep(job, (a_grid(("TOKEN",))[:2], START), lambda: PAIR, Here(threads=1)).warnings
    with connect(job.home) as store:
        everyone = {symbol: (Membership(first=date(2019, 11, 1), last=None),) for symbol in ("SHARE", "TOKEN")}
        universe.replace(store, job.source, everyone)
    kept = sweep(job, (a_grid(("SHARE", "TOKEN"))[:2], START), lambda: PAIR, Here(threads=1))
    assert told not in kept.warnings


def test_windows_that_hold_nothing_to_sweep_are_refused(job: Job, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TOKEN has 0 bars from 2020-09-01 on and a sweep needs 2"):
        sweep(job, (a_grid(("TOKEN",)), date(2020, 9, 1)), lambda: PAIR, Here(threads=1))
    young = a_job(tmp_path / "young", ("UNBORN",), END)
    with pytest.raises(UsageError, match="the history of UNBORN is too short: rules needs 127 bars"):
        sweep(young, (a_grid(("UNBORN",)), None), lambda: FakeBars(listings=(UNBORN,)), Here(threads=1))


def test_more_returns_than_memory_holds_are_refused(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.backtest.sweep.MOST_RETURNS", 1_000)
    with pytest.raises(UsageError, match="16 points on 85 days make 1,360 returns, and 1,000 can be held"):
        sweep(job, (a_grid(("TOKEN",)), START), lambda: PAIR, Here(threads=1))
    monkeypatch.undo()
    monkeypatch.setattr("tasks.backtest.sweep.MOST_ESTIMATES", 1_000)
    with pytest.raises(UsageError, match="2 strategies with their parameters make 1,700 estimates"):
        sweep(job, (a_grid(("TOKEN",)), START), lambda: PAIR, Here(threads=1))


def test_a_sweep_of_one_point_or_few_days_has_no_pbo(job: Job) -> None:
    one = sweep(job, (a_grid(("TOKEN",))[:1], START), lambda: PAIR, Here(threads=1))
    assert sweep_answer(one, ()).json_values()["pbo"] is None
    short = sweep(job, (a_grid(("TOKEN",)), date(2020, 8, 10)), lambda: PAIR, Here(threads=1))
    answer = sweep_answer(short, ()).json_values()
    assert answer["pbo"] is None
    assert isinstance(answer["deflated_sharpe"], float)
