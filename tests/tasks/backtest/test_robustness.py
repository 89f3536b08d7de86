"""What a finished backtest is told of itself, and what the store remembers of it."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from storage.database import connect
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, constant
from strategy.account.state import Account, Snapshot
from strategy.backtest.day_loop import Replay
from strategy.builtin.registry import MOMENTUM, RULES, VOL_TARGET
from strategy.evaluation.robustness import RobustnessReport
from strategy.evaluation.sharpe import sharpe
from strategy.market.bars import FloatArray
from strategy.market.instruments import Calendar, Instrument
from tasks.backtest.answer import significance_answer
from tasks.backtest.robustness import judged
from tasks.run.job import Job
from testing.accounts.returns import universe
from testing.runs.jobs import a_job, policy

START = date(2019, 1, 1)
INSTRUMENTS = {"COIN": Instrument(symbol="COIN", calendar=Calendar.ALWAYS)}
NET, RIVAL = universe(1, days=400)


def account(returns: FloatArray) -> Replay:
    """An account that earned these returns, one a day."""
    equities = 10_000.0 * np.cumprod([1.0, *(1.0 + returns)])
    dates = [START + timedelta(days=day) for day in range(len(equities))]
    snapshots = [
        Snapshot(account=Account(as_of=day, cash=Decimal(equity)), equity=Decimal(equity), drawdown=0.0)
        for day, equity in zip(dates, equities.tolist(), strict=True)
    ]
    return Replay(snapshots=tuple(snapshots), decisions=(), orders=(), fills=(), entries=())


def with_target(job: Job, target: float) -> Job:
    return replace(job, policy=replace(job.policy, config=json.dumps({"target_annual_vol": target})))


def a_backtest(job: Job, returns: FloatArray) -> tuple[int | None, RobustnessReport | None]:
    return judged(job, account(returns), {"hold": account(RIVAL)}, INSTRUMENTS)


def test_a_backtest_is_a_trial_and_keeps_its_sharpe(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    count, found = a_backtest(job, NET)
    assert found is not None
    assert (count, found.trials, found.luckiest) == (1, 1, 0.0)
    assert found.sharpe == pytest.approx(sharpe(NET, 365))
    with connect(tmp_path) as store:
        kept = store.execute("SELECT symbols, start_date, end_date, sharpe, days FROM trials").fetchall()
    ends = (START, START + timedelta(days=400))
    assert kept == [('["COIN"]', *ends, pytest.approx(sharpe(NET, 1)), 400)]


def test_every_further_configuration_leaves_less_to_believe(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    _, alone = a_backtest(with_target(job, 0.2), NET)
    a_backtest(with_target(job, 0.3), -NET)
    count, found = a_backtest(with_target(job, 0.2), NET)
    assert alone is not None
    assert found is not None
    assert (count, found.trials, found.probabilistic) == (2, 2, alone.probabilistic)
    assert found.deflated < alone.deflated
    assert a_backtest(with_target(job, 0.2), NET) == (count, found)


def test_a_baseline_is_judged_but_no_trial(tmp_path: Path) -> None:
    job = replace(a_job(tmp_path, ("COIN",), date(2020, 6, 1)), policy=policy(MOMENTUM))
    count, found = a_backtest(job, NET)
    answer = significance_answer(found)
    assert answer is not None
    assert (count, answer.trials) == (1, 1)
    assert answer.deflated_sharpe == answer.probabilistic_sharpe
    # It counts as one more among those that are tried, and never for them.
    tried, _ = a_backtest(replace(job, policy=policy(RULES)), -NET)
    count, found = a_backtest(job, NET)
    assert found is not None
    assert (tried, count, found.trials) == (1, 2, 2)
    assert found.deflated < answer.deflated_sharpe
    # Tuned, it is a trial like any other.
    tuned = with_target(replace(job, policy=policy(VOL_TARGET)), 0.12)
    assert [a_backtest(tuned, NET)[0], a_backtest(job, NET)[0]] == [2, 3]


def test_an_account_that_never_moved_is_a_trial_of_which_nothing_is_known(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    count, found = a_backtest(with_target(job, 0.3), np.zeros(400))
    assert (count, found, significance_answer(found)) == (1, None, None)
    count, found = a_backtest(with_target(job, 0.2), NET)
    assert found is not None
    assert (count, found.trials) == (2, 2)
    assert found.luckiest > 0.0
    single, nothing = judged(job, account(np.zeros(0)), {}, INSTRUMENTS)
    assert (single, nothing) == (3, None)


def rated(job: Job) -> Job:
    """The job on an account that pays and earns dated rates."""
    terms = FinancingTerms(rates=constant(Decimal("0.04")), risk_free=constant(Decimal("0.04")))
    return replace(job, policy=replace(job.policy, costs=Costs(financing=terms)))


def test_the_account_and_its_benchmarks_are_judged_above_the_risk_free_rate(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    _, found = a_backtest(rated(job), NET)
    assert found is not None
    assert found.sharpe == pytest.approx(sharpe(NET - 0.04 / 365, 365))
    compared = found.against["hold"]
    assert compared is not None
    assert compared.rival_sharpe == pytest.approx(sharpe(RIVAL - 0.04 / 365, 365))


def test_a_trial_carries_the_version_of_its_account(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    a_backtest(with_target(job, 0.2), NET)
    a_backtest(rated(with_target(job, 0.3)), NET)
    with connect(tmp_path) as store:
        kept = store.execute("SELECT account_version FROM trials ORDER BY account_version").fetchall()
    assert kept == [(1,), (2,)]


def test_interest_is_no_evidence(tmp_path: Path) -> None:
    job = rated(a_job(tmp_path, ("COIN",), date(2020, 6, 1)))
    idle = np.full(400, 0.035 / 365)
    assert a_backtest(job, idle) == (1, None)
    traded = idle.copy()
    traded[-19:] += NET[-19:]
    assert a_backtest(job, traded)[1] is None
    # A resample can miss the few days that move.
    late = idle[:300].copy()
    late[-21:] += universe(1)[0][:21]
    assert judged(job, account(late), {}, INSTRUMENTS)[1] is None


def test_the_answer_has_the_keys_of_the_contract_and_is_json(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("COIN",), date(2020, 6, 1))
    benchmarks = {"hold": account(RIVAL), "momentum": account(np.zeros(400))}
    _, found = judged(job, account(NET), benchmarks, INSTRUMENTS)
    told = significance_answer(found)
    assert told is not None
    answer = json.loads(told.to_json())
    assert list(answer) == [
        *("sharpe", "low", "high", "probabilistic_sharpe", "deflated_sharpe", "luckiest_sharpe"),
        *("min_track_record_bars", "pbo", "spa_p", "against", "trials", "bars"),
    ]
    assert set(answer["against"]["hold"]) == {"difference", "low", "high", "p"}
    assert (answer["against"]["momentum"], answer["pbo"], answer["trials"], answer["bars"]) == (None, None, 1, 400)
