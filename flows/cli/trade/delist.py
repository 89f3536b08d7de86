"""`turbodmt delist`: say that a symbol is delisted, on which day, and at which price; or take that back."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import run_command, sections, warned
from flows.cli.number_format import money, quantity
from flows.cli.options import Account, AsJson, Home
from strategy.exit_codes import UsageError

if TYPE_CHECKING:
    from tasks.operations.delist import DelistAnswer

#: Above any price.
MOST = Decimal(10) ** 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DelistOptions:
    """The options of the command, as they were given."""

    account: str
    symbol: str
    day: str | None
    price: str | None
    reason: str


def delist(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The symbol, as `turbodmt status` shows it.")],
    day: Annotated[str | None, typer.Option("--on", metavar="DATE", help="The day on which it is paid out.")] = None,
    price: Annotated[
        str | None, typer.Option(metavar="MONEY", help="What a unit is paid out at; 0 if nothing is left of it.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever reads it later.")] = "",
    account: Account = "daily",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what is recorded, while no account has settled it.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say that a symbol is delisted: its position is paid out at the price, and it is ordered no more."""
    options = DelistOptions(account=account, symbol=symbol, day=day, price=price, reason=reason)
    run = (lambda: run_undo(home, options)) if undo else (lambda: run_delist(home, options))
    run_command(run, shown_delisting, as_json)


def run_undo(home: str | None, options: DelistOptions) -> "DelistAnswer":
    """Return the answer of `turbodmt delist --undo`. Raises UsageError."""
    from flows.config.settings import load
    from tasks.operations.delist import undo

    if options.day is not None or options.price is not None:
        raise UsageError(
            "--undo takes back what is recorded, whatever day and price that is; leave out --on and --price"
        )
    return undo(load({"home": home}).home, options.account, options.symbol)


def run_delist(home: str | None, options: DelistOptions) -> "DelistAnswer":
    """Return the answer of `turbodmt delist`. Raises UsageError."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.plan import day
    from tasks.operations.delist import DelistRequest
    from tasks.operations.delist import delist as record_delisting

    on = day(options.day, "--on")
    if on is None or options.price is None:
        lacking = [name for name, given in (("--on DATE", on), ("--price P", options.price)) if given is None]
        raise UsageError(
            f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing: a delisting has a day and what a "
            "unit is paid out at then; give both, or --undo to take one back"
        )
    request = DelistRequest(
        account=options.account,
        symbol=options.symbol,
        day=on,
        price=price_of(options.price),
        reason=options.reason,
        at=clock(),
    )
    return record_delisting(load({"home": home}).home, request)


def price_of(text: str) -> Decimal:
    """Return the price. Raises UsageError unless it is at least 0, at most MOST, and has at most twelve decimals.

    >>> price_of("95.25")
    Decimal('95.25')
    """
    from strategy.account.money import quantised

    try:
        price = Decimal(text)
        if price.is_finite() and 0 <= price <= MOST and quantised(price) == price:
            return price
    except InvalidOperation:
        pass
    raise UsageError(
        f"--price is {text!r}; it must be a number of at least 0, at most {MOST:,f}, with at most twelve decimals"
    )


def shown_delisting(answer: "DelistAnswer") -> str:
    """Return what is recorded, and what the account gets for what it holds, or pays for what it is short."""
    if answer.undone:
        return sections(
            f"The delisting of {answer.symbol} of {answer.source} on {answer.day} at {money(answer.price)} is taken "
            "back; the next run trades it again.",
            warned(answer),
        )
    known = "" if answer.recorded else " It was recorded before; nothing has changed."
    paid = ""
    if answer.held and answer.paid_out is not None:
        gets = "gets" if answer.held > 0 else "is short and pays"
        paid = f"Account {answer.account} {gets} {money(abs(answer.paid_out))} for its {quantity(abs(answer.held))}."
    return sections(
        f"{answer.symbol} of {answer.source} is delisted on {answer.day} at {money(answer.price)}; it is ordered no "
        f"more.{known}",
        paid,
        warned(answer),
    )
