"""What `deposit`, `withdraw` and `positions import` share: the request, and its answer in words."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import sections, warned
from flows.cli.number_format import money, quantity
from flows.cli.text_table import table
from strategy.exit_codes import UsageError

if TYPE_CHECKING:
    from tasks.operations.cash_flows import CashFlowsAnswer, FlowRequest

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="Money of the account, such as 2500.")]
Key = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of this request; the same again books nothing. Left out: amount and day."),
]
Day = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="The day that books it; left out, the next.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads it later.")]
#: Most that one request moves.
MOST = Decimal(10) ** 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """The options of a request, as they were given."""

    account: str
    day: str | None
    reason: str
    key: str | None


def run_request(
    home: str | None, options: FlowOptions, asked: Callable[["FlowRequest"], "FlowRequest"]
) -> "CashFlowsAnswer":
    """Return the answer of a request that `asked` completes with its flows. Raises UsageError."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.base_currency import demand_currency_of
    from flows.planning.plan import day
    from tasks.operations.cash_flows import FlowRequest, request_flows

    blank = FlowRequest(
        account=options.account,
        flows=(),
        costs=(),
        what="",
        day=day(options.day, "--as-of"),
        reason=options.reason,
        key=options.key,
        at=clock(),
    )
    settings = load({"home": home})
    # Its next day would refuse the same settings.
    demand_currency_of(settings, options.account)
    return request_flows(settings.home, asked(blank))


def amount_of(text: str) -> Decimal:
    """Return the amount. Raises UsageError unless it is above 0, at most MOST, and has at most twelve decimals.

    >>> amount_of("2500.5")
    Decimal('2500.5')
    """
    from strategy.account.money import quantised

    try:
        amount = Decimal(text)
        if amount.is_finite() and 0 < amount <= MOST and quantised(amount) == amount:
            return amount
    except InvalidOperation:
        pass
    raise UsageError(
        f"AMOUNT is {text!r}; it must be a number above 0, at most {MOST:,f}, with at most twelve decimals"
    )


def shown_request(answer: "CashFlowsAnswer") -> str:
    """Return the flows of a request, and when they are booked."""
    rows = [
        {
            "kind": flow.kind,
            "symbol": flow.symbol,
            "amount": quantity(flow.quantity) if flow.symbol else money(flow.cash),
            "state": flow.refusal or (f"booked on {flow.settled_on}" if flow.settled_on else f"from {flow.not_before}"),
        }
        for flow in answer.flows
    ]
    done = "Recorded" if answer.recorded else "Known already"
    return sections(
        f"{done} for account {answer.account} under the key {answer.key!r}; its next day books it after the marks, "
        "before it decides.",
        table(rows, ("kind", "symbol", "amount", "state")),
        f"Until then `turbodmt cancel {shlex.quote(answer.key)} --account {answer.account}` cancels it."
        if any(flow.settled_on is None for flow in answer.flows)
        else "",
        warned(answer),
    )
