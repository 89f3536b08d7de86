"""Commands on one account of the ledger: its status, halt and resume."""

from typing import Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home


def status(account: Account = "daily", home: Home = None, as_json: AsJson = False) -> None:
    """Show where the account stands: equity, positions, open orders, model, next runs."""
    from flows.cli.commands import run_status
    from flows.cli.text.answers import shown_status

    run_command(lambda: run_status({"home": home}, account), shown_status, as_json)


def halt(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Stop an account from sending orders but those that reduce; data, decisions and reports go on."""
    from flows.cli.commands import run_halt
    from flows.cli.text.answers import shown_halt

    run_command(lambda: run_halt({"home": home}, account, reason), shown_halt, as_json)


def resume(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a halted account trade again from its next day on."""
    from flows.cli.commands import run_resume
    from flows.cli.text.answers import shown_halt

    run_command(lambda: run_resume({"home": home}, account, reason), shown_halt, as_json)
