"""`turbodmt strategies`: list the strategies, with versions, verdicts, trials and accounts."""

from typing import TYPE_CHECKING

import typer

from flows.cli.console import run_command
from flows.cli.options import AsJson, Home
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.strategies.listing import KnownStrategyAnswer, StrategiesAnswer

#: Sets of parameters whose verdicts the table names.
SHOWN = 3


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
            "audit": _audit(known),
            "trials": known.trials or "",
            "accounts": ", ".join(known.accounts),
            "from": known.origin,
        }
        for known in answer.strategies
    ]
    return table(rows, ("name", "version", "audit", "trials", "accounts", "from"))


def _audit(known: "KnownStrategyAnswer") -> str:
    """Return the verdict on the version with the parameters that were audited, at most three of them."""
    audits = [*known.audits_of_parameters.items()]
    if all(parameters == "no parameters" for parameters, _ in audits):
        return known.audit
    more = f", {len(audits) - SHOWN} more" if len(audits) > SHOWN else ""
    return ", ".join(f"{verdict} ({parameters})" for parameters, verdict in audits[:SHOWN]) + more
