"""`turbodmt resume`: let a halted account trade again."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home
from flows.cli.trade.halt import shown_halt

if TYPE_CHECKING:
    from tasks.operations.halt import HaltAnswer


def resume(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a halted account trade again from its next day on."""
    run_command(lambda: run_resume(home, account, reason), shown_halt, as_json)


def run_resume(home: str | None, account: str, reason: str) -> "HaltAnswer":
    """Resume the account and return the answer of `turbodmt resume`."""
    from flows.config.settings import load
    from tasks.operations.halt import resume as resume_account

    return resume_account(load({"home": home}).home, account, reason)
