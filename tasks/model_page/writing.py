"""The page of the model that was trained on a job's day, in its place among the reports."""

import logging
from pathlib import Path

from storage import reports
from storage.database import connect
from storage.errors import StoreError
from storage.models import promotions
from storage.models import registry as model_store
from storage.models.promotions import StoredVerdict
from storage.models.registry import ModelDamaged, ModelRecord
from strategy.market.data_hash import data_sha256
from strategy.training.trainer import Importance, InputShuffler
from tasks.model_page.page import ModelPage, model_page
from tasks.models.load import stored_model
from tasks.models.training_plan import past_of, trainer_for
from tasks.run.job import Job

log = logging.getLogger(__name__)


def newest_trained(job: Job) -> tuple[ModelRecord, StoredVerdict] | None:
    """Return the last model that was trained and judged on the job's day; None if there is none."""
    with connect(job.home) as store:
        trained = [
            (record, verdicts[0])
            for record in model_store.records(store)
            if (record.panel, record.trained_to) == (job.panel, job.as_of)
            and (verdicts := promotions.verdicts(store, record.model_id))
        ]
    return trained[-1] if trained else None


def write_model_page(job: Job) -> Path | None:
    """Write the page of the model that was trained on the job's day, once, and return its path; None without one.

    A model and the verdict on it never change, and neither does its page.
    """
    found = newest_trained(job)
    if found is None:
        return None
    record, stored = found
    path = reports.model_file(job.home, record.model_id)
    if path.exists():
        return path
    importance, unknown = _importance(job, record)
    page = ModelPage(record=record, verdict=stored.verdict, importance=importance, unknown=unknown)
    try:
        return reports.write_model(job.home, record.model_id, model_page(page, reports.way_back(job.home, path.parent)))
    except StoreError as error:
        log.warning("The page of model %s could not be written: %s", record.model_id[:12], error)
        return None


def _importance(job: Job, record: ModelRecord) -> tuple[Importance | None, str]:
    """Return what each input is worth to the model, or None and why it is not known."""
    trainer = trainer_for(job)
    if not isinstance(trainer, InputShuffler):
        return None, f"The learner of {record.strategy} takes bars and names no inputs, so there is none to shuffle."
    with connect(job.home) as store:
        past = past_of(store, job)
    if data_sha256(past.bars, past.config.terms.costs.currencies.fx) != record.data_sha256:
        return None, "The bars in the store are no longer those that the model was trained on."
    try:
        model = stored_model(job.home, job.policy.strategy, record.model_id)
    except ModelDamaged as error:
        return None, f"The model cannot be read: {error}."
    found = trainer.importance(past, model)
    if not found.inputs:
        return None, "The model trades exactly what the prior trades on the gate's dates, so no input moves its signal."
    return found, ""
