"""The watchdog: checks accounts, runs, schedules and workers; reports each concern once, and when it is over."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.states import Completed

from flows.config.settings import Settings, load
from flows.config.wall_clock import clock
from flows.runs.docstrings import documented
from flows.runs.repeats import taken_over_at
from flows.runs.run_states import in_one_sentence, taken_over
from flows.scheduling.accounts_page import rewritten
from flows.scheduling.alerts import notify
from flows.scheduling.digests import tell_overdue
from flows.scheduling.schedules import of_client
from flows.scheduling.server_concerns import on_server
from flows.server.environment import attend_run
from storage.files import write_whole
from tasks.artifacts.day import markdown
from tasks.operations.concerns import Concern, look
from tasks.report.markup import Table
from tasks.run.runs import accounts_run

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

# A worker loads this file by its path, under another module name.
log = logging.getLogger("flows.watchdog")

#: File in the home with the keys of the concerns reported.
MEMORY = "watch.json"


@flow(name="watchdog", flow_run_name="watchdog")
@documented
def watchdog(home: Path | None = None, accounts: list[str] | None = None) -> "State[Any]":
    """Report each concern once, by the block `turbodmt-alerts` or the webhook, and list all of them in an artifact.

    Also send the digest of a day that ends without one, and write the page of all accounts again.

    Args:
        home: The folder of the database, models and reports; left out, that of the worker.
        accounts: Accounts to look at besides those that a deployment has a schedule for.
    """
    attend_run()
    return in_one_sentence(lambda: _watched(load({"home": home}), accounts or []))


def _watched(settings: Settings, accounts: Sequence[str]) -> "State[Any]":
    with rewritten(settings.home):
        return _watch(settings, accounts)


def _watch(settings: Settings, accounts: Sequence[str]) -> "State[Any]":
    now, folder = clock(), settings.home
    later = taken_over_at(now)
    if later is not None:
        return taken_over(later)
    watched = {*accounts, *_scheduled()}
    tell_overdue(settings, watched, now)
    concerns = (*look(folder, now, watched), *on_server(now, accounts_run(folder)))
    fresh, over = changes(folder, concerns)
    create_markdown_artifact(
        markdown=markdown(
            Table(
                heading=f"Concerns at {now:%Y-%m-%d %H:%M} UTC",
                columns=("Key", "Concern"),
                rows=tuple((concern.key, concern.text) for concern in concerns) or (("-", "none"),),
            )
        ),
        key="watch",
        description=f"Concerns at {now:%Y-%m-%d %H:%M} UTC",
    )
    for concern in fresh:
        log.warning("New: %s.", concern.text)
    for key in over:
        log.info("Over: %s.", key)
    body = "\n".join([*(f"{concern.text}." for concern in fresh), *(f"Over: {key}." for key in over)])
    # Concerns that could not be reported are new again at the next check.
    silent = not body or settings.notify == "digest"
    if silent or notify(f"TurboDMT: {len(fresh)} new, {len(over)} over, {len(concerns)} in all", body):
        remember(folder, concerns)
    summary = "; ".join(concern.key for concern in concerns) or "all is well"
    return Completed(message=summary[:1_000])


def _scheduled() -> set[str]:
    """Return the accounts that a deployment has a schedule for, switched on or not."""
    with get_client(sync_client=True) as client:
        return {account for _, account in of_client(client, switched_on=False)}


def changes(home: Path, concerns: Sequence[Concern]) -> tuple[tuple[Concern, ...], tuple[str, ...]]:
    """Return the new concerns, and the keys of those that are over, compared with the remembered ones."""
    try:
        known = set(json.loads((home / MEMORY).read_bytes()))
    except (OSError, ValueError, TypeError):
        known = set()
    keys = {concern.key for concern in concerns}
    return tuple(concern for concern in concerns if concern.key not in known), tuple(sorted(known - keys))


def remember(home: Path, concerns: Sequence[Concern]) -> None:
    """Remember the concerns as reported."""
    write_whole(home / MEMORY, json.dumps(sorted({concern.key for concern in concerns})).encode())
