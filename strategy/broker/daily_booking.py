"""Daily booking of an account that trades at an external broker: only what the broker reported is booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from strategy.account.quotes import Quote
from strategy.account.state import Account, Position
from strategy.backtest.day_loop import AccountState, Day
from strategy.broker.fills import BrokerFill, PaidIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Cash and signed quantities, without prices; symbols without a position are absent."""

    cash: Decimal
    positions: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        held = {symbol: quantity for symbol, quantity in sorted(self.positions.items()) if quantity}
        object.__setattr__(self, "positions", MappingProxyType(held))


def booked_day(state: AccountState, booked: Day, quotes: Mapping[str, Quote], lookback_period: int) -> Day:
    """Return the day with the account after it; `booked` holds the day's fills and entries and the open orders.

    A symbol without a quote keeps its mark; one that traded without ever having had a quote is marked at the price of
    its fill or entry. Raises ValueError if the day is not new.
    """
    as_of = booked.state.account.as_of
    before = state.account
    if as_of <= before.as_of:
        raise ValueError(f"{as_of} cannot be booked: the account is already at {before.as_of}")
    cash = before.cash
    held = {symbol: position.quantity for symbol, position in before.positions.items()}
    marks = {symbol: (position.mark, position.marked_on) for symbol, position in before.positions.items()}
    for fill in booked.fills:
        cash -= fill.paid + fill.fee
        held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + fill.signed_quantity
        marks.setdefault(fill.symbol, (fill.price, as_of))
    for entry in booked.entries:
        cash += entry.cash
        if entry.quantity:
            held[entry.symbol] = held.get(entry.symbol, Decimal(0)) + entry.quantity
            marks.setdefault(entry.symbol, (abs(entry.cash / entry.quantity), as_of))
    marks.update({symbol: (quotes[symbol].close, as_of) for symbol in held if symbol in quotes})
    positions = {
        symbol: Position(quantity=quantity, mark=marks[symbol][0], marked_on=marks[symbol][1])
        for symbol, quantity in sorted(held.items())
        if quantity
    }
    account = Account(as_of=as_of, cash=cash, positions=MappingProxyType(positions))
    # An account at a broker takes flows over with `adopt`, as entries that count in its return.
    unit_values = (*state.unit_values[1 - lookback_period :], account.equity)
    after = AccountState(
        account=account,
        open_orders=booked.state.open_orders,
        unit_values=unit_values,
        previous=state.account.as_of,
    )
    return replace(booked, state=after)


def remarked(account: Account, quotes: Mapping[str, Quote]) -> Account:
    """Return the account with its positions marked at the closes of its own day, where there is one."""
    positions = {
        symbol: replace(position, mark=quotes[symbol].close, marked_on=account.as_of) if symbol in quotes else position
        for symbol, position in account.positions.items()
    }
    return replace(account, positions=MappingProxyType(positions))


def traded(executions: Sequence[BrokerFill]) -> Holding:
    """Return the change in balances from trades that are paid in full."""
    cash, units = Decimal(0), dict[str, Decimal]()
    for execution in executions:
        cash -= execution.paid
        cash -= execution.fee if execution.paid_in is PaidIn.CASH else 0
        units[execution.symbol] = units.get(execution.symbol, Decimal(0)) + execution.signed_quantity
        if execution.paid_in is PaidIn.UNITS:
            payer = execution.fee_symbol or execution.symbol
            units[payer] = units.get(payer, Decimal(0)) - execution.fee
    return Holding(cash=cash, positions=units)


def with_fee_payers(
    executions: Sequence[BrokerFill], owned: Mapping[str, Decimal], bases: Mapping[str, str]
) -> tuple[BrokerFill, ...]:
    """Return the trades, each with the position that paid its fee if the trade itself did not.

    `owned` are the account's positions before the first trade, and `bases` names the asset of each symbol. A position
    pays a fee in full or not at all: a fee that no position covers was paid from assets outside the account. On margin,
    no position pays.
    """
    held, reported = dict(owned), list[BrokerFill]()
    for execution in executions:
        held[execution.symbol] = held.get(execution.symbol, Decimal(0)) + execution.signed_quantity
        booked = replace(execution, fee_symbol=_payer(execution, held, bases))
        if booked.paid_in is PaidIn.UNITS:
            held[booked.fee_symbol or booked.symbol] -= booked.fee
        reported.append(booked)
    return tuple(reported)


def _payer(execution: BrokerFill, held: Mapping[str, Decimal], bases: Mapping[str, str]) -> str:
    """Return the first symbol by name whose position covers a fee that the trade did not pay itself; empty if none."""
    if execution.paid_in is not PaidIn.ELSEWHERE or execution.realised is not None:
        return ""
    payers = (symbol for symbol, base in sorted(bases.items()) if base == execution.fee_asset)
    return next((symbol for symbol in payers if held.get(symbol, Decimal(0)) >= execution.fee), "")


def realised(executions: Sequence[BrokerFill]) -> Holding:
    """Return the change from trades on margin: realised profit less fees in the wallet, and the positions."""
    owned = traded(executions)
    cash = sum((execution.realised or Decimal(0) for execution in executions), Decimal(0))
    fees = sum((execution.fee for execution in executions if execution.paid_in is PaidIn.CASH), Decimal(0))
    return Holding(cash=cash - fees, positions=owned.positions)
