"""Validate: judge the staged bars and publish the verdicts as an artifact, even if nothing may trade."""

import logging

from prefect.artifacts import create_table_artifact

from tasks.artifacts.day import in_rows
from tasks.models.training_plan import TrainingRefused
from tasks.report.daily_tables import verdicts_table
from tasks.run.job import Job
from tasks.validation.eligible import Use, usable
from tasks.validation.gate import Gate, NothingPublishable, inspect
from tasks.validation.gate import validate as judge

log = logging.getLogger(__name__)

#: The permitted use of symbols that pass.
TRADED, LEARNED = "may be traded on", "may be learned from up to"
_LEARNING = Use(failing="nothing can be learned from", option="--as-of", refused=TrainingRefused)


def validate(job: Job) -> Gate:
    """Return the verdict of `tasks.validation.gate`, published as an artifact. Raises NothingPublishable."""
    try:
        gate = judge(job)
    except NothingPublishable as error:
        if error.gate is not None:
            _publish(job, error.gate, TRADED)
        raise
    _publish(job, gate, TRADED)
    return gate


def inspect_past(job: Job) -> Gate:
    """Return the data gate's verdict on all bars up to the job's day, published as an artifact.

    The day itself needs no bar. Raises TrainingRefused if there is no bar, NothingPublishable if every symbol is held
    back.
    """
    gate = inspect(job, None)
    _publish(job, gate, LEARNED)
    usable(job, gate, _LEARNING)
    return gate


def _publish(job: Job, gate: Gate, purpose: str) -> None:
    try:
        create_table_artifact(
            table=in_rows(verdicts_table(gate.published, gate.findings, job.symbols)),
            key=f"validation-{job.account}",
            description=described(job, gate, purpose),
        )
    # A missing artifact must not fail the day.
    except Exception as error:  # noqa: BLE001
        log.warning("The verdicts could not be published (%s); the report holds them.", type(error).__name__)


def described(job: Job, gate: Gate, purpose: str) -> str:
    """Return how many symbols passed, and the remedy for the others."""
    held = sorted(gate.held_back)
    passed = f"{len(job.symbols) - len(held)} of {len(job.symbols)} symbols {purpose} {job.as_of}."
    if not held:
        return passed
    return (
        f"{passed} Held back: {', '.join(held)}. Correct the source, or release a bar that is right as it is with "
        "`turbodmt import SOURCE --accept SYMBOL:DATE --reason TEXT`."
    )
