"""`turbodmt accounts` and `turbodmt bars`: list them, and forget one after confirmation."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from flows.cli.console import run_command, sections, table, warned
from flows.cli.number_format import money
from flows.cli.options import AsJson, Home

Json = dict[str, Any]


class Deed(StrEnum):
    """The actions on an account or on the bars of a source."""

    FORGET = "forget"


class NotConfirmed(ValueError):
    """An action that nobody confirmed; nothing was forgotten (exit 2)."""


Doing = Annotated[Deed | None, typer.Argument(metavar="forget", help="Forget one. Without it, all are listed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]


def accounts(
    deed: Doing = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The account to forget.")] = None,
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the accounts of the ledger, or forget one: its rows and pages go, its trials stay counted."""
    if deed is None:
        run_command(lambda: run_accounts(home), shown_accounts, as_json)
    else:
        run_command(lambda: run_forget_account(home, name, yes), shown_forgotten, as_json)


def bars(
    deed: Doing = None,
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="The source whose bars to forget.")] = None,
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the published bars and what the gate holds back, or forget the bars of a source that no account needs."""
    from flows.cli.commands import run_bars
    from flows.cli.text.bars import shown_bars

    if deed is None:
        run_command(lambda: run_bars({"home": home}), shown_bars, as_json)
    else:
        run_command(lambda: run_forget_bars(home, source, yes), shown_forgotten, as_json)


def run_accounts(home: str | None) -> Json:
    """Return the answer of `turbodmt accounts`."""
    from flows.config.settings import load
    from tasks.operations.accounts import accounts_json

    return accounts_json(load({"home": home}).home)


def run_forget_account(home: str | None, name: str | None, yes: bool) -> Json:
    """Return the answer of `turbodmt accounts forget`. Raises NotConfirmed, NotForgotten, AccountUnknown."""
    from flows.config.settings import load
    from flows.scheduling.schedules import accounts_by_deployment
    from tasks.operations.accounts import NotForgotten, demand_forgettable, forget_account

    if not name:
        raise NotConfirmed("NAME is missing; `turbodmt accounts` lists the accounts")
    folder = load({"home": home}).home
    found = demand_forgettable(folder, name)
    deployments = [one for one, account in accounts_by_deployment(folder, switched_on=True) if account == name]
    if deployments:
        raise NotForgotten(
            f"account {name} is scheduled by {', '.join(deployments)}; switch that schedule off on its page first"
        )
    span = f" of {found.first} to {found.last}" if found.first else ""
    _demand_yes(yes, f"Forget account {name}{span}, with its orders, fills and pages? It cannot be undone.")
    return forget_account(folder, name)


def run_forget_bars(home: str | None, source: str | None, yes: bool) -> Json:
    """Return the answer of `turbodmt bars forget`. Raises NotConfirmed, NotForgotten."""
    from flows.config.settings import load
    from tasks.operations.accounts import demand_unused, forget_bars

    if not source:
        raise NotConfirmed("SOURCE is missing; `turbodmt bars` lists the sources")
    folder = load({"home": home}).home
    count = demand_unused(folder, source)
    _demand_yes(yes, f"Forget {count:,} bars of {source}, with what the gate knows of them? It cannot be undone.")
    return forget_bars(folder, source)


def _demand_yes(yes: bool, question: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed("there is no terminal to ask at; give --yes if it is meant")
    if not typer.confirm(question, err=True):
        raise NotConfirmed("nothing was forgotten")


def shown_accounts(answer: Json) -> str:
    """Return the accounts as a table."""
    if not answer["accounts"]:
        return "There is no account yet; `turbodmt daily` makes one."
    rows = [
        {**one, "equity": money(one["equity"]), "halted": "yes" if one["halted"] else "no"}
        for one in answer["accounts"]
    ]
    columns = ("account", "filled_by", "strategy", "source", "broker", "first", "last", "equity", "halted")
    return sections(table(rows, columns), warned(answer))


def shown_forgotten(answer: Json) -> str:
    """Return a sentence on what was deleted, and what stays."""
    if "bars" in answer:
        return f"{answer['bars']:,} bars of {answer['forgotten']} are forgotten; what was tried on them stays counted."
    return (
        f"Account {answer['forgotten']} is forgotten: {answer['days']:,} days, {answer['orders']:,} orders, "
        f"{answer['fills']:,} fills, and its pages. What was tried stays counted."
    )
