"""`turbodmt up`'s offer to schedule the user's own source and symbols."""

import json
import select
import sys
import time
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING

from flows.scheduling.own_symbols import Own, is_scheduled, own, schedule, when

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.config.settings import Settings

#: How long a question waits: nobody may be there, and the running processes need supervision.
PATIENCE_S = 60.0
_POLL_S = 0.25


def arrange(settings: "Settings", asked: Own | None, stop: Event) -> str:
    """Schedule the request, if there is one, on the environment's server; return a message, empty for none.

    Without a request, if the settings name a source that no deployment trades, the user is asked at the terminal, once
    for that source and its symbols; without a terminal the message names the command. Raises UsageError, and what
    `when` raises.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        if asked is not None:
            return schedule(client, asked, lambda: when(settings, asked.account))
        return offer(client, settings, stop, sys.stdin)


def offer(client: "SyncPrefectClient", settings: "Settings", stop: Event, terminal: IO[str] | None) -> str:
    """Offer to schedule the source that the settings name, and return a message; see `arrange`."""
    from exchange.ports import SourceRefused, SourceUnavailable
    from storage.errors import StoreError
    from strategy.account.dated_rates import RatesRefused
    from strategy.account.interest_rates import RatesMissing

    if settings.source == "sample":
        return ""
    try:
        wanted = own(settings)
        if is_scheduled(wanted, client.read_deployments()) or _declined(settings.home) == wanted.parameters:
            return ""
        question = f"Trade {wanted} every day, on account {wanted.account}?"
        answer = _answer(terminal, stop, question) if terminal is not None and terminal.isatty() else None
        if answer:
            return schedule(client, wanted, lambda: when(settings))
    except (SourceRefused, SourceUnavailable, StoreError, RatesMissing, RatesRefused) as error:
        return f"The settings' own source is not scheduled: {error}"
    command = f"once started like this, `up` does:\n  {wanted.command(settings.home)}"
    if answer is None:
        return f"Nothing trades {wanted} by itself, as the settings name it; {command}"
    _keep_declined(settings.home, wanted)
    return f"Nothing trades {wanted} by itself, and you are not asked again; {command}"


def _answer(terminal: IO[str], stop: Event, question: str) -> bool | None:
    """Return the answer given at the terminal; None if none comes in time, or on a stop."""
    sys.stdout.write(f"{question} [y/n] ")
    sys.stdout.flush()
    deadline = time.monotonic() + PATIENCE_S
    while not stop.is_set() and time.monotonic() < deadline:
        # A blocking read would delay Ctrl-C, and the restart of processes.
        if select.select([terminal], [], [], _POLL_S)[0]:
            said = terminal.readline().strip().lower()
            return {"y": True, "yes": True, "n": False, "no": False}.get(said)
    sys.stdout.write("\n")
    return None


def _declined(home: Path) -> object:
    """Return the parameters that the user declined; None if there are none."""
    try:
        return json.loads(_file(home).read_bytes())
    except (OSError, ValueError):
        return None


def _keep_declined(home: Path, wanted: Own) -> None:
    from storage.files import write_whole

    write_whole(_file(home), json.dumps(wanted.parameters).encode())


def _file(home: Path) -> Path:
    return home / "prefect" / "declined.json"
