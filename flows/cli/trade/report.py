"""`turbodmt report`: the path of a day's page, or of the page of all accounts."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home

if TYPE_CHECKING:
    from tasks.operations.day_pages import ReportAnswer
    from tasks.overview.writing import IndexAnswer


def report(
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day; the newest that has one.")] = None,
    account: Account = "daily",
    index: Annotated[bool, typer.Option("--index", help="The page of all accounts, written again.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where the HTML report of an account's day lies, or write the page of all accounts again."""
    if index:
        run_command(lambda: run_index(home, as_of), shown_index, as_json)
    else:
        run_command(lambda: run_report(home, account, as_of), shown_report, as_json)


def run_index(home: str | None, as_of: str | None) -> "IndexAnswer":
    """Write the page of all accounts and return the answer of `turbodmt report --index`. Raises RequestRefused."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.plan import RequestRefused
    from flows.scheduling.accounts_page import rewrite
    from flows.scheduling.next_runs import joined

    if as_of is not None:
        raise RequestRefused(
            f"--as-of is {as_of}, and the page of all accounts shows them as they are now; leave it out"
        )
    folder = load({"home": home}).home
    joined(folder)
    return rewrite(folder, clock())


def shown_index(answer: "IndexAnswer") -> str:
    """Return only the path, so that a shell can pass it on."""
    return answer.index


def run_report(home: str | None, account: str, as_of: str | None) -> "ReportAnswer":
    """Return the answer of `turbodmt report`. Raises RequestRefused if there is no such page."""
    from flows.config.settings import load
    from flows.planning.plan import RequestRefused, day, demand_account
    from storage.reports import day_pages
    from tasks.operations.accounts import demand_known
    from tasks.operations.day_pages import ReportAnswer

    demand_account(account)
    folder = load({"home": home}).home
    pages = day_pages(folder, account)
    wanted = day(as_of, "--as-of")
    if not pages:
        demand_known(folder, account)
        raise RequestRefused(
            f"account {account} has no report; name another --account, or run `turbodmt daily --account {account}`"
        )
    first, newest = min(pages), max(pages)
    shown = wanted or newest
    if shown not in pages:
        raise RequestRefused(
            f"account {account} has no report of {shown}; name one of the {len(pages)} days that have one, from "
            f"{first} to {newest}"
        )
    return ReportAnswer(account=account, as_of=shown, report=str(pages[shown]), days=tuple(pages))


def shown_report(answer: "ReportAnswer") -> str:
    """Return only the path, so that a shell can pass it on."""
    return answer.report
