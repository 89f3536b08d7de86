"""The next scheduled runs on Prefect's server, if the user has one."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.scheduling.schedules import account_of, all_deployments, is_daily
from flows.server.availability import reached
from flows.server.environment import prepare, read_settings
from flows.server.run_server import PrefectUnreachable, named_by_user
from flows.server.up_server import join

MOST_RUNS = 5
#: Planned runs to search for those of one account; Prefect plans few of each schedule.
_LOOKED_THROUGH = 200


def next_runs(home: Path, account: str | None = None) -> tuple[list[str], list[str]]:
    """Return the next scheduled runs as `time, deployment`, soonest first, and warnings.

    With an account, the runs that trade it, and a warning of each of its schedules that cannot run; else all that
    trade or train. Both lists are empty if no server is configured: nothing is scheduled then.
    """
    if not joined(home):
        return [], []
    try:
        with reached():
            return _ask(account), [] if account is None else _obstacles(account)
    except PrefectUnreachable as error:
        return [], [str(error)]


def joined(home: Path) -> bool:
    """Return whether a server of the user's or of the home's `turbodmt up` is known; Prefect asks it from now on."""
    if not named_by_user(home) and join(home) is None:
        return False
    prepare(home, "CRITICAL")
    read_settings()
    return True


def run_after(account: str, instant: datetime) -> datetime | None:
    """Return when the first schedule that trades the account starts a run from the instant on; None if none does.

    Prefect plans the runs of the next hour alone, hence its schedules are asked. It needs a server that is joined, and
    raises what Prefect's client raises.
    """
    return min((start for _, start in _starts_after(instant, account)), default=None)


def first_runs(instant: datetime) -> dict[str, datetime]:
    """Return by account when the first of its schedules starts a run from the instant on, as `run_after` does."""
    first: dict[str, datetime] = {}
    for account, start in _starts_after(instant):
        first[account] = min(start, first.get(account, start))
    return first


def _starts_after(instant: datetime, account: str | None = None) -> list[tuple[str, datetime]]:
    """Return each account, or that one alone, with the first start of each of its schedules that is switched on."""
    from prefect.client.orchestration import get_client
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from pydantic import TypeAdapter

    with get_client(sync_client=True) as client:
        deployments = [each for each in all_deployments(client) if is_daily(each) and not each.paused]
    schedules = [
        (account_of(deployment, schedule), schedule.schedule)
        for deployment in deployments
        for schedule in deployment.schedules
        if schedule.active and account in (None, account_of(deployment, schedule))
    ]
    kinds = TypeAdapter[Any](SCHEDULE_TYPES)
    return [
        (owner, start)
        for owner, schedule in schedules
        for start in asyncio.run(kinds.validate_python(schedule.model_dump()).get_dates(n=1, start=instant))
    ]


def _ask(account: str | None) -> list[str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    scheduled = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    ours = FlowFilter(name=FlowFilterName(any_=["daily", "train"] if account is None else ["daily"]))
    with get_client(sync_client=True) as client:
        planned = client.read_flow_runs(
            flow_filter=ours,
            flow_run_filter=scheduled,
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_LOOKED_THROUGH,
        )
        # A run without an account parameter trades the flow's default account.
        runs = [run for run in planned if account in (None, run.parameters.get("account", "daily"))][:MOST_RUNS]
        names = {
            deployment_id: client.read_deployment(deployment_id).name
            for deployment_id in {run.deployment_id for run in runs}
            if deployment_id
        }
    return [
        f"{run.expected_start_time:%Y-%m-%d %H:%M} UTC, {names[run.deployment_id] if run.deployment_id else run.name}"
        for run in runs
        if run.expected_start_time
    ]


def _obstacles(account: str) -> list[str]:
    """Return a sentence on each thing that keeps the schedules of the account from running."""
    from prefect.client.orchestration import get_client

    from flows.scheduling.deployments import POOL, workers_online
    from flows.scheduling.watched_schedules import watched_schedules

    with get_client(sync_client=True) as client:
        watched = [each for each in watched_schedules(client, {account}) if account in each.accounts]
        found = [f"{each.what}; {each.remedy}" for each in watched if each.key]
        ours = [each for each in watched if each.deployment is not None and each.deployment.work_pool_name == POOL]
        if ours and not workers_online(client):
            found.append(f"no worker of the pool {POOL} is online; `turbodmt up` starts one")
    return found
