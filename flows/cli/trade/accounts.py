"""`turbodmt accounts`: list the accounts, forget one after confirmation, or let one adopt the present defaults."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, warned
from flows.cli.number_format import money, percent
from flows.cli.options import AsJson, Home, Reason, Yes, demand_yes
from flows.cli.text_table import table
from flows.cli.trade.adopt_defaults import run_adopt_defaults, shown_adopted_defaults
from strategy.exit_codes import UsageError

if TYPE_CHECKING:
    from tasks.operations.accounts import AccountsAnswer, ForgottenAccountAnswer


class AccountDeed(StrEnum):
    """The actions on an account."""

    FORGET = "forget"
    ADOPT_DEFAULTS = "adopt-defaults"


def accounts(
    deed: Annotated[
        AccountDeed | None, typer.Argument(metavar="forget|adopt-defaults", help="Without it, all are listed.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The account to forget.")] = None,
    account: Annotated[str, typer.Option(metavar="NAME", help="The account that adopts the defaults.")] = "daily",
    reason: Reason = "",
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the accounts of the ledger, forget one (its trials stay counted), or let one adopt the present defaults."""
    if deed is None:
        run_command(lambda: run_accounts(home), shown_accounts, as_json)
    elif deed is AccountDeed.FORGET:
        run_command(lambda: run_forget_account(home, name, yes), shown_forgotten_account, as_json)
    else:
        run_command(lambda: run_adopt_defaults(home, account, reason), shown_adopted_defaults, as_json)


def run_accounts(home: str | None) -> "AccountsAnswer":
    """Return the answer of `turbodmt accounts`."""
    from flows.config.settings import load
    from tasks.operations.accounts import accounts as known_accounts

    return known_accounts(load({"home": home}).home)


def run_forget_account(home: str | None, name: str | None, yes: bool) -> "ForgottenAccountAnswer":
    """Return the answer of `turbodmt accounts forget`. Raises UsageError."""
    from flows.config.settings import load
    from flows.scheduling.accounts_page import rewritten
    from flows.scheduling.schedules import accounts_by_deployment
    from tasks.operations.accounts import demand_forgettable, forget_account

    if not name:
        raise UsageError("NAME is missing; `turbodmt accounts` lists the accounts")
    folder = load({"home": home}).home
    found = demand_forgettable(folder, name)
    runs = accounts_by_deployment(folder, switched_on=True)
    deployments = [deployment for deployment, account in runs if account == name]
    if deployments:
        raise UsageError(
            f"account {name} is scheduled by {', '.join(deployments)}; switch that schedule off on its page first"
        )
    span = f" of {found.first} to {found.last}" if found.first else ""
    demand_yes(yes, f"Forget account {name}{span}, with its orders, fills and pages? It cannot be undone.")
    with rewritten(folder):
        return forget_account(folder, name)


def shown_accounts(answer: "AccountsAnswer") -> str:
    """Return the accounts as a table."""
    if not answer.accounts:
        return "There is no account yet; `turbodmt daily` makes one."
    from tasks.run.kept_terms import in_words

    rows = [
        {
            **dict(account),
            "equity": money(account.equity),
            "halted": "yes" if account.halted else "no",
            "twr": percent(account.twr),
            "mwr a year": percent(account.mwr),
            "terms": in_words(account.next_terms or {}),
        }
        for account in answer.accounts
    ]
    columns = (
        "account",
        "filled_by",
        "strategy",
        "source",
        "broker",
        "first",
        "last",
        "equity",
        "twr",
        "mwr a year",
        "halted",
        "terms",
    )
    return sections(table(rows, columns), warned(answer))


def shown_forgotten_account(answer: "ForgottenAccountAnswer") -> str:
    """Return a sentence on what was deleted, and what stays."""
    return (
        f"Account {answer.forgotten} is forgotten: {answer.days:,} days, {answer.orders:,} orders, "
        f"{answer.fills:,} fills, and its pages. What was tried stays counted."
    )
