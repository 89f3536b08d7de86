"""Look-ahead audit: every feature, estimate, decision and trade of every strategy, on the job's own bars."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from exchange.ports import BarSource
from strategy.audit.account import Trading, accounts, fills
from strategy.audit.learners import fold_audit
from strategy.audit.lookahead import Checked, Market, decisions, estimates, feature_values, input_values, lookahead
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.features import FEATURE_BARS
from strategy.signals.forecaster import Forecaster
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.walk_forward import yearly
from tasks.audit.window import Audited, AuditRefused, AuditRequest, ChecksAnswer, answered, audited, promoted, spread
from tasks.data.own_columns import seen_by
from tasks.models.load import forecaster
from tasks.parallel.runner import Here, Runner
from tasks.run.job import Job
from tasks.strategies.audit_gate import Subject, examine

log = logging.getLogger(__name__)

#: Account days that the audit's replays cover: the newest of the window.
ACCOUNT_DAYS = 504
#: A model forecasts every row after a date, so it is audited only on dates among the newest of the window.
MODEL_DAYS, MODEL_DATES = 42, 8
#: Number of walk-forward folds whose training input is audited.
FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampled:
    """The market, the bars that each strategy sees of it, the account days to choose from, and those compared."""

    known: Audited
    seen: Mapping[Strategy, Market]
    candidates: Sequence[date]
    days: Sequence[date]


def look_ahead(
    job: Job, request: AuditRequest, open_source: Callable[[], BarSource], runner: Runner | None = None
) -> ChecksAnswer:
    """Return the answer of `turbodmt audit lookahead`; the runner shares the strategies, without one they run here.

    Raises AuditFailed, AuditRefused, and what `audited` and the runner raise.
    """
    known = audited(job, request.start, open_source)
    every = account_dates(known.bars)
    # Before the first feature there is little to compare; on the newest date there is no future to change.
    first = max(known.dates[0], every[min(FEATURE_BARS, len(every) - 1)])
    candidates = [day for day in every[:-1] if first <= day]
    if not candidates:
        raise AuditRefused(
            f"the history is too short: a look-ahead audit samples dates after {FEATURE_BARS} account days and before "
            f"{every[-1]}, and there are {len(every)}; choose a later --end-date or a source with more history"
        )
    seed = job.policy.recipe.seed
    days = spread(candidates, request.days)
    checks = [lookahead(claim, known.bars, days, seed) for claim in (feature_values(), input_values())]
    own = {part: None for strategy in request.strategies for part in strategy.parts if part.version}
    checks += [_of_own(known, part) for part in own]
    # Own columns are read from the store here: no worker has it.
    seen = {each: seen_by(each, job.home, job.source, known.bars) for each in request.strategies}
    sampled = _Sampled(known=known, seen=seen, candidates=candidates, days=days)
    with closing((runner or Here()).map(_of_strategy, request.strategies, sampled)) as found:
        checks += [check for strategy_checks in found for check in strategy_checks]
    warnings: tuple[str, ...] = ()
    for strategy in [strategy for strategy in request.strategies if strategy.learner]:
        model_id, absent = promoted(known, strategy)
        if model_id is not None:
            checks += _of_model(known, strategy, forecaster(job.home, strategy, model_id), candidates)
        taught, untaught = _folds(known, strategy)
        checks, warnings = [*checks, *taught], (*warnings, *absent, *untaught)
    return answered(known, "lookahead", checks, warnings)


def _of_own(known: Audited, strategy: Strategy) -> Checked:
    """Audit the code of a strategy of the user's own, and keep the verdict. Raises StrategyRefused."""
    job = known.job
    subject = Subject(home=job.home, source=job.source, symbols=known.symbols, strategy=strategy, at=job.now)
    found = examine(subject, seen_by(strategy, job.home, job.source, known.bars), log.info)
    return Checked(check="signal", subject=strategy.name, dates=found.coverage.cuts, differences=())


def _of_strategy(sampled: _Sampled, strategy: Strategy) -> tuple[Checked, ...]:
    """Audit a strategy without a model: its estimates, decisions, account under another future, and trades."""
    known, days = replace(sampled.known, bars=sampled.seen[strategy]), sampled.days
    name = f"{strategy} (prior)" if strategy.learner else str(strategy)
    seed, dates = known.job.policy.recipe.seed, sampled.candidates[-ACCOUNT_DAYS:]
    calendars = {symbol: instrument.calendar for symbol, instrument in known.instruments.items()}

    def run(bars: Market, times: Decimal = Decimal(1)) -> Replay:
        view = aligned_signals(symbol_signals(bars, calendars, strategy), known.symbols)
        simulated = [day for day in account_dates(bars) if dates[0] <= day <= dates[-1]]
        config = known.account_config(strategy, times)
        quotes = fill_quotes(bars, dates[0], dates[-1], config.terms)
        return replay(view, quotes, simulated, known.job.policy.capital, config)

    snapshots = run(known.bars).snapshots
    config = known.account_config(strategy)
    trading = Trading(config=config, quotes=fill_quotes(known.bars, dates[0], dates[-1], config.terms))
    return (
        lookahead(estimates(strategy, name, calendars), known.bars, days, seed),
        lookahead(
            decisions(known.account_config(strategy), name, snapshots), known.bars, spread(dates, len(days)), seed
        ),
        accounts(name, run, known.bars, spread(dates, 3)[:-1] or dates, seed),
        fills(name, lambda times: run(known.bars, times), trading),
    )


def _of_model(
    known: Audited, strategy: Strategy, model: Forecaster | None, candidates: Sequence[date]
) -> tuple[Checked, ...]:
    """Audit the estimates of the champion model on some of the newest dates."""
    calendars = {symbol: instrument.calendar for symbol, instrument in known.instruments.items()}
    claim = estimates(strategy, f"{strategy} (model)", calendars, model)
    days = spread(candidates[-MODEL_DAYS:], MODEL_DATES)
    return (lookahead(claim, known.bars, days, known.job.policy.recipe.seed),)


def _folds(known: Audited, strategy: Strategy) -> tuple[tuple[Checked, ...], tuple[str, ...]]:
    """Audit the training input of some walk-forward folds, and return warnings; skip years with too little history."""
    audit = fold_audit(strategy, known.job.policy.recipe, known.account_config(strategy))
    open_time = np.array(account_dates(known.bars), dtype="datetime64[us]")
    first, last = (np.datetime64(day, "us") for day in (known.dates[0], known.dates[-1]))
    plan = yearly(open_time, first, last)
    # The newest years have the longest past to learn from.
    chosen = [plan[place] for place in np.unique(np.linspace(len(plan) // 2, len(plan) - 1, FOLDS).astype(int))]
    taught = [fold for fold in chosen if audit.teachable(known.bars, fold)]
    if not taught:
        return (), (f"no year has history enough before it to train a model of {strategy} on, so no fold was audited",)
    return (replace(audit.check(known.bars, open_time, taught), subject=str(strategy)),), ()
