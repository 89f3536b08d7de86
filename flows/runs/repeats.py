"""Other runs of a run's deployment: those due after it that take its place, and the next one planned."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

#: A run that begins this long after its time has waited: later ones may be due by now.
LATE_BY = timedelta(minutes=2)
#: Prefect plans at least three runs of a schedule; more wait only where a server ran for days without a worker.
_MOST = 200


def taken_over_at(now: datetime) -> datetime | None:
    """Return when the newest run was due that takes the place of the current one; None if none does.

    That is a scheduled run of the same deployment and parameters that is due as well, and waits, runs or has ended
    well: of the runs that a machine finds waiting when it wakes, only the newest has anything to do.
    """
    run = _current()
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return None
    if now - run.expected_start_time < LATE_BY:
        return None
    kinds = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.COMPLETED)
    later = _planned(run, kinds, FlowRunSort.EXPECTED_START_TIME_DESC, after=run.expected_start_time, before=now)
    due = (
        each.expected_start_time
        for each in later
        if each.id != run.id and each.auto_scheduled and each.parameters == run.parameters
    )
    return next(due, None)


def next_try_at(now: datetime) -> datetime | None:
    """Return when the next run of the current run's deployment is planned; None if none is."""
    run = _current()
    if run is None:
        return None
    planned = _planned(run, (StateType.SCHEDULED,), FlowRunSort.EXPECTED_START_TIME_ASC, after=now)
    return next((each.expected_start_time for each in planned if each.id != run.id), None)


def _current() -> "FlowRun | None":
    """Return the run of a deployment that this is; None outside of one."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    return run if run is not None and run.deployment_id is not None else None


def _planned(
    run: "FlowRun", kinds: Sequence[StateType], sort: FlowRunSort, *, after: datetime, before: datetime | None = None
) -> "list[FlowRun]":
    """Return the runs of the deployment in states of these types that were planned for the span, its ends included."""
    assert run.deployment_id is not None, "asked of a deployment's run alone"
    span: dict[str, Any] = {"after_": after, "before_": before}
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[run.deployment_id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*kinds])),
                expected_start_time=FlowRunFilterExpectedStartTime(**span),
            ),
            sort=sort,
            limit=_MOST,
        )
