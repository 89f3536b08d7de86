"""`turbodmt report`: the path of a day's page."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home

if TYPE_CHECKING:
    from tasks.operations.day_pages import ReportAnswer


def report(
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day; the newest that has one.")] = None,
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where the HTML report of an account's day lies."""
    run_command(lambda: run_report(home, account, as_of), shown_report, as_json)


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
