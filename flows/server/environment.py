"""Prefect's own environment: its files in our home, its talk off. Must run before prefect is imported."""

import atexit
import logging
import os
import sys
from pathlib import Path

from flows.config.exit_codes import Exit, exit_code
from flows.server.proxies import reach_loopback_directly

OUR_LOGGERS = ("tasks", "flows")
#: Whose records make up a run's log.
PREFECTS_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
RUN_LOGGERS = (*OUR_LOGGERS, *PREFECTS_LOGGERS)
#: How long the end of the process may wait for Prefect's background thread.
THREAD_END_S = 5.0

#: How often a run says that it is alive, in seconds; Prefect allows no less. See `automations`.
HEARTBEAT_S = 30

#: Set only where the user has not set them.
DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    # In memory, the restart of a server would end every run that renews its place in the queue.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # By itself Prefect forgets events after a week, but never a run.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "GX_ANALYTICS_ENABLED": "false",
    # Prefect's newer page asks its maker's analytics for settings at every visit, whatever the server's analytics are.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


def prepare(home: Path, console_level: str) -> None:
    """None; Prefect, imported after this, keeps its files in `home/prefect` and logs from `console_level` on.

    Raises StoreReadOnly, StoreFull: a server of Prefect's own that cannot write would be waited for in vain.
    """
    from storage.files import private_folder

    private_folder(home / "prefect")
    reach_loopback_directly()
    for name, value in {**DEFAULTS, "PREFECT_LOGGING_LEVEL": console_level}.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", ",".join(OUR_LOGGERS))


class PrefectMisconfigured(ValueError):
    """Prefect refuses one of its own settings (exit 2)."""


def read_settings() -> None:
    """Let Prefect read its settings, as its import does. Raises PrefectMisconfigured."""
    from pydantic import ValidationError
    from pydantic_settings.exceptions import SettingsError

    shown = logging.root.manager.disable
    # What Prefect says of it meanwhile, it says in many lines.
    logging.disable(logging.CRITICAL)
    try:
        import prefect.context  # noqa: F401
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        kind, name = error.title.removesuffix("Settings"), ".".join(str(part) for part in first["loc"])
        limit = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ").partition(", unable")[0]
        variable = next((one for one in os.environ if _means(one, kind, name)), None)
        said = f"{variable} is {os.environ[variable]!r}" if variable else f"Prefect's setting {kind} {name} is refused"
        if variable and any(mark in variable for mark in ("KEY", "AUTH", "URL", "PASSWORD")):
            said = f"{variable} is refused by Prefect"
        raise PrefectMisconfigured(f"{said}; it must be {limit}: correct it, or unset it") from error
    except SettingsError as error:
        raise PrefectMisconfigured(f"{error}; correct that file, or run elsewhere") from error
    finally:
        logging.disable(shown)


def _means(variable: str, kind: str, name: str) -> bool:
    """Whether a variable of the environment gives this setting of Prefect's."""
    words = variable.upper().split("_")
    wanted = name.upper().split("_")
    return words[0] == "PREFECT" and words[-len(wanted) :] == wanted and kind.upper().startswith(words[1])


def heed() -> None:
    """Let Prefect read the environment anew where it was imported before, and has read it then."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def quiet() -> None:
    """Show on the console nothing of a run's own log, and of the rest nothing below the level of `prepare`.

    Raises PrefectMisconfigured.
    """
    read_settings()
    # Prefect installs its handlers when this module of it is imported.
    import prefect.main  # noqa: F401

    # The console's handler is the root's; the run's own log, which the handlers below it keep, stays complete.
    for handler in logging.getLogger().handlers:
        handler.addFilter(NotOfTheRun())
        # Great Expectations sets its own level, to tell of every temporary folder.
        handler.setLevel(os.environ["PREFECT_LOGGING_LEVEL"].upper())


class NotOfTheRun(logging.Filter):
    """Drops what a run logs: on the console the command's answer, or `fail` in one sentence, tells it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        return not record.name.startswith(RUN_LOGGERS)


class OfABug(logging.Filter):
    """Drops the traceback of a failure that has an exit code: the run's state says it, and the log that state."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return error is None or exit_code(error) is Exit.BUG


_OF_A_BUG = OfABug()


def attend_run() -> None:
    """None; what our steps log from INFO on reaches the run's log, a failure in one sentence.

    The process will end without a word more.
    """
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    # Adding the same filter again changes nothing.
    for name in PREFECTS_LOGGERS:
        logging.getLogger(name).addFilter(_OF_A_BUG)
    # It is called once per run, and one registration is enough.
    atexit.unregister(_release_runs)
    atexit.register(_release_runs)


def _release_runs() -> None:
    """None; Prefect's background thread has ended and no longer holds the runs it was started by.

    A thread that is alive when the interpreter ends keeps the run's context, hence the flow, its modules and DuckDB's
    types; DuckDB's binding would list each of them on stderr.
    """
    from prefect._internal.concurrency.threads import wait_for_global_loop_exit

    wait_for_global_loop_exit(THREAD_END_S)
