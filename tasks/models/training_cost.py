"""Cost of a training in time: foretold before it begins from earlier ones of its kind, and recorded."""

import json
from datetime import date
from hashlib import sha256

from storage.database import connect
from storage.models import durations
from strategy.training.trainer import Trainer
from strategy.work_progress import TrainingAhead, told
from tasks.run.job import Job


def foretell(job: Job, trainer: Trainer, trainings: int = 1) -> None:
    """Tell the listener of work how long so many of them will take, or that it is not known yet."""
    with connect(job.home) as store:
        usual = durations.usual_s(store, _kind(job, trainer))
    told(TrainingAhead(trainings=trainings, seconds=None if usual is None else usual * trainings))


def took(job: Job, trainer: Trainer, trained_to: date, seconds: float) -> None:
    """Record how long a training took that gave a model."""
    with connect(job.home) as store:
        durations.record(store, _kind(job, trainer), trained_to, seconds, job.now)


def _kind(job: Job, trainer: Trainer) -> str:
    """Return the hash of what decides how long a training takes, the machine and the length of the history aside."""
    recipe = job.policy.recipe
    kind = [job.policy.strategy.name, trainer.config(), len(job.symbols), recipe.threads, recipe.device]
    return sha256(json.dumps(kind, sort_keys=True, default=str).encode()).hexdigest()
