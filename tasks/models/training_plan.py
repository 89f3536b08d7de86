"""Plan of a training: the networks, their settings, and whether they start from the champion."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from storage.bars import published as bar_store
from storage.database import Connection
from storage.models.registry import ModelRecord
from strategy.exit_codes import Exit
from tasks.run.job import Job, TrainingConfig

if TYPE_CHECKING:
    from strategy.networks.transformer import NetworkShape
    from strategy.training.settings import TrainingSettings


class TrainingRefused(ValueError):
    """Too little history to train on, or a failed training (exit 2 when training was requested)."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """The training to run: shape, settings, the champion to start from if any, and the day of the last cold start."""

    shape: "NetworkShape"
    settings: "TrainingSettings"
    champion: ModelRecord | None
    warm: bool
    cold_start: date


def training_plan(store: Connection, job: Job, champion: ModelRecord | None) -> TrainingPlan:
    """Plan a warm start from a champion of the same build whose own cold start is recent enough, else a cold start.

    Only with the same shares of the same history do the gate's dates lie after all that the champion learned from.
    """
    recipe = job.policy.recipe
    shape, settings = shape_of(recipe), settings_of(recipe)
    if champion is not None:
        config = json.loads(champion.config)
        cold = date.fromisoformat(config.get("cold_start", date.min.isoformat()))
        bars = bar_store.session_dates(store, job.source, job.symbols, after=cold, until=job.as_of)
        kept = ("members", "validation_share", "purge_bars")
        same = (
            config["shape"] == asdict(shape)
            and all(config["training"].get(name) == getattr(settings, name) for name in kept)
            and champion.trained_from == bar_store.first_published(store, job.source, job.symbols)
        )
        if same and len(bars) < recipe.cold_start_every_bars:
            warm = replace(
                settings, steps=recipe.warm_steps, warmup_steps=min(settings.warmup_steps, recipe.warm_steps // 4)
            )
            return TrainingPlan(shape=shape, settings=warm, champion=champion, warm=True, cold_start=cold)
    return TrainingPlan(shape=shape, settings=settings, champion=champion, warm=False, cold_start=job.as_of)


def shape_of(recipe: TrainingConfig) -> "NetworkShape":
    """Return the shape of a recipe's networks. Raises TrainingRefused if there can be no such network."""
    from strategy.networks.transformer import NetworkShape

    try:
        return NetworkShape(
            dimensions=recipe.dimensions, heads=recipe.heads, layers=recipe.layers, context_bars=recipe.context_bars
        )
    except ValueError as error:
        raise TrainingRefused(str(error)) from error


def settings_of(recipe: TrainingConfig) -> "TrainingSettings":
    """Return the settings with which a recipe's networks are trained from scratch."""
    from strategy.training.settings import TrainingSettings

    return TrainingSettings(
        seed=recipe.seed,
        members=recipe.members,
        steps=recipe.steps,
        twins=recipe.twins,
        validation_share=recipe.validation_share,
        threads=recipe.threads,
        device=recipe.device,
    )


@contextmanager
def training_on(device: str) -> Iterator[None]:
    """Train inside the block, reproducibly. Raises TrainingRefused for what keeps it from training."""
    if device == "cuda":
        # cuBLAS is deterministic only with this variable, and only if it is set before its first call.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        yield
    except ValueError as error:
        raise TrainingRefused(str(error)) from error
    except RuntimeError as error:
        if device == "cpu":
            raise
        raise TrainingRefused(f"training on {device} failed: {error}; set device to cpu") from error
