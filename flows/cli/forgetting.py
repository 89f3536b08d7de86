"""`forget`, of `turbodmt accounts` and `turbodmt bars`: it cannot be undone, so it asks first."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from strategy.exit_codes import UsageError


class Deed(StrEnum):
    """The actions on an account or on the bars of a source."""

    FORGET = "forget"


Doing = Annotated[Deed | None, typer.Argument(metavar="forget", help="Forget one. Without it, all are listed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]


def demand_yes(yes: bool, question: str) -> None:
    """Return if `yes` was given or the question is answered with yes. Raises UsageError."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; give --yes if it is meant")
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was forgotten")
