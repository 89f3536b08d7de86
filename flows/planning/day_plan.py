"""Plan of a day of an account: its job under the account's terms, and where bars come from and orders go."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from exchange.ports import BarSource, Broker, SourceRefused, SourceUnavailable
from flows.config.settings import Settings
from flows.planning.adapters import broker_factory, open_source, source_factory
from flows.planning.kept_terms import on_kept_terms
from flows.planning.own_strategy import admit
from flows.planning.plan import Request, demand_live, outline
from strategy.account.dated_rates import RatesRefused
from strategy.account.interest_rates import RatesMissing
from tasks.run.job import Job
from tasks.run.runs import demand_own


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """A job, the settings it was planned from, and its source and broker."""

    settings: Settings
    source: BarSource
    open_broker: Callable[[datetime], Broker]
    job: Job


def plan_day(settings: Settings, request: Request) -> DayPlan:
    """Return the plan of the day; a strategy's file is kept in the home.

    Where the rates fail, the day's bars are published nevertheless, and what is wrong with them is said first. Raises
    RequestRefused, KeysMissing, AccountFilled, StrategyChanged, UsageError, and what source, gate and rates raise.
    """
    source = open_source(settings)
    demand_live(source, request)
    open_broker = broker_factory(settings)
    outlined = outline(settings, source, replace(request, settles=True))
    demand_own(outlined)
    try:
        job = on_kept_terms(settings, outlined)
    except (RatesMissing, RatesRefused, SourceRefused, SourceUnavailable):
        _publish_bars(settings, outlined)
        raise
    admit(settings, request.account, job.policy.strategy, request.clock)
    return DayPlan(settings=settings, source=source, open_broker=open_broker, job=job)


def _publish_bars(settings: Settings, job: Job) -> None:
    """Publish the day's bars that pass the gate, which logs why others are held back."""
    # Great Expectations takes a second to import, and a day with rates plans without it.
    from tasks.data.ingest import ingest
    from tasks.validation.gate import validate

    ingest(job.in_data, source_factory(settings))
    validate(job.in_data)
