"""Look-ahead audit: every feature, estimate, decision and trade of every strategy, on the job's own bars."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from exchange.ports import BarSource
from strategy.account.quotes import quotes_by_date
from strategy.audit.account import Trading, accounts, fills
from strategy.audit.lookahead import Checked, Market, decisions, estimates, feature_values, input_values, lookahead
from strategy.backtest.day_loop import Replay, replay
from strategy.builtin.registry import TURBO
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.features import FEATURE_BARS
from strategy.signals.outlook import Forecaster, symbol_signals
from strategy.signals.strategies import Strategy
from tasks.audit.window import Audited, AuditRefused, AuditRequest, ChecksAnswer, answered, audited, promoted, spread
from tasks.models.load import forecaster
from tasks.run.job import Job

if TYPE_CHECKING:
    from strategy.audit.folds import Teacher
    from strategy.training.walk_forward import Fold

#: Account days that the audit's replays cover: the newest of the window.
ACCOUNT_DAYS = 504
#: A network forecasts every row after a date, so it is audited only on dates among the newest of the window.
MODEL_DAYS, MODEL_DATES = 42, 8
#: Number of walk-forward folds whose training input is audited.
FOLDS = 3


def look_ahead(job: Job, request: AuditRequest, open_source: Callable[[], BarSource]) -> ChecksAnswer:
    """Return the answer of `turbodmt audit lookahead`. Raises AuditFailed, AuditRefused and what `audited` raises."""
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
    for strategy in request.strategies:
        checks += _of_strategy(known, strategy, candidates, days)
    warnings: tuple[str, ...] = ()
    if any(strategy.learner for strategy in request.strategies):
        model_id, absent = promoted(known)
        if model_id is not None:
            checks += _of_model(known, forecaster(job.home, model_id), candidates)
        taught, untaught = _folds(known)
        checks, warnings = [*checks, *taught], (*absent, *untaught)
    return answered(known, "lookahead", checks, warnings)


def _of_strategy(
    known: Audited, strategy: Strategy, candidates: Sequence[date], days: Sequence[date]
) -> tuple[Checked, ...]:
    """Audit a strategy without a model: its estimates, decisions, account under another future, and trades."""
    name = f"{strategy} (prior)" if strategy.learner else str(strategy)
    seed, dates = known.job.policy.recipe.seed, candidates[-ACCOUNT_DAYS:]
    calendars = {symbol: instrument.calendar for symbol, instrument in known.instruments.items()}

    def run(bars: Market, times: Decimal = Decimal(1)) -> Replay:
        view = aligned_signals(symbol_signals(bars, calendars, strategy), known.symbols)
        simulated = [day for day in account_dates(bars) if dates[0] <= day <= dates[-1]]
        quotes = quotes_by_date(bars, dates[0], dates[-1])
        return replay(view, quotes, simulated, known.job.policy.capital, known.account_config(strategy, times))

    snapshots = run(known.bars).snapshots
    trading = Trading(config=known.account_config(strategy), quotes=quotes_by_date(known.bars, dates[0], dates[-1]))
    return (
        lookahead(estimates(strategy, name, calendars), known.bars, days, seed),
        lookahead(
            decisions(known.account_config(strategy), name, snapshots), known.bars, spread(dates, len(days)), seed
        ),
        accounts(name, run, known.bars, spread(dates, 3)[:-1] or dates, seed),
        fills(name, lambda times: run(known.bars, times), trading),
    )


def _of_model(known: Audited, model: Forecaster | None, candidates: Sequence[date]) -> tuple[Checked, ...]:
    """Audit the estimates of the champion network on some of the newest dates."""
    calendars = {symbol: instrument.calendar for symbol, instrument in known.instruments.items()}
    claim = estimates(TURBO, "turbo (model)", calendars, model)
    days = spread(candidates[-MODEL_DAYS:], MODEL_DATES)
    return (lookahead(claim, known.bars, days, known.job.policy.recipe.seed),)


def _folds(known: Audited) -> tuple[tuple[Checked, ...], tuple[str, ...]]:
    """Audit the training input of some walk-forward folds, and return warnings; skip years with too little history."""
    # Imports torch, which no other audit needs.
    from strategy.audit.folds import folds, teacher
    from strategy.training.walk_forward import yearly
    from tasks.models.training_plan import settings_of, shape_of

    recipe = known.job.policy.recipe
    settings = settings_of(recipe)
    rule = settings.rule(shape_of(recipe))
    teach = teacher(known.account_config(TURBO), rule, settings)
    open_time = np.array(account_dates(known.bars), dtype="datetime64[us]")
    first, last = (np.datetime64(day, "us") for day in (known.dates[0], known.dates[-1]))
    plan = yearly(open_time, first, last)
    # The newest years have the longest past to learn from.
    chosen = [plan[place] for place in np.unique(np.linspace(len(plan) // 2, len(plan) - 1, FOLDS).astype(int))]
    taught = [fold for fold in chosen if _teachable(known.bars, teach, fold)]
    if not taught:
        return (), ("no year has history enough before it to train a network on, so no fold was audited",)
    return (folds(teach, known.bars, open_time, taught, rule),), ()


def _teachable(bars: Market, teach: "Teacher", fold: "Fold") -> bool:
    """Return whether the fold has enough history to train a network on."""
    try:
        teach(bars, fold.fitted_to)
    except ValueError:
        return False
    return True
