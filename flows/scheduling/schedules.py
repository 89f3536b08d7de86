"""Schedules of a server: which accounts its deployments run automatically."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from exchange.sessions.closing_times import Daily

#: Deployments asked for at once; Prefect's server lists no more than 200.
_PAGE = 200


def active(deployment: Any) -> bool:
    """Return whether any schedule of the deployment, as Prefect's client reads it, starts runs."""
    return not deployment.paused and any(schedule.active for schedule in deployment.schedules)


def is_daily(deployment: Any) -> bool:
    """Return whether the deployment runs the daily flow, from its file or its module."""
    return (deployment.entrypoint or "").replace(":", ".").endswith(".daily")


def accounts_of(deployment: Any) -> tuple[str, ...]:
    """Return the accounts that a deployment of the daily flow trades: a schedule may name another than the deployment.

    A run without an account trades the flow's default one.
    """
    return tuple(dict.fromkeys(account_of(deployment, schedule) for schedule in deployment.schedules or [None]))


def account_of(deployment: Any, schedule: Any) -> str:
    """Return the account that a schedule of the deployment trades; with None, that of a run without a schedule."""
    given = {**(deployment.parameters or {}), **((schedule.parameters if schedule else None) or {})}
    return str(given.get("account", "daily"))


def all_deployments(client: "SyncPrefectClient") -> list[Any]:
    """Return every deployment of the server, also where there are more than it lists at once."""
    found: list[Any] = []
    while page := client.read_deployments(limit=_PAGE, offset=len(found)):
        found += page
        if len(page) < _PAGE:
            break
    return found


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
    """Return each deployment of the daily flow that has a schedule, with each account that it trades."""
    return [
        (deployment.name, account)
        for deployment in all_deployments(client)
        if deployment.schedules and is_daily(deployment) and (active(deployment) or not switched_on)
        for account in accounts_of(deployment)
    ]


def cron_schedule(daily: "Daily") -> Any:
    """Return the schedule on which a deployment runs after each close, as Prefect's client takes it."""
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=daily.cron, timezone=daily.zone)
