"""`turbodmt cancel`: cancel a deposit, withdrawal or transfer that waits to be booked."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, warned
from flows.cli.options import Account, AsJson, Home

if TYPE_CHECKING:
    from tasks.operations.cash_flows import CancelledFlowsAnswer


def cancel(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the request, as `turbodmt status` shows it.")],
    account: Account = "daily",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a deposit, withdrawal or transfer of positions that waits to be booked."""
    run_command(lambda: run_cancel(home, account, key), shown_cancelled, as_json)


def run_cancel(home: str | None, account: str, key: str) -> "CancelledFlowsAnswer":
    """Return the answer of `turbodmt cancel`. Raises UsageError."""
    from flows.config.settings import load
    from tasks.operations.cash_flows import cancel_flows

    return cancel_flows(load({"home": home}).home, account, key)


def shown_cancelled(answer: "CancelledFlowsAnswer") -> str:
    """Return a sentence on what is not booked."""
    what = ", ".join(dict.fromkeys(flow.kind for flow in answer.flows))
    return sections(
        f"Cancelled for account {answer.account}: the {what} under the key {answer.key!r} is not booked.",
        warned(answer),
    )
