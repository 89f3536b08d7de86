"""Concerns that only Prefect's server knows of: late runs, no worker, and schedules that cannot run."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName

from flows.scheduling.deployments import POOL, workers_online
from flows.scheduling.watched_schedules import concerns_of, watched_schedules
from tasks.operations.concerns import Concern

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def on_server(now: datetime, traded: Collection[str]) -> tuple[Concern, ...]:
    """Return the concerns known to Prefect's server: late runs, no worker, and schedules that cannot run.

    `traded` are the accounts that daily runs have begun a day of.
    """
    with get_client(sync_client=True) as client:
        watched = watched_schedules(client, traded)
        return (*_late(client, now), *_workerless(client), *concerns_of(client, watched, traded))


def _late(client: "SyncPrefectClient", now: datetime) -> list[Concern]:
    late = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late"]))), limit=50
    )
    if not late:
        return []
    since = min((run.expected_start_time for run in late if run.expected_start_time), default=now)
    return [
        Concern(
            key="late",
            text=f"{len(late)} scheduled runs have not begun, the first since {since:%Y-%m-%d %H:%M} UTC; see whether "
            "the worker runs and what goes before them",
        )
    ]


def _workerless(client: "SyncPrefectClient") -> list[Concern]:
    if workers_online(client):
        return []
    return [Concern(key="worker", text=f"no worker of the pool {POOL} is online; `turbodmt up` starts one")]
