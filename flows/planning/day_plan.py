"""Plan of a day of an account: its job under the account's terms, and where bars come from and orders go."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from exchange.ports import BarSource, Broker
from flows.config.settings import Settings
from flows.planning.adapters import broker_factory, open_source
from flows.planning.kept_terms import on_kept_terms
from flows.planning.own_strategy import admit
from flows.planning.plan import Request, demand_live, outline
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

    Raises RequestRefused, KeysMissing, AccountFilled, StrategyChanged, UsageError, and what the source raises.
    """
    source = open_source(settings)
    demand_live(source, request)
    open_broker = broker_factory(settings)
    job = on_kept_terms(settings, outline(settings, source, replace(request, settles=True)))
    demand_own(job)
    admit(settings, request.account, job.policy.strategy, request.clock)
    return DayPlan(settings=settings, source=source, open_broker=open_broker, job=job)
