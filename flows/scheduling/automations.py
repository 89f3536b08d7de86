"""TurboDMT's Prefect automations: mark silent runs as crashed, and notify of failures."""

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.config.choices import Notify
from flows.scheduling.alerts import BLOCK
from flows.server.environment import HEARTBEAT_S

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

PREFIX = "turbodmt: "
#: A run counts as dead after this many missing heartbeats.
HEARTBEATS_MISSED = 4
#: How long a worker may take to start a run that it has accepted.
BEGIN_LIMIT = timedelta(minutes=10)

#: The automations that notify somebody.
_FAILED, _LATE = _TOLD = ("a run failed", "a run is late")
_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling")
_BODY = "{{ flow_run.name }}: {{ flow_run.state.name }}. {{ flow_run.state.message }}\n{{ flow_run|ui_url }}"


def wanted(block: "UUID | None") -> tuple[AutomationCore, ...]:
    """Return the automations; those that notify somebody only if there is a block to notify through."""
    kept = (
        _silent(
            "a run without a heartbeat has crashed",
            after="prefect.flow-run.heartbeat",
            also="prefect.flow-run.heartbeat",
            within=timedelta(seconds=HEARTBEAT_S * HEARTBEATS_MISSED),
            message="Its process is gone: no heartbeat came. The next run of the day repairs what it left.",
        ),
        _silent(
            "a run that never began has crashed",
            after="prefect.flow-run.Pending",
            also="prefect.flow-run.Running",
            within=BEGIN_LIMIT,
            message="A worker took it on and never began it; look into the worker's log, then run it again.",
        ),
    )
    if block is None:
        return kept
    told = (
        _told(_FAILED, {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}, block),
        _told(_LATE, {"prefect.flow-run.Late"}, block),
    )
    return (*kept, *told)


def ensure(client: "SyncPrefectClient", notify: Notify = "all") -> tuple[str, ...]:
    """Create or update our automations on the server, each once, and return their names; one switched off stays off.

    Where digests alone are sent, those that notify somebody are deleted.
    """
    block = _block(client)
    if notify == "digest":
        for name in _TOLD:
            for surplus in client.read_automations_by_name(PREFIX + name):
                client.delete_automation(surplus.id)
        block = None
    made = wanted(block)
    for automation in made:
        found = client.read_automations_by_name(automation.name)
        for surplus in found[1:]:
            client.delete_automation(surplus.id)
        if found:
            client.update_automation(found[0].id, automation.model_copy(update={"enabled": found[0].enabled}))
        else:
            client.create_automation(automation)
    return tuple(automation.name for automation in made)


def _block(client: "SyncPrefectClient") -> "UUID | None":
    """Return the id of the notification block that a person has created, of any kind; None if there is none."""
    found = [document for document in client.read_block_documents(include_secrets=False) if document.name == BLOCK]
    return found[0].id if found else None


def _silent(name: str, *, after: str, also: str, within: timedelta, message: str) -> AutomationCore:
    """Return an automation that marks a run without events in time as crashed, which frees its place in the queue."""
    return AutomationCore(
        name=PREFIX + name,
        description="Made by `turbodmt up`; it may be switched off, and stays off then.",
        trigger=EventTrigger(
            after={after},
            expect={also, *(f"prefect.flow-run.{end}" for end in _ENDS)},
            match=_RUN,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=message, force=False)],
    )


def _told(name: str, events: set[str], block: "UUID") -> AutomationCore:
    """Return an automation that notifies through the block of the events."""
    return AutomationCore(
        name=PREFIX + name,
        description="Made by `turbodmt up`; it may be switched off, and stays off then.",
        trigger=EventTrigger(expect=events, match=_RUN, posture=Posture.Reactive, threshold=1),
        actions=[
            SendNotification(
                block_document_id=block,
                subject=f"TurboDMT: {name}",
                body=_BODY,
            )
        ],
    )
