"""Console output of a command: the answer on stdout, everything else on stderr, and an exit code."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import typer

from flows.cli.colours import failure, warning
from flows.cli.streams import fitted
from flows.cli.text_table import table
from flows.runs.interrupts import ctrl_c_came
from flows.runs.work_progress import work_told
from strategy.exit_codes import Exit, exit_code

if TYPE_CHECKING:
    from tasks.run.answers import Answer

A = TypeVar("A", bound="Answer")

STOPPED = "stopped by the user; run the same command again to go on"


class Warned(Protocol):
    """An answer with warnings."""

    @property
    def warnings(self) -> Sequence[str]:
        """Return the warnings."""


def quiet_logs(level: int = logging.ERROR) -> None:
    """Show on the console only what libraries log from the level on: the answer holds all warnings of a run."""
    from flows.server.environment import NotOfTheRun

    handler = logging.StreamHandler()
    handler.setLevel(level)
    handler.addFilter(NotOfTheRun())
    logging.getLogger().addHandler(handler)


def run_command(answer: Callable[[], A], show: Callable[[A], str], as_json: bool) -> None:
    """Print the answer, as JSON or in words, or the failure in one sentence, and exit with its code."""
    _finish(lambda: answer().to_json() if as_json else fitted(show(answer()), sys.stdout), as_json)


def run_dialogue(answer: Callable[[], str]) -> None:
    """Print the closing words of a command without --json, or the failure in one sentence, and exit with its code."""
    _finish(lambda: fitted(answer(), sys.stdout), as_json=False)


def _finish(produce: Callable[[], str], as_json: bool) -> None:
    try:
        with work_told():
            text = produce()
    # During a prompt, Ctrl-C and Ctrl-D raise Abort.
    except (typer.Abort, KeyboardInterrupt):
        fail(STOPPED, Exit.STOPPED, as_json)
    except Exception as error:  # noqa: BLE001 - the last stop: whatever happened becomes an exit code
        if ctrl_c_came():
            fail(STOPPED, Exit.STOPPED, as_json)
        code = exit_code(error)
        if code is Exit.BUG:
            traceback.print_exc(file=sys.stderr)
        fail(str(error) or type(error).__name__, code, as_json, getattr(error, "details", {}))
    else:
        _print(text)


def fail(message: str, code: Exit, as_json: bool, details: Mapping[str, object] = MappingProxyType({})) -> NoReturn:
    """Exit with the code; write the message to stderr, and with --json to stdout as an object as well, with details."""
    sentence = " ".join(message.split())
    if as_json:
        _print(json.dumps({"error": {"exit": int(code), "message": sentence, **details}}))
    sys.stderr.write(fitted(f"{failure('turbodmt:')} {sentence}", sys.stderr) + "\n")
    raise SystemExit(int(code))


def _print(text: str) -> None:
    """Print to stdout; ignore a closed pipe (`… | head`)."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Buffered output would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"turbodmt: done, but the answer cannot be printed: {error.strerror}; send it elsewhere\n")
            raise SystemExit(int(Exit.USAGE)) from error


def tell(sentence: str) -> None:
    """Announce on stderr, and so in a log too, what a command is about to do, if it takes minutes."""
    sys.stderr.write(fitted(sentence, sys.stderr) + "\n")
    sys.stderr.flush()


def sections(*parts: str) -> str:
    """Return the non-empty parts, separated by blank lines."""
    return "\n\n".join(part for part in parts if part)


def listed(heading: str, rows: Sequence[Mapping[str, object]], columns: tuple[str, ...]) -> str:
    """Return the rows under their heading; an empty string without rows."""
    return f"{heading}\n{table(rows, columns)}" if rows else ""


def warned(answer: Warned) -> str:
    """Return the warnings of an answer, one per line."""
    return "\n".join(f"{warning('Warning:')} {each}" for each in answer.warnings)


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "day"), counted(2000, "day")
    ('1 day', '2,000 days')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
