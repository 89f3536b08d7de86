"""`turbodmt watch`: the watchdog's checks of the store, without a server and without notifications."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, warned
from flows.cli.options import AsJson, Home
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.operations.concerns import WatchAnswer


def watch(
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An account to look at, repeatable; left out, those that are scheduled."),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what is not as it should be: accounts that stand still, failed runs, halts, symbols held back."""
    run_command(lambda: run_watch(home, account or ()), shown_watch, as_json)


def run_watch(home: str | None, accounts: Sequence[str] = ()) -> "WatchAnswer":
    """Return the answer of `turbodmt watch`.

    If no accounts are named and no server schedules any, the accounts are those whose newest run was live: somebody
    runs them every day.
    """
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.scheduling.schedules import accounts_by_deployment
    from flows.server.run_server import PrefectUnreachable
    from tasks.operations.accounts import demand_known
    from tasks.operations.concerns import WatchAnswer, look

    folder = load({"home": home}).home
    warnings = []
    for account in accounts:
        demand_known(folder, account)
    watched = set(accounts)
    if not watched:
        try:
            watched = {account for _, account in accounts_by_deployment(folder, switched_on=False)}
        except PrefectUnreachable as error:
            warnings.append(str(error))
    return WatchAnswer(concerns=look(folder, clock(), watched or None), warnings=tuple(warnings))


def shown_watch(answer: "WatchAnswer") -> str:
    """Return the concerns as a table, or a sentence that there are none."""
    concerns = table([*map(asdict, answer.concerns)], ("key", "text")) if answer.concerns else "All is well."
    return sections(concerns, warned(answer))
