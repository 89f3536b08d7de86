"""Checks of Prefect's server, if there is one: worker, schedules with their next run, automations."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.doctor.check import CheckAnswer
from flows.server.run_server import named_by_user
from flows.server.up_server import healthy, join

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def server_checks(home: Path) -> list[CheckAnswer]:
    """Return one check if there is no server or it does not answer; else one for each part of it."""
    api = _named(home)
    if api is None:
        return [_check("prefect server", "none: each run brings its own, and nothing is scheduled", "")]
    if not healthy(api):
        remedy = "start it with `turbodmt up`, or unset PREFECT_API_URL so that each run brings its own"
        return [_check("prefect server", f"runs go to {api}", remedy)]
    from flows.server.environment import prepare, read_settings

    prepare(home, "CRITICAL")
    read_settings()
    from prefect.client.orchestration import get_client

    from flows.server.availability import reached
    from flows.server.run_server import PrefectUnreachable

    try:
        with reached(), get_client(sync_client=True) as client:
            return [
                _check("prefect server", f"runs go to {api}, which answers", ""),
                _worker(client),
                *_schedules(client, home),
                _automations(client),
            ]
    except PrefectUnreachable as error:
        return [_check("prefect server", f"runs go to {api}", str(error))]


def _named(home: Path) -> str | None:
    """Return the address of the server that runs go to: the user's, or that of `turbodmt up`."""
    if not named_by_user(home):
        return join(home)
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"]
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def _check(name: str, detail: str, remedy: str) -> CheckAnswer:
    """Return a check, failed if it has a remedy."""
    return CheckAnswer(name=name, ok=not remedy, detail=detail, remedy=remedy)


def _worker(client: "SyncPrefectClient") -> CheckAnswer:
    from flows.scheduling.deployments import POOL, workers_online

    online = workers_online(client)
    return _check("worker", f"{online} online in the pool {POOL}", "" if online else "start one with `turbodmt up`")


def _schedules(client: "SyncPrefectClient", home: Path) -> list[CheckAnswer]:
    from flows.scheduling.watched_schedules import watched_schedules

    found = []
    for each in watched_schedules(client, _traded(home)):
        at = None if each.key else _next(client, each.deployment.id)
        detail = f"active, next {at:%Y-%m-%d %H:%M} UTC" if at else "active, no run is planned yet"
        found.append(_check(f"schedule {each.name}", each.what or detail, each.remedy))
    return found


def _traded(home: Path) -> frozenset[str]:
    """Return the accounts that daily runs have begun a day of; none where the store fails a check of its own."""
    from storage.errors import StoreError
    from tasks.run.runs import accounts_run

    try:
        return accounts_run(home)
    except StoreError:
        return frozenset()


def _next(client: "SyncPrefectClient", deployment: Any) -> datetime | None:
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    planned = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    return planned[0].expected_start_time if planned else None


def _automations(client: "SyncPrefectClient") -> CheckAnswer:
    from flows.scheduling.automations import wanted

    names = [automation.name for automation in wanted(None)]
    on = [name for name in names if any(automation.enabled for automation in client.read_automations_by_name(name))]
    detail = f"{len(on)} of {len(names)} that mark silent runs as crashed are on"
    return _check("automations", detail, "" if on == names else "run `turbodmt up` again, or switch them on in the UI")
