"""`turbodmt positions import`: transfer positions that are held elsewhere into a paper account."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home
from flows.cli.trade.cash_flows import Day, FlowOptions, Key, Why, run_request, shown_request

if TYPE_CHECKING:
    from tasks.operations.cash_flows import CashFlowsAnswer


class PositionsDeed(StrEnum):
    """The actions on positions."""

    IMPORT = "import"


def positions(
    deed: Annotated[PositionsDeed, typer.Argument(metavar="import", help="Transfer positions of a file.")],  # noqa: ARG001 (there is one)
    file: Annotated[str, typer.Argument(metavar="FILE", help="A csv file with symbol, quantity and perhaps cost.")],
    account: Account = "daily",
    as_of: Day = None,
    reason: Why = "",
    key: Key = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Transfer positions that are held elsewhere into a paper account, at the close of its next day."""
    options = FlowOptions(account=account, day=as_of, reason=reason, key=key)
    run_command(lambda: run_positions_import(home, file, options), shown_request, as_json)


def run_positions_import(home: str | None, file: str, options: FlowOptions) -> "CashFlowsAnswer":
    """Return the answer of `turbodmt positions import`. Raises SourceRefused, UsageError."""
    from exchange.bars.holdings_csv import read_holdings
    from flows.config.paths import expanded
    from tasks.operations.cash_flows import transfer_request

    holdings = read_holdings(expanded(Path(file)))
    return run_request(home, options, lambda blank: transfer_request(holdings, blank))
