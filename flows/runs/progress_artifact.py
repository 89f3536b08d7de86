"""Prefect's artifact of a long run's progress."""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact


def progress_artifact(account: str, description: str) -> Callable[[float, str], None]:
    """Create the artifact of the current run, and return a function that sets its percentage and description."""
    created = create_progress_artifact(0.0, key=f"progress-{account}", description=description)
    # It is a coroutine only inside an event loop, and none runs here.
    artifact = cast(UUID, created)

    def update(percentage: float, description: str) -> None:
        update_progress_artifact(artifact, percentage, description=description)

    return update
