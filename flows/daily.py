"""The daily flow: one task per step, each idempotent for its day, so that a run may be killed and repeated."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.runtime import deployment, flow_run

from flows.config.settings import Broker as BrokerName
from flows.config.settings import StrategyName, load
from flows.config.wall_clock import clock
from flows.planning.day_plan import plan_day
from flows.planning.plan import Request
from flows.runs.docstrings import documented
from flows.runs.run_names import name_run
from flows.runs.run_states import ended_well, in_one_sentence
from flows.server.environment import attend_run
from flows.server.up_server import served_at
from flows.work.day import prepared, withheld_before, without_work, worked
from tasks.prefect_tasks import AS_TASKS, report


def run_name() -> str:
    """Return the account and day of the current run, the name that Prefect shows."""
    given = flow_run.parameters
    return f"{given['account']}, {given['as_of'] or 'newest bar'}"


@flow(name="daily", flow_run_name=run_name)
@documented
def daily(
    as_of: date | None = None,
    source: str | None = None,
    symbols: list[str] | None = None,
    strategy: StrategyName | None = None,
    broker: BrokerName | None = None,
    capital: Decimal | None = None,
    account: str = "daily",
    home: Path | None = None,
) -> str:
    """One trading day, end to end: the JSON text that `turbodmt daily --json` prints.

    Every parameter left out is taken from the settings.

    Args:
        as_of: The last closed bar; left out, the newest one.
        source: Where bars come from: sample, binance, binance-futures, yahoo or file:PATH.
        symbols: What to trade; left out, what the source serves by default.
        strategy: The rule that turns bars into signals: turbo, rules, hold, vol-target or momentum.
        broker: Where orders go: paper, testnet-spot or testnet-futures; keys come from the environment or secrets.
        capital: The money that a new account starts with.
        account: The account in the ledger, in lower-case letters, digits and dashes.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    options = {"source": source, "symbols": symbols, "strategy": strategy, "broker": broker, "capital": capital}
    return in_one_sentence(lambda: _run({**options, "home": home}, account, as_of))


def _run(given: Mapping[str, object], account: str, as_of: date | None) -> str:
    settings = load(given)
    day = prepared(plan_day(settings, Request(account=account, as_of=as_of, clock=clock(), broker=settings.broker)))
    end = without_work(day)
    if end is None:
        name_run(day.job, f"{day.job.as_of}")
        # A schedule repeats the day; its first run has failed, and said so.
        end = withheld_before(day) if deployment.id else None
    if end is None:
        steps = replace(AS_TASKS, report=partial(report, served_at=served_at(settings.home)))
        end = worked(day, steps)
    return ended_well(end.answer, end.sentence)
