"""Robustness of a backtest: it is recorded as a trial and judged against all trials recorded before."""

import json
from collections.abc import Mapping

import numpy as np

from storage.database import connect
from storage.models import trials
from storage.models.trials import Trial
from strategy.backtest.day_loop import Replay
from strategy.evaluation.deflated_sharpe import TrialLog
from strategy.evaluation.metrics import excess_returns, moving_days
from strategy.evaluation.robustness import RobustnessReport, assess_robustness
from strategy.evaluation.sharpe import sharpe
from strategy.evaluation.sharpe_tests import MIN_DAYS
from strategy.market.bars import FloatArray
from strategy.market.instruments import Instrument, account_days_per_year
from tasks.backtest.measured import cash_of, equity_of
from tasks.run.job import Job
from tasks.run.trial_key import account_version, configuration, is_trial


def judged(
    job: Job, net: Replay, benchmarks: Mapping[str, Replay], instruments: Mapping[str, Instrument]
) -> tuple[int, RobustnessReport | None]:
    """Return the number of trials on these instruments and days, with this one, and the robustness of the net returns.

    A baseline that is not tuned is no trial, but it is judged as one more beside those that are known.

    Returns are those above the risk-free rate, of the account and of its benchmarks alike. The report is None where
    `strategy.evaluation.robustness` has too little to judge.
    """
    known = _counted(job, net, _returns(net, job, least=1), tuple(instruments))
    found = assess_robustness(
        _returns(net, job, MIN_DAYS),
        {name: _returns(replay, job, MIN_DAYS) for name, replay in benchmarks.items()},
        known,
        days_per_year=account_days_per_year(frozenset(instrument.calendar for instrument in instruments.values())),
        seed=job.policy.recipe.seed,
    )
    return known.count, found


def _counted(job: Job, net: Replay, returns: FloatArray, symbols: tuple[str, ...]) -> TrialLog:
    """Return all trials on these symbols and days, with this one, which is recorded if it is one."""
    ratio, settings, strategy = sharpe(returns, 1), json.loads(job.policy.config), job.policy.strategy
    trial = Trial(
        symbols=symbols,
        start=net.dates[0],
        end=net.dates[-1],
        config=configuration(settings, strategy, symbols),
        recorded_at=job.now,
        sharpe=ratio,
        days=None if ratio is None else len(returns),
        account_version=account_version(job.policy.costs),
    )
    with connect(job.home) as store:
        if is_trial(settings, strategy, symbols):
            trials.record(store, trial)
        log = trials.tried(store, trial)
        if trials.is_tried(store, trial):
            return log
    return TrialLog(count=log.count + 1, sharpes=log.sharpes if ratio is None else (*log.sharpes, ratio))


def _returns(replayed: Replay, job: Job, least: int) -> FloatArray:
    """Return the account's excess returns; zeros if it moved on fewer than `least` days: interest is no evidence."""
    equity, cash = equity_of(replayed), cash_of(replayed, job.policy.costs.financing)
    excess = excess_returns(equity, cash)
    return excess if int(moving_days(equity, cash).sum()) >= least else np.zeros_like(excess)
