"""The page of all accounts after a run: what the server knows is added, and no fault of it reaches the run."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from flows.config.wall_clock import clock
from flows.server.run_server import owned
from tasks.overview.facts import Beside
from tasks.overview.writing import IndexAnswer, write_overview
from tasks.run.runs import accounts_run

log = logging.getLogger(__name__)


@contextmanager
def rewritten(home: Path) -> Iterator[None]:
    """Write the page of all accounts once the block has ended, well or not; whatever that meets is logged alone.

    After Ctrl-C or SIGTERM nothing is written: the process is to end at once.
    """
    try:
        yield
    except Exception:
        _written(home)
        raise
    _written(home)


def rewrite(home: Path, now: datetime) -> IndexAnswer:
    """Write the page of all accounts and return where it lies. Raises StoreError, PlaceUnsafe."""
    return write_overview(home, _beside(home, now))


def _written(home: Path) -> None:
    try:
        rewrite(home, clock())
    except Exception as error:  # noqa: BLE001 - a run is not worse for a page that is not written
        log.warning("The page of all accounts could not be written: %s.", str(error) or type(error).__name__)


def _beside(home: Path, now: datetime) -> Beside:
    """Return the next run of each account, and the server's concerns, where a server of the user's is joined."""
    if "PREFECT_API_URL" not in os.environ or owned():
        return Beside(now=now)
    # Prefect's import takes longer than all else here.
    from flows.scheduling.next_runs import first_runs
    from flows.scheduling.server_concerns import on_server

    try:
        return Beside(now=now, next_runs=first_runs(now), concerns=on_server(now, accounts_run(home)))
    except Exception as error:  # noqa: BLE001 - the page says that no schedule is known
        log.info("The schedules are not known (%s).", type(error).__name__)
        return Beside(now=now)
