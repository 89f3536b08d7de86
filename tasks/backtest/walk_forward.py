"""Walk-forward: each year of a backtest is traded by the model trained on its past, or by the prior."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import numpy as np

from storage.database import Connection, connect
from storage.models import folds as fold_store
from strategy.market.session_dates import account_dates, session_date
from strategy.signals.strategies import Strategy
from strategy.training.walk_forward import decided_rows, histories, yearly
from strategy.work_progress import WorkName, WorkStep, one_of, told
from tasks.models.fold_models import Fitting, FoldRequest, History, KnownFold, extended, fit, fold_key, kept
from tasks.models.training_cost import foretell
from tasks.models.training_plan import demand_trainable, trainer_for
from tasks.parallel.runner import Here, Runner
from tasks.run.answers import Answer
from tasks.run.job import Job

log = logging.getLogger(__name__)

#: One training after the other in this process, which shows the steps of each.
HERE = Here()
FOLDS = WorkName(name="Walk-forward", unit="folds")


class FoldAnswer(Answer):
    """The days that one fold traded, and by what; the model is null if none could be trained."""

    start: date
    end: date
    fitted_to: date
    model_id: str | None
    promoted: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The folds of a window, and their models' signals by symbol and day; on all other days the prior trades.

    `refused` counts the signals of promoted models that broke a rule, so that the prior traded.
    """

    folds: tuple[FoldAnswer, ...]
    signals: Mapping[str, Mapping[date, float]]
    refused: int = 0


def walk(job: Job, history: History, notify: Callable[[str], None] = log.info, run: Runner = HERE) -> Walk:
    """Return the folds of the window by calendar year, with their signals; folds fitted before are read from the store.

    A fold does what the product would have done from scratch: its model is trained on the bars up to `fitted_to`
    and judged by the promotion gate as a single trial; with the trials counted in the store, an old fold would depend
    on what was tried later. The runner trains those that lack one; each is saved as soon as it and those before it are
    finished. `notify` is called before each is waited for. Raises TrainingRefused where the recipe, the device or a
    symbol admits no training at all.
    """
    demand_trainable(history.config.terms, history.bars)
    requested = _requested(job, history)
    with connect(job.home) as store:
        found = [_known(store, fold) for fold in requested]
    lacking = [number for number, fold in enumerate(found) if fold is None]
    if lacking:
        foretell(job, trainer_for(job), len(lacking))
    known = []
    with closing(run.map(fit, [requested[number] for number in lacking], Fitting(job=job, history=history))) as fits:
        for number, (fold, before) in enumerate(zip(requested, found, strict=True)):
            if before is None:
                count = f"{number + 1} of {len(requested)}"
                notify(f"Training the fold of {fold.start.year} on bars up to {fold.fitted_to}, {count}.")
                place = lacking.index(number)
                if not isinstance(run, Here):
                    # Trainings of this process report their own steps.
                    told(WorkStep(work=FOLDS, done=place, total=len(lacking)))
                with one_of(place + 1, len(lacking)):
                    known.append(kept(job, fold, next(fits)))
            else:
                known.append(extended(job, history, fold, before) if before.lacking(fold) else before)
    return _walked(requested, known, history)


def _walked(requested: Sequence[FoldRequest], known: Sequence[KnownFold], history: History) -> Walk:
    signals: dict[str, dict[date, float]] = {symbol: {} for symbol in history.bars}
    pairs = list(zip(requested, known, strict=True))
    for fold, own in pairs:
        if own.stored.verdict.promoted:
            for symbol, day, history_sha256 in fold.wanted:
                if (symbol, day, history_sha256) in own.signals:
                    signals[symbol][day] = own.signals[symbol, day, history_sha256]
    return Walk(
        folds=tuple(_traded(fold, own) for fold, own in pairs),
        signals=signals,
        refused=sum(len(own.lacking(fold)) for fold, own in pairs),
    )


def _requested(job: Job, history: History) -> tuple[FoldRequest, ...]:
    bars = history.bars
    dates = np.array(account_dates(bars), dtype="M8[us]")
    known = histories(bars)
    plan = yearly(dates, np.datetime64(history.start, "us"), np.datetime64(history.end, "us"))
    rows = {symbol: decided_rows(plan, dates, series.open_time) for symbol, series in sorted(bars.items())}
    days = {symbol: series.open_time.astype("M8[D]").tolist() for symbol, series in bars.items()}
    requested = []
    for number, fold in enumerate(plan):
        fitted_to = session_date(fold.fitted_to)
        wanted = tuple(
            (symbol, days[symbol][row], known[days[symbol][row]])
            for symbol, own in rows.items()
            for row in own[number]
            # On earlier rows not even the prior knows a signal.
            if row >= job.policy.strategy.history_bars - 1
        )
        requested.append(
            FoldRequest(
                key=fold_key(job, history.config, fitted_to, known.get(fitted_to, "no bar")),
                start=session_date(dates[fold.dates[0]]),
                end=session_date(dates[fold.dates[-1]]),
                fitted_to=fitted_to,
                wanted=wanted,
            )
        )
    return tuple(requested)


def _known(store: Connection, fold: FoldRequest) -> KnownFold | None:
    stored = fold_store.find(store, fold.key)
    return KnownFold(stored=stored, signals=fold_store.signals(store, fold.key)) if stored else None


def _traded(fold: FoldRequest, known: KnownFold) -> FoldAnswer:
    return FoldAnswer(
        start=fold.start,
        end=fold.end,
        fitted_to=fold.fitted_to,
        model_id=known.stored.model_id,
        promoted=known.stored.verdict.promoted,
        reason=known.stored.verdict.reason,
    )


def left_to_the_prior(strategy: Strategy, folds: Sequence[FoldAnswer]) -> tuple[str, ...]:
    """Return one sentence on the folds that the prior traded, if there are any."""
    left = [fold for fold in folds if not fold.promoted]
    if not left:
        return ()
    untrained = sum(fold.model_id is None for fold in left)
    counted = {
        "the promotion gate rejected the model in": len(left) - untrained,
        "none could be trained in": untrained,
    }
    why = (
        " and ".join(f"{what} {count}" for what, count in counted.items() if count)
        + "; --json gives the reason of each"
    )
    years = ", ".join(str(fold.start.year) for fold in left)
    return (
        f"the prior traded {len(left)} of {len(folds)} folds of {strategy} ({years}): "
        f"{left[0].reason if len(left) == 1 else why}",
    )


def refused_signals(strategy: Strategy, walked: Walk) -> tuple[str, ...]:
    """Return one sentence on signals of promoted models that were refused, if there are any."""
    if not walked.refused:
        return ()
    return (
        f"{walked.refused} signals by models of {strategy} are refused: the model raised, or they were missing, no "
        "numbers or outside [-1, 1]; the prior traded instead",
    )
