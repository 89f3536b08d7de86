"""Prepare this process to run a Prefect flow."""

from pathlib import Path


def prepare_run(home: Path) -> None:
    """Set Prefect up for a flow, and start its server."""
    from flows.server.environment import prepare, quiet
    from flows.server.run_server import serve

    prepare(home, "WARNING")
    serve(home)
    quiet()
