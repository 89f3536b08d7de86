"""Prefect's own environment: its files in our home, its talk off. Must run before prefect is imported."""

import logging
import os
from pathlib import Path

from flows.failures import Exit, exit_code
from storage.files import private_folder

#: Set only where the user has not set them.
DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_CLI_PROMPT": "false",
    "GX_ANALYTICS_ENABLED": "false",
}


def prepare(home: Path, console_level: str) -> None:
    """None; Prefect, imported after this, keeps its files in `home/prefect` and logs from `console_level` on.

    Raises StoreReadOnly, StoreFull: a server of Prefect's own that cannot write would be waited for in vain.
    """
    private_folder(home / "prefect")
    for name, value in {**DEFAULTS, "PREFECT_LOGGING_LEVEL": console_level}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "tasks,flows")


def quiet() -> None:
    """None; loggers of Prefect no longer print the traceback of a failure that has an exit code of its own."""
    # Prefect installs its handlers when it is imported.
    import prefect  # noqa: F401

    for name in ("prefect.flow_runs", "prefect.task_runs", "prefect"):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(OneSentence())


class OneSentence(logging.Filter):
    """Takes the traceback off a log record whose failure has an exit code of its own: it is no bug."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown; a named failure is shown once, by `fail`."""
        error = record.exc_info[1] if record.exc_info else None
        return error is None or exit_code(error) is Exit.BUG
