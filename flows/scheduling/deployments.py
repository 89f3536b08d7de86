"""Deployments of prefect.yaml on a server: created or updated, with each schedule left as the user has set it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.scheduling.own_symbols import renew
from flows.scheduling.parameter_forms import plain
from strategy.exit_codes import Exit

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.config.choices import Notify

#: The folder that the flows' files are named from: the project's, or that of installed packages.
ROOT = Path(__file__).parents[2]
#: In a clone a link to prefect.yaml; a wheel holds a copy.
PREFECT_FILE = ROOT / "flows" / "prefect.yaml"
#: The pool's job template, which tells a worker what to run; a user's own pool is made from it too.
JOB_TEMPLATE = ROOT / "flows" / "job-template.json"
POOL = "turbodmt"
#: The deployments to which prefect.yaml gives an active schedule.
SCHEDULED = ("daily-crypto", "watchdog")
DEPLOY_TIMEOUT_S = 180.0
#: Runs at once, for each core, of a pool that `up` makes: some of them wait for a source or a broker. Each takes some
#: 300 MB, and a hundred accounts fall due in the same second.
RUNS_PER_CORE = 2


class DeploymentFailed(Exception):
    """`prefect deploy` failed (exit 4)."""

    exit_code = Exit.UNREACHABLE


def deploy(environment: Mapping[str, str], notify: "Notify" = "all") -> None:
    """Create or update every deployment and automation on the environment's server. Raises DeploymentFailed.

    `notify` is the setting: with digests alone no automation tells anybody of faults.

    Prefect's own `deploy` would reset the user's changes to schedules, drop schedules without a slug, and switch on a
    deployment that was paused as a whole: all of that is restored.
    """
    from prefect.client.orchestration import get_client

    from flows.scheduling.automations import ensure

    with get_client(sync_client=True) as client:
        before = {deployment.id: deployment for deployment in client.read_deployments()}
        _make_pool(client)
        try:
            _command(environment)
        except DeploymentFailed:
            # If the server is gone, this failure says more than the next one would.
            with suppress(Exception):
                _keep_schedules(client, before)
            raise
        _keep_schedules(client, before)
        renew(client)
        _simplify_forms(client)
        for deployment in before.values():
            if deployment.paused:
                client.pause_deployment(deployment.id)
        ensure(client, notify)


def workers_online(client: "SyncPrefectClient", pool: str = POOL) -> int:
    """Return how many workers of the pool are online."""
    from prefect.client.schemas.objects import WorkerStatus

    there = any(known.name == pool for known in client.read_work_pools())
    workers = client.read_workers_for_work_pool(pool) if there else []
    return sum(worker.status is WorkerStatus.ONLINE for worker in workers)


def job_template() -> dict[str, Any]:
    """Return what a worker is to run: the flow of the deployment, and nothing that a run could change.

    Prefect's own template takes command, environment and folder from the request for a run. Without variables the
    server refuses them; without an environment of its own, into which Prefect would merge a run's, a worker ignores
    them.
    """
    template: dict[str, Any] = json.loads(JOB_TEMPLATE.read_bytes())
    return template


def _make_pool(client: "SyncPrefectClient") -> None:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    template = job_template()
    try:
        limit = RUNS_PER_CORE * max(2, os.cpu_count() or 1)
        new = WorkPoolCreate(name=POOL, type="process", base_job_template=template, concurrency_limit=limit)
        client.create_work_pool(new)
    except ObjectAlreadyExists:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def _keep_schedules(client: "SyncPrefectClient", before: Mapping[Any, Any]) -> None:
    """Restore every schedule that the deployments, given by id, had before."""
    for deployment in client.read_deployments():
        if deployment.id in before:
            _keep(client, before[deployment.id], deployment)


def _keep(client: "SyncPrefectClient", before: Any, now: Any) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    there = {schedule.slug or schedule.id: schedule for schedule in now.schedules}
    for schedule in before.schedules:
        found = there.get(schedule.slug or schedule.id)
        if found is None:
            again = DeploymentScheduleCreate(
                schedule=schedule.schedule,
                active=schedule.active,
                max_scheduled_runs=schedule.max_scheduled_runs,
                parameters=schedule.parameters,
                slug=schedule.slug,
            )
            client.create_deployment_schedules(now.id, [again])
        elif (found.schedule, found.active) != (schedule.schedule, schedule.active):
            client.update_deployment_schedule(now.id, found.id, active=schedule.active, schedule=schedule.schedule)


def _simplify_forms(client: "SyncPrefectClient") -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    for deployment in client.read_deployments():
        if deployment.work_pool_name == POOL:
            # Clear job variables of older versions, which the pool would refuse now.
            form = DeploymentUpdate(
                parameter_openapi_schema=plain(deployment.parameter_openapi_schema or {}), job_variables={}
            )
            client.update_deployment(deployment.id, form)


def _command(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
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
            # Ctrl-C must reach only our caller, who stops the processes one by one.
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeploymentFailed(
            f"`prefect deploy --all` did not end within {DEPLOY_TIMEOUT_S:.0f} s; run the same command again"
        ) from error
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or ["nothing was said"]
        raise DeploymentFailed(
            f"`prefect deploy --all` failed in {ROOT}: {last[0]}; run it by hand to see its whole output"
        )
