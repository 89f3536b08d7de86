"""`turbodmt withdraw`: take money out of a paper account."""

from typing import TYPE_CHECKING

from flows.cli.console import run_command
from flows.cli.options import Account, AsJson, Home
from flows.cli.trade.cash_flows import Amount, Day, FlowOptions, Key, Why, amount_of, run_request, shown_request

if TYPE_CHECKING:
    from tasks.operations.cash_flows import CashFlowsAnswer


def withdraw(
    amount: Amount,
    account: Account = "daily",
    as_of: Day = None,
    reason: Why = "",
    key: Key = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take money out of a paper account, at most its equity less long and short positions; its next day books it."""
    options = FlowOptions(account=account, day=as_of, reason=reason, key=key)
    run_command(lambda: run_withdraw(home, amount, options), shown_request, as_json)


def run_withdraw(home: str | None, amount: str, options: FlowOptions) -> "CashFlowsAnswer":
    """Return the answer of `turbodmt withdraw`. Raises UsageError."""
    from strategy.account.cash_flows import FlowKind
    from tasks.operations.cash_flows import cash_request

    money = amount_of(amount)
    return run_request(home, options, lambda blank: cash_request(FlowKind.WITHDRAWAL, money, blank))
