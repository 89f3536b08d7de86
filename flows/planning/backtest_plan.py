"""Plan of a backtest: its settings, job and window, decided once, before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.config.settings import Settings, load
from flows.planning.adapters import open_source
from flows.planning.plan import Request, plan
from strategy.signals.strategies import Strategy
from tasks.run.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """A backtest of one strategy: the settings in force, and the job up to the end of its window."""

    settings: Settings
    job: Job


def plan_backtest(given: Mapping[str, object], request: Request, strategy: Strategy) -> BacktestPlan:
    """Return the plan of a backtest of the strategy under the settings `given`.

    Raises ConfigurationError, RequestRefused, and what the source raises.
    """
    settings = load({**given, "strategy": strategy.name})
    return BacktestPlan(settings=settings, job=plan(settings, open_source(settings), request, strategy))
