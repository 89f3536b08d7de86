"""Availability of Prefect's server to a command: if it cannot serve, the run ends with one sentence."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.server.run_server import LOG, PrefectUnreachable, owned
from storage.errors import StoreError

#: Space for the store's write-ahead log, and for the database of a run's own server, with room to grow.
LEAST_FREE_BYTES = 64_000_000


@contextmanager
def served(home: Path) -> Iterator[None]:
    """Raise PrefectUnreachable if the block fails for want of a Prefect server, StoreError if the disk is too full.

    Call it after `prepare`, which sets the environment.
    """
    demand_room(home)
    # A run's own server would log a failure as a traceback.
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    with reached():
        yield


def demand_room(home: Path) -> None:
    """Raise StoreError if the home's disk is too full for a run."""
    free_bytes = shutil.disk_usage(home).free
    if free_bytes < LEAST_FREE_BYTES:
        raise StoreError(
            f"{home} has {free_bytes / 1e6:.0f} MB free and a run needs {LEAST_FREE_BYTES / 1e6:.0f} MB",
            "make room, or name another --home",
        )


@contextmanager
def reached() -> Iterator[None]:
    """Raise PrefectUnreachable if the block fails for want of a Prefect server."""
    try:
        yield
    except Exception as error:
        failure = _unreachable(error)
        if failure is None:
            raise
        raise failure from error


def _unreachable(error: Exception) -> PrefectUnreachable | None:
    """Return the failure behind an error that left a flow; None if it is not due to Prefect's server."""
    text = str(error)
    if isinstance(error, RuntimeError) and text.startswith("Failed to reach API") and owned():
        folder = os.environ["PREFECT_HOME"]
        return PrefectUnreachable(
            f"Prefect's own server did not start, for the reason in {folder}/{LOG}; try again, and if it stays so "
            f"move {folder} away, which holds nothing but Prefect's records of past runs"
        )
    if isinstance(error, RuntimeError) and text.startswith("Failed to reach API"):
        return PrefectUnreachable(
            f"Prefect's server at {text.rpartition(' at ')[2].rstrip('.')} does not answer; start it, or unset "
            "PREFECT_API_URL so that the run brings its own"
        )
    if isinstance(error, RuntimeError) and "ephemeral Prefect API server" in text:
        waited_s = os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"]
        return PrefectUnreachable(
            f"Prefect's own server did not start within {waited_s} s; try again, and if it stays so move "
            f"{os.environ['PREFECT_HOME']} away, which holds nothing but Prefect's records of past runs"
        )
    if type(error).__name__ == "PrefectHTTPStatusError" and "401 Unauthorized" in text:
        return PrefectUnreachable(
            "Prefect's server asks for a password; set PREFECT_API_AUTH_STRING to the user:password of its start"
        )
    # Adapters translate errors of the steps' own requests, so this request was Prefect's.
    if type(error).__module__.partition(".")[0] == "httpx":
        return PrefectUnreachable(
            f"Prefect's server stopped answering during the run ({text}); run the same command again to go on"
        )
    return None
