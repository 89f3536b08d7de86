"""Environment of Prefect: data under home, telemetry off. Must run before prefect is imported."""

import atexit
import logging
import os
import sys
from pathlib import Path

from flows.server.proxies import reach_loopback_directly
from strategy.exit_codes import Exit, UsageError, exit_code

OUR_LOGGERS = ("tasks", "flows")
#: Loggers whose records make up a run's log.
PREFECTS_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
RUN_LOGGERS = (*OUR_LOGGERS, *PREFECTS_LOGGERS)
#: How long the process may wait at exit for Prefect's background thread.
THREAD_END_S = 5.0

#: Interval of a run's heartbeat, in seconds; Prefect allows no less. See `automations`.
HEARTBEAT_S = 30

#: Defaults for variables that the user has not set.
DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # With leases in memory, a server's restart would end every run that renews its place in the queue.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # The runs of many accounts are due in the same second and wait for each other; a late one sends an alert.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1200",
    # By default Prefect deletes events after a week, but never a run.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # Prefect's newer page contacts its vendor's analytics at every visit, even with the server's analytics off.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


def prepare(home: Path, console_level: str) -> None:
    """Make Prefect, imported after this, keep its files in `home/prefect` and log from `console_level` on.

    Raises StoreError: a run would otherwise wait in vain for a Prefect server that cannot write.
    """
    from storage.files import private_folder

    private_folder(home / "prefect")
    reach_loopback_directly()
    for name, value in {**DEFAULTS, "PREFECT_LOGGING_LEVEL": console_level}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", ",".join(OUR_LOGGERS))


def read_settings() -> None:
    """Make Prefect read its settings, as its import does. Raises UsageError."""
    from pydantic import ValidationError
    from pydantic_settings.exceptions import SettingsError

    shown = logging.root.manager.disable
    # Silence Prefect's own report of a bad setting, which takes many lines.
    logging.disable(logging.CRITICAL)
    try:
        import prefect.context  # noqa: F401
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        kind, name = error.title.removesuffix("Settings"), ".".join(str(part) for part in first["loc"])
        limit = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ").partition(", unable")[0]
        variable = next((key for key in os.environ if _means(key, kind, name)), None)
        said = f"{variable} is {os.environ[variable]!r}" if variable else f"Prefect's setting {kind} {name} is refused"
        if variable and any(mark in variable for mark in ("KEY", "AUTH", "URL", "PASSWORD")):
            said = f"{variable} is refused by Prefect"
        raise UsageError(f"{said}; it must be {limit}: correct it, or unset it") from error
    except SettingsError as error:
        raise UsageError(f"{error}; correct that file, or run elsewhere") from error
    finally:
        logging.disable(shown)


def _means(variable: str, kind: str, name: str) -> bool:
    """Return whether an environment variable sets this setting of Prefect's."""
    words = variable.upper().split("_")
    wanted = name.upper().split("_")
    return words[0] == "PREFECT" and words[-len(wanted) :] == wanted and kind.upper().startswith(words[1])


def heed() -> None:
    """Make Prefect read the environment again if it was imported, and read it, before."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def quiet() -> None:
    """Keep a run's own log off the console, and show the rest only from the level of `prepare` on.

    Raises UsageError.
    """
    read_settings()
    # Importing this module installs Prefect's handlers.
    import prefect.main  # noqa: F401

    # The root's handler writes to the console; other handlers write the run's own log, which stays complete.
    for handler in logging.getLogger().handlers:
        handler.addFilter(NotOfTheRun())
        # Great Expectations sets its own level and would log every temporary folder.
        handler.setLevel(os.environ["PREFECT_LOGGING_LEVEL"].upper())


class NotOfTheRun(logging.Filter):
    """Filter that drops a run's records from the console, where the command's answer or `fail` reports them once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is shown."""
        return not record.name.startswith(RUN_LOGGERS)


class OfABug(logging.Filter):
    """Filter that drops the traceback of a failure with an exit code: the run's state and log have the sentence."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return error is None or exit_code(error) is Exit.BUG


_OF_A_BUG = OfABug()


def attend_run() -> None:
    """Send our steps' records from INFO on to the run's log, each failure as one sentence.

    Also end Prefect's background thread at exit, so that the process ends without further output.
    """
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    # Adding the same filter again has no effect.
    for name in PREFECTS_LOGGERS:
        logging.getLogger(name).addFilter(_OF_A_BUG)
    # This is called once per run, and one registration is enough.
    atexit.unregister(_release_runs)
    atexit.register(_release_runs)


def _release_runs() -> None:
    """Wait for Prefect's background thread to end, so that it no longer references the runs that started it.

    A thread alive at interpreter exit keeps the run's context, hence the flow, its modules and DuckDB's types; DuckDB's
    binding would list each of them on stderr.
    """
    from prefect._internal.concurrency.threads import wait_for_global_loop_exit

    wait_for_global_loop_exit(THREAD_END_S)
