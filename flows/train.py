"""The training flow: a model on demand, through the same promotion gate and tasks as the daily run."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.config.choices import StrategyName
from flows.config.settings import Settings, load
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source, source_factory
from flows.planning.plan import Request, learner_named, plan
from flows.runs.docstrings import documented
from flows.runs.run_names import name_run
from flows.runs.run_states import ended_well, in_one_sentence
from flows.runs.tracked_work import work_tracked
from flows.scheduling.accounts_page import rewritten
from flows.server.environment import attend_run
from tasks.artifacts.model_card import publish_newest_card
from tasks.data.funding_rates import with_series
from tasks.model_page.writing import write_model_page
from tasks.models.retrain import TrainAnswer
from tasks.notices.excess_rates import above_zero
from tasks.prefect_tasks import ingest, inspect_past
from tasks.prefect_tasks import train as train_now
from tasks.run.job import Job


def run_name() -> str:
    """Return the name that Prefect shows for the current run: the last day that it learns from."""
    return f"train, {flow_run.parameters['as_of'] or 'newest bar'}"


@flow(name="train", flow_run_name=run_name)
@documented
def train(
    as_of: date | None = None,
    source: str | None = None,
    symbols: list[str] | None = None,
    strategy: StrategyName | None = None,
    home: Path | None = None,
) -> str:
    """A challenger of `as_of` and the verdict on it: the JSON text that `turbodmt train --json` prints.

    Every parameter left out is taken from the settings.

    Args:
        as_of: The last closed bar to learn from; left out, the newest one.
        source: Where bars come from: sample, binance, binance-futures, yahoo or file:PATH.
        symbols: What to train for; left out, what the source serves by default.
        strategy: The strategy whose learner is trained; left out, that of the settings, or turbo if it has none.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    given = {"source": source, "symbols": symbols, "strategy": strategy, "home": home}
    return in_one_sentence(lambda: _run(given, as_of, strategy))


def _run(given: Mapping[str, object], as_of: date | None, named: str | None) -> str:
    settings = load(given)
    strategy = learner_named(settings, named)
    job = plan(settings, open_source(settings), Request(account="train", as_of=as_of, clock=clock()), strategy)
    name_run(job, f"{job.as_of}")
    with rewritten(settings.home), work_tracked("train"):
        answer = _trained(job, settings)
    return ended_well(answer.to_json(), in_words(answer))


def _trained(job: Job, settings: Settings) -> TrainAnswer:
    ingest(job, source_factory(settings))
    gate = inspect_past(job)
    job = with_series(job)
    answer = train_now(job)
    page = write_model_page(job)
    publish_newest_card(job)
    warnings = (*gate.held_back.values(), *gate.warnings, *above_zero(job.policy.costs.financing))
    return answer.model_copy(update={"report": str(page) if page else None, "warnings": warnings})


def in_words(answer: TrainAnswer) -> str:
    """Return the training in one sentence, for the state of its run.

    >>> from tasks.models.retrain import VerdictAnswer
    >>> verdict = VerdictAnswer.model_construct(reason="no better than the prior")
    >>> in_words(TrainAnswer.model_construct(model_id="0123456789abcdef", promoted=False, verdict=verdict))
    'Model 0123456789ab was refused: no better than the prior.'
    """
    verdict = "promoted" if answer.promoted else "refused"
    return f"Model {answer.model_id[:12]} was {verdict}: {answer.verdict.reason}."
