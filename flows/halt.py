"""Halt and resume as flows, for use from Prefect's page: the same as `turbodmt halt` and `resume`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.cli.trade.halt import halt_line, run_flatten, run_halt, run_resume
from flows.runs.docstrings import documented
from flows.runs.run_states import in_one_sentence
from flows.server.environment import attend_run
from tasks.operations.halt import HaltAnswer

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

# A worker loads this file by its path, under another module name.
log = logging.getLogger("flows.halt")


def run_name() -> str:
    """Return the account and the reason of the current run, the name that Prefect shows."""
    given = flow_run.parameters
    return f"{flow_run.flow_name} {given['account']}, {given['reason'].strip()}"[:200]


@flow(name="halt", flow_run_name=run_name)
@documented
def halt(account: str, reason: str, flatten: bool = False, home: Path | None = None) -> "State[Any]":
    """The account as halted: its runs go on, and send only orders that reduce a position, until it is resumed.

    Args:
        account: The account in the ledger, such as daily-crypto.
        reason: Why, in a few words, for whoever reads it later.
        flatten: Cancel what is open, and have the daily runs close every position at the next open.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    given = None if home is None else str(home)
    return in_one_sentence(lambda: _final_state((run_flatten if flatten else run_halt)(given, account, reason)))


@flow(name="resume", flow_run_name=run_name)
@documented
def resume(account: str, reason: str, home: Path | None = None) -> "State[Any]":
    """The account as resumed: it trades again from its next day on, and the drawdown counts from today's equity.

    Args:
        account: The account in the ledger, such as daily-crypto.
        reason: What was found and why it is right to go on, for whoever reads it later.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    return in_one_sentence(lambda: _final_state(run_resume(None if home is None else str(home), account, reason)))


def _final_state(answer: HaltAnswer) -> "State[Any]":
    """Publish the change as an artifact of the account, and return the final state with the command's sentence."""
    row = {
        "Account": answer.account,
        "Halted": "yes" if answer.halted else "no",
        "Flattened": "yes" if answer.flatten else "no",
        "Since": str(answer.since or ""),
        "Reason": answer.reason,
        "Changed": "yes" if answer.changed else "no, it was so already",
    }
    sentence = halt_line(answer)
    create_table_artifact(table=[row], key=f"halt-{answer.account}", description=sentence)
    log.info("%s", sentence)
    return Completed(message=sentence)
