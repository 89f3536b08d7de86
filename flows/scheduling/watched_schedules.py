"""Every schedule of the daily flow and of the watchdog, the user's own too, and what keeps one from running."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.scheduling.deployments import POOL, SCHEDULED, workers_online
from flows.scheduling.schedules import accounts_of, active, all_deployments, is_daily
from tasks.operations.concerns import Concern

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

#: Entrypoints of the deployments that must be there.
_ENTRYPOINTS = {"daily-crypto": "flows/daily.py:daily", "watchdog": "flows/watchdog.py:watchdog"}
assert set(_ENTRYPOINTS) == set(SCHEDULED), "every deployment with an active schedule has an entrypoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A deployment that should run by itself, and the accounts that it trades; `deployment` is None if it is missing.

    `key` names what keeps it from running, `what` says it, `remedy` what to do; all are empty if nothing does.
    """

    name: str
    deployment: Any = None
    accounts: tuple[str, ...] = ()
    key: str = ""
    what: str = ""
    remedy: str = ""


def watched_schedules(client: "SyncPrefectClient", traded: Collection[str]) -> tuple[Watched, ...]:
    """Return the deployments that should run by themselves: ours, and each one of the daily flow with a schedule.

    One that is switched off counts if prefect.yaml has it on, or if an account of it is among the `traded`, whose days
    somebody has had run before.
    """
    deployments = all_deployments(client)
    pools = _Pools(client)
    found = [_ours(name, deployments, pools) for name in SCHEDULED]
    for deployment in deployments:
        if deployment.name in SCHEDULED or not is_daily(deployment) or not deployment.schedules:
            continue
        accounts = accounts_of(deployment)
        if active(deployment) or not set(accounts).isdisjoint(traded):
            found.append(_checked(deployment, accounts, pools))
    return tuple(found)


def concerns_of(
    client: "SyncPrefectClient", watched: Sequence[Watched], traded: Collection[str]
) -> tuple[Concern, ...]:
    """Return what keeps these deployments from running, and the accounts whose runs all fail before they begin a day.

    The store knows of no run of such an account, so that nothing else would report it.
    """
    faults = [Concern(key=each.key, text=f"{each.what}; {each.remedy}") for each in watched if each.key]
    silent = [
        Concern(
            key=f"failed:{account}",
            text=f"no run of {account} has begun a day; the newest of {each.name} failed: {failure}",
        )
        for each in watched
        for account in each.accounts
        if account not in traded and (failure := _newest_failure(client, each))
    ]
    return (*faults, *silent)


def _newest_failure(client: "SyncPrefectClient", watched: Watched) -> str:
    """Return the message of the deployment's newest ended run if it failed; empty if it did not, or none has ended."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import TERMINAL_STATES, StateType
    from prefect.client.schemas.sorting import FlowRunSort

    if watched.deployment is None:
        return ""
    ended = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[watched.deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(TERMINAL_STATES)))
        ),
        sort=FlowRunSort.END_TIME_DESC,
        limit=1,
    )
    state = ended[0].state if ended else None
    if state is None or state.type not in (StateType.FAILED, StateType.CRASHED):
        return ""
    return state.message or state.name or "nothing was said"


def _ours(name: str, deployments: Sequence[Any], pools: "_Pools") -> Watched:
    alike = [deployment for deployment in deployments if deployment.name == name]
    wanted = _ENTRYPOINTS[name]
    for deployment in alike:
        if deployment.entrypoint == wanted:
            return _checked(deployment, accounts_of(deployment) if is_daily(deployment) else (), pools)
    if alike:
        return Watched(
            name=name,
            key=f"foreign:{name}",
            what=f"the deployment {name} runs {alike[0].entrypoint or 'another flow'}, not {wanted}",
            remedy="rename or delete it, and start `turbodmt up` again, which deploys its own",
        )
    return Watched(
        name=name, key=f"missing:{name}", what=f"{name} is not deployed", remedy="deploy it again with `turbodmt up`"
    )


def _checked(deployment: Any, accounts: tuple[str, ...], pools: "_Pools") -> Watched:
    for key, what, remedy in _faults(deployment, pools):
        return Watched(
            name=deployment.name, deployment=deployment, accounts=accounts, key=key, what=what, remedy=remedy
        )
    return Watched(name=deployment.name, deployment=deployment, accounts=accounts)


def _faults(deployment: Any, pools: "_Pools") -> Iterator[tuple[str, str, str]]:
    """Yield what keeps the deployment from running, as key, sentence and remedy, the first to mend first."""
    name, pool = deployment.name, deployment.work_pool_name
    if not active(deployment):
        yield (
            f"paused:{name}",
            f"the schedule of {name} is switched off, so nothing of it runs by itself",
            "switch it on on the deployment's page",
        )
    if pool is None and str(deployment.status or "").rpartition(".")[2] != "READY":
        yield (
            f"pool:{name}",
            f"{name} is in no work pool and no process serves it, so its runs stay late",
            f"move it to the work pool {POOL}, or start the process that serves it",
        )
    if pool is not None and pools.paused(pool, deployment.work_queue_name):
        yield (
            f"pool:{name}",
            f"the work pool {pool} of {name}, or its queue, is paused, so no run of it begins",
            "resume it on its page",
        )
    # A missing worker of our own pool is one concern for all.
    if pool is not None and pool != POOL and not pools.online(pool):
        yield (
            f"pool:{name}",
            f"{name} is in the work pool {pool}, of which no worker is online",
            f"start one with `prefect worker start --pool {pool}`, or move it to the pool {POOL}",
        )


class _Pools:
    """Work pools of the server, each asked for once."""

    def __init__(self, client: "SyncPrefectClient") -> None:
        self._client = client
        self._paused = {pool.name for pool in client.read_work_pools() if pool.is_paused}
        self._online: dict[str, bool] = {}

    def paused(self, pool: str, queue: str | None) -> bool:
        """Return whether the pool or its queue is paused."""
        if pool in self._paused:
            return True
        found = self._client.read_work_queues(work_pool_name=pool)
        return any(each.is_paused for each in found if each.name == queue)

    def online(self, pool: str) -> bool:
        """Return whether a worker of the pool is online."""
        if pool not in self._online:
            self._online[pool] = workers_online(self._client, pool) > 0
        return self._online[pool]
