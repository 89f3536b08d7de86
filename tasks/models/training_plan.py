"""Plan of a training: the trainer, and whether it starts from the champion."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.database import Connection
from storage.models.registry import ModelRecord
from strategy.account.trading_terms import TradingTerms
from strategy.exit_codes import Exit
from strategy.signals.faults import StrategyRefused
from strategy.training.learners import trainer_of
from strategy.training.trainer import Past, Trainer
from tasks.run.job import Job


class TrainingRefused(ValueError):
    """Too little history to train on, or a failed training (exit 2 when training was requested)."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """The training to run: trainer, the champion to judge against if any and whether to go on from it.

    `cold_start` is the day of the last training from scratch.
    """

    trainer: Trainer
    champion: ModelRecord | None
    warm: bool
    cold_start: date


def training_plan(store: Connection, job: Job, champion: ModelRecord | None) -> TrainingPlan:
    """Plan a warm start from a champion of the same build whose own cold start is recent enough, else a cold start.

    Only on the same history do the gate's dates lie after all that the champion learned from.
    """
    recipe, trainer = job.policy.recipe, trainer_for(job)
    if champion is not None:
        config = json.loads(champion.config)
        cold = date.fromisoformat(config.get("cold_start", date.min.isoformat()))
        bars = bar_store.session_dates(store, job.source, job.symbols, after=cold, until=job.as_of)
        warmed = trainer.warmed(config)
        same = champion.trained_from == bar_store.first_published(store, job.source, job.symbols)
        if warmed is not None and same and len(bars) < recipe.cold_start_every_bars:
            return TrainingPlan(trainer=warmed, champion=champion, warm=True, cold_start=cold)
    return TrainingPlan(trainer=trainer, champion=champion, warm=False, cold_start=job.as_of)


def past_of(store: Connection, job: Job) -> Past:
    """Return all that a training of the job's day may know. Raises TrainingRefused if no bars are published."""
    published = bar_store.load(store, job.source, job.symbols, until=job.as_of)
    if not published:
        raise TrainingRefused(f"no bars of {', '.join(job.symbols)} are published up to {job.as_of}; import some first")
    instruments = instrument_store.load(store, job.source, job.symbols)
    return Past(
        bars=with_columns(store, job.source, published, job.policy.strategy.columns),
        config=job.policy.account_config(job.account, job.symbols, instruments),
    )


def demand_trainable(terms: TradingTerms, symbols: Iterable[str]) -> None:
    """Raise TrainingRefused if a symbol is a perpetual future: training and gate charge interest, and no funding."""
    perpetual = sorted(symbol for symbol in symbols if terms.perpetual(symbol))
    if perpetual:
        raise TrainingRefused(
            f"{', '.join(perpetual[:5])} is a perpetual future, and training charges interest in place of its funding; "
            "name a strategy without a learner, as --strategy rules does, or train on the spot market's bars"
        )


def trainer_for(job: Job) -> Trainer:
    """Return the trainer of the job's strategy. Raises TrainingRefused if its settings admit no model."""
    try:
        return trainer_of(job.policy.strategy, job.policy.recipe)
    except ValueError as error:
        raise TrainingRefused(str(error)) from error


@contextmanager
def training_on(device: str) -> Iterator[None]:
    """Train inside the block, reproducibly. Raises TrainingRefused for what keeps it from training.

    A StrategyRefused passes through.
    """
    if device == "cuda":
        # cuBLAS is deterministic only with this variable, and only if it is set before its first call.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        yield
    except StrategyRefused:
        raise
    except ValueError as error:
        raise TrainingRefused(str(error)) from error
    except RuntimeError as error:
        if device == "cpu":
            raise
        raise TrainingRefused(f"training on {device} failed: {error}; set device to cpu") from error
