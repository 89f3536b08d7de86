"""The deployments of prefect.yaml on a server: made or renewed, with each schedule left as the user has set it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.forms import plain

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

#: The folder of prefect.yaml: the project's.
ROOT = Path(__file__).parents[1]
POOL = "turbodmt"
#: Those that prefect.yaml gives an active schedule.
SCHEDULED = ("daily-crypto", "watchdog")
DEPLOY_TIMEOUT_S = 180.0


class DeploymentFailed(Exception):
    """`prefect deploy` did not end well (exit 4)."""


def deploy(environment: Mapping[str, str]) -> None:
    """None; every deployment and automation is on the server that the environment names. Raises DeploymentFailed.

    Prefect's own `deploy` would switch on again what the user has paused, one schedule or all of a deployment: those
    that were there stay as they were.
    """
    from prefect.client.orchestration import get_client

    from flows.automations import ensure

    with get_client(sync_client=True) as client:
        before, paused = _schedules(client), {one.name for one in client.read_deployments() if one.paused}
        _make_pool(client)
        _command(environment)
        for key, (deployment, schedule, active) in _schedules(client).items():
            if key in before and before[key][2] != active:
                client.update_deployment_schedule(deployment, schedule, active=before[key][2])
        _simplify_forms(client)
        for one in client.read_deployments():
            if one.name in paused:
                client.pause_deployment(one.id)
        ensure(client)


def workers_online(client: "SyncPrefectClient") -> int:
    """How many workers of the pool answer."""
    from prefect.client.schemas.objects import WorkerStatus

    there = any(pool.name == POOL for pool in client.read_work_pools())
    workers = client.read_workers_for_work_pool(POOL) if there else []
    return sum(one.status is WorkerStatus.ONLINE for one in workers)


def active(deployment: Any) -> bool:
    """Whether any schedule of the deployment, as Prefect's client reads it, starts runs."""
    return not deployment.paused and any(one.active for one in deployment.schedules)


def _make_pool(client: "SyncPrefectClient") -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


def _schedules(client: "SyncPrefectClient") -> dict[tuple[str, str], tuple[Any, Any, bool]]:
    """Of every schedule that has a slug: deployment, schedule, whether it is active; by their names."""
    return {
        (one.name, schedule.slug): (one.id, schedule.id, schedule.active)
        for one in client.read_deployments()
        for schedule in one.schedules
        if schedule.slug
    }


def _simplify_forms(client: "SyncPrefectClient") -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    for one in client.read_deployments():
        if one.work_pool_name == POOL:
            form = DeploymentUpdate(parameter_openapi_schema=plain(one.parameter_openapi_schema or {}))
            client.update_deployment(one.id, form)


def _command(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    try:
        done = subprocess.run(  # noqa: S603 (our own command)
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEPLOY_TIMEOUT_S,
            # Ctrl-C is for whoever called us, who stops one thing after the other.
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeploymentFailed(
            f"`prefect deploy --all` did not end within {DEPLOY_TIMEOUT_S:.0f} s; run the same command again"
        ) from error
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or ["nothing was said"]
        raise DeploymentFailed(f"`prefect deploy --all` failed in {ROOT}: {last[0]}; run it by hand to see all it says")
