"""`turbodmt strategies`: list the strategies, with versions, verdicts, trials and accounts."""

from typing import TYPE_CHECKING

import typer

from flows.cli.console import run_command, table
from flows.cli.options import AsJson, Home

if TYPE_CHECKING:
    from tasks.strategies.listing import StrategiesAnswer


def strategies(context: typer.Context, home: Home = None, as_json: AsJson = False) -> None:
    """List the strategies, begin one (`new`), or let an account trade a changed one (`accept`)."""
    if context.invoked_subcommand is None:
        run_command(lambda: run_strategies(home), shown_strategies, as_json)


def run_strategies(home: str | None) -> "StrategiesAnswer":
    """Return the answer of `turbodmt strategies`."""
    from flows.config.settings import load
    from tasks.strategies.listing import listed

    return listed(load({"home": home}).home)


def shown_strategies(answer: "StrategiesAnswer") -> str:
    """Return the strategies as a table."""
    rows = [
        {
            "name": known.name,
            "version": (known.sha256 or "")[:12],
            "audit": known.audit,
            "trials": known.trials or "",
            "accounts": ", ".join(known.accounts),
            "from": known.origin,
        }
        for known in answer.strategies
    ]
    return table(rows, ("name", "version", "audit", "trials", "accounts", "from"))
