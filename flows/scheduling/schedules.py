"""Schedules of a server: which accounts its deployments run automatically."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from exchange.sessions.closing_times import Daily


def active(deployment: Any) -> bool:
    """Return whether any schedule of the deployment, as Prefect's client reads it, starts runs."""
    return not deployment.paused and any(schedule.active for schedule in deployment.schedules)


def accounts_by_deployment(home: Path, *, switched_on: bool) -> list[tuple[str, str]]:
    """Return each deployment that has a schedule, with its account; nothing if no server is known.

    `switched_on` leaves out paused deployments. Raises PrefectUnreachable for a server that does not answer: its
    schedules are unknown.
    """
    from flows.server.availability import reached
    from flows.server.environment import prepare
    from flows.server.up_server import address

    standing = address(home)
    if standing is not None:
        os.environ.setdefault("PREFECT_API_URL", standing)
    if "PREFECT_API_URL" not in os.environ:
        return []
    prepare(home, "CRITICAL")
    with reached():
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return of_client(client, switched_on=switched_on)


def of_client(client: "SyncPrefectClient", *, switched_on: bool) -> list[tuple[str, str]]:
    """Return each deployment of the daily flow that has a schedule, with its account."""
    return [
        (deployment.name, str((deployment.parameters or {}).get("account", "daily")))
        for deployment in client.read_deployments()
        if deployment.schedules
        and (deployment.entrypoint or "").endswith(":daily")
        and (active(deployment) or not switched_on)
    ]


def cron_schedule(daily: "Daily") -> Any:
    """Return the schedule on which a deployment runs after each close, as Prefect's client takes it."""
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=daily.cron, timezone=daily.zone)
