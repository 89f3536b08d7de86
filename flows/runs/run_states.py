"""A run says how it ended in one sentence, also where it failed for a reason that has an exit code."""

import logging
from collections.abc import Callable
from typing import TypeVar, cast

from prefect.states import Completed, Failed

from flows.config.exit_codes import Exit, exit_code
from tasks.daily.order import AccountHalted

R = TypeVar("R")

log = logging.getLogger(__name__)


def in_one_sentence(work: Callable[[], R]) -> R:
    """What the work returns, or a failed state with its sentence; Prefect raises the failure itself for who called.

    Prefect would put "Flow run encountered an exception" and the name of a class before it, and its page shows no more
    than the first words of a state's message. A bug is raised, with all that Prefect has to say of it.
    """
    try:
        return work()
    except Exception as error:
        if exit_code(error) is Exit.BUG:
            raise
        sentence = str(error)
        log.error("%s%s.", sentence[:1].upper(), sentence[1:])
        # A day that a halt has cut is no accident: Prefect's page says so in the name of its state.
        name = "Halted" if isinstance(error, AccountHalted) else "Failed"
        return cast(R, Failed(message=sentence, data=error, name=name))


def ended_well(answer: R, sentence: str) -> R:
    """A completed state with the sentence; Prefect returns the answer itself to who called the flow."""
    return cast(R, Completed(message=sentence, data=answer))
