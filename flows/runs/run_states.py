"""Final state of a run: one sentence, also for a failure that has an exit code."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect.states import Completed, Failed

from strategy.exit_codes import Exit, exit_code

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

R = TypeVar("R")

#: Names of final states other than Prefect's own: orders that a halt withheld, a day that a later run does, and a run
#: whose place a later one takes.
HALTED, WAITING, SKIPPED = "Halted", "Waiting", "Skipped"

log = logging.getLogger(__name__)


class DayWaits(Exception):
    """A source that a scheduled run found late or down, and that the day can still wait for (exit 4).

    `tried_again` says whether another run of the day is planned in time.
    """

    exit_code = Exit.UNREACHABLE

    def __init__(self, sentence: str, *, tried_again: bool) -> None:
        super().__init__(sentence)
        self.tried_again = tried_again


def in_one_sentence(work: Callable[[], R]) -> R:
    """Return the work's result, or a failed state with the error's sentence, from which Prefect raises the error.

    Prefect's own message would start with "Flow run encountered an exception" and a class name, and its page shows only
    the first words of a state's message. A bug is raised, with Prefect's full message. A day that waits has its own
    name, which no alert is for: the watchdog reports the day once its time is over.
    """
    try:
        return work()
    except DayWaits as error:
        log.warning("%s", _sentence(error))
        if error.tried_again:
            return cast(R, Completed(message=str(error), name=WAITING))
        return cast(R, Failed(message=str(error), data=error, name=WAITING))
    except Exception as error:
        if exit_code(error) is Exit.BUG:
            raise
        log.error("%s", _sentence(error))
        # A day cut short by a halt is no accident: the name of its state says so on Prefect's page.
        return cast(R, Failed(message=str(error), data=error, name=getattr(error, "state_name", "Failed")))


def ended_well(answer: R, sentence: str) -> R:
    """Return a completed state with the sentence, from which Prefect returns the answer itself to the flow's caller."""
    return cast(R, Completed(message=sentence, data=answer))


def taken_over(due: datetime) -> "State[Any]":
    """Return the final state of a run whose place a later one takes, and when that one was due."""
    return Completed(message=f"The run that was due at {due:%Y-%m-%d %H:%M} UTC takes its place.", name=SKIPPED)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
