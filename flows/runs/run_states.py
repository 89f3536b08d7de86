"""Final state of a run: one sentence, also for a failure that has an exit code."""

import logging
from collections.abc import Callable
from typing import TypeVar, cast

from prefect.states import Completed, Failed

from strategy.exit_codes import Exit, exit_code
from tasks.daily.order import AccountHalted

R = TypeVar("R")

log = logging.getLogger(__name__)


def in_one_sentence(work: Callable[[], R]) -> R:
    """Return the work's result, or a failed state with the error's sentence, from which Prefect raises the error.

    Prefect's own message would start with "Flow run encountered an exception" and a class name, and its page shows only
    the first words of a state's message. A bug is raised, with Prefect's full message.
    """
    try:
        return work()
    except Exception as error:
        if exit_code(error) is Exit.BUG:
            raise
        sentence = str(error)
        log.error("%s%s.", sentence[:1].upper(), sentence[1:])
        # A day cut short by a halt is no accident: the name of its state says so on Prefect's page.
        name = "Halted" if isinstance(error, AccountHalted) else "Failed"
        return cast(R, Failed(message=sentence, data=error, name=name))


def ended_well(answer: R, sentence: str) -> R:
    """Return a completed state with the sentence, from which Prefect returns the answer itself to the flow's caller."""
    return cast(R, Completed(message=sentence, data=answer))
