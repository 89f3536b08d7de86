"""Prepare this process to run a Prefect flow."""

from pathlib import Path


def prepare_run(home: Path) -> None:
    """Set Prefect up for a flow, and start its server."""
    from flows.server.environment import prepare, quiet
    from flows.server.run_server import serve

    prepare(home, "WARNING")
    serve(home)
    quiet()


def prepare_tracked_run(home: Path) -> bool:
    """Return whether a Prefect server stands that would keep the run's record; if so, set Prefect up for a flow.

    Without one the run needs no Prefect: its import and a server of its own would take longer than the day itself.
    """
    from flows.server.environment import prepare, quiet
    from flows.server.run_server import joins_standing

    prepare(home, "WARNING")
    if not joins_standing(home):
        return False
    quiet()
    return True
