"""Settlement of an account on a new bar: financing, adjustments, fills at the open, marks at the close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from strategy.account.fees_and_slippage import Costs
from strategy.account.lots import whole_lots
from strategy.account.money import exact, quantised
from strategy.account.orders import Fill, Order, OrderState, ReasonCode, Side, client_order_id
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR, Instrument

#: No money, as the ledger writes it.
NOTHING = quantised(Decimal(0))
#: Largest fraction of the fill bar's volume that an order may fill; the remainder is cancelled.
VOLUME_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One closed bar as the account sees it: raw open and close, and its factor over the previous bar's factor.

    `volume` is in units; None if unknown, as for an index or a currency.
    """

    open: Decimal
    close: Decimal
    factor_change: Decimal = Decimal(1)
    volume: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The account at the new close, its fills and entries, and the orders in their new states."""

    account: Account
    fills: tuple[Fill, ...]
    entries: tuple[Entry, ...]
    orders: tuple[Order, ...]


def settle(
    account: Account,
    orders: Sequence[Order],
    quotes: Mapping[str, Quote],
    as_of: date,
    terms: "TradingTerms",
) -> Settlement:
    """Settle the account on the bars of `as_of`; a symbol without a quote keeps its position, mark and open order.

    In this order: financing of the positions since the last marks, split and dividend factors, open orders filled at
    the open, delisted positions closed at their last mark, marks at the close. Raises ValueError if the day is not new.
    """
    if as_of <= account.as_of:
        raise ValueError(f"{as_of} cannot be settled: the account is already at {account.as_of}")
    paid = financing(account, as_of, terms.costs)
    entries = [Entry(as_of=as_of, kind=EntryKind.FINANCING, symbol="", cash=-paid, quantity=Decimal(0))] if paid else []
    quantity = {symbol: position.quantity for symbol, position in account.positions.items()}
    for symbol in sorted(quantity):
        change = quotes[symbol].factor_change if symbol in quotes else 1
        added = quantised(quantity[symbol] * (change - 1)) if change != 1 else NOTHING
        if added:
            quantity[symbol] += added
            entries.append(Entry(as_of=as_of, kind=EntryKind.FACTOR, symbol=symbol, cash=Decimal(0), quantity=added))
    after = [_after(order, quotes, as_of, terms) for order in orders]
    fills = [fill for _, fill in after if fill is not None]
    fills += _closures(account, as_of, terms)
    cash = account.cash - paid
    for fill in fills:
        cash -= quantised(fill.signed_quantity * fill.price) + fill.fee
        quantity[fill.symbol] = quantity.get(fill.symbol, Decimal(0)) + fill.signed_quantity
    positions = {
        symbol: Position(quantity=held, mark=quotes[symbol].close, marked_on=as_of)
        if symbol in quotes
        else account.positions[symbol]
        for symbol, held in sorted(quantity.items())
        if held != 0
    }
    return Settlement(
        account=Account(as_of=as_of, cash=cash, positions=MappingProxyType(positions)),
        fills=tuple(fills),
        entries=tuple(entries),
        orders=tuple(order for order, _ in after),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingTerms:
    """The terms on which an account trades: its name, its instruments and its costs.

    `series` distinguishes its order ids from those of another home with an account of the same name at the same broker;
    empty if the account's name suffices.
    """

    account: str
    instruments: Mapping[str, Instrument]
    costs: Costs
    series: str = ""

    def delisted(self, symbol: str, as_of: date) -> bool:
        """Return whether the symbol's last session lies before `as_of`."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.listed_to is not None and instrument.listed_to < as_of


def financing(account: Account, as_of: date, costs: Costs) -> Decimal:
    """Return the interest on borrowed cash and borrowed stock from the account's last marks to `as_of`, at least 0.

    financing_rate · days / 365 · (max(0, long − equity) + short)
    """
    values = [position.value for position in account.positions.values()]
    if account.cash >= 0 and all(value >= 0 for value in values):
        return NOTHING
    long = sum((value for value in values if value > 0), Decimal(0))
    short = -sum((value for value in values if value < 0), Decimal(0))
    borrowed = max(Decimal(0), long - (account.cash + sum(values, Decimal(0)))) + short
    return quantised(costs.financing_rate * (as_of - account.as_of).days / CALENDAR_DAYS_PER_YEAR * borrowed)


def _fill(order: Order, quantity: Decimal, quote: Quote, as_of: date, terms: TradingTerms) -> Fill:
    """Return the fill of this quantity at the open, with slippage against the order."""
    instrument = terms.instruments[order.symbol]
    slippage = terms.costs.slippage(instrument)
    price = quote.open * (1 + slippage if order.side is Side.BUY else 1 - slippage)
    return Fill(
        order_id=order.order_id,
        trade_id="1",
        symbol=order.symbol,
        as_of=as_of,
        side=order.side,
        quantity=quantity,
        price=quantised(price),
        fee=quantised(quantity * quote.open * terms.costs.fee(instrument)),
    )


def _closures(account: Account, as_of: date, terms: TradingTerms) -> list[Fill]:
    """Return fills that close the positions of delisted symbols at the last published close."""
    fills = []
    for symbol, position in sorted(account.positions.items()):
        if terms.delisted(symbol, as_of):
            fee = abs(position.value) * terms.costs.fee(terms.instruments[symbol])
            fills.append(
                Fill(
                    order_id=client_order_id(terms.account, "delisted", symbol, as_of),
                    trade_id="1",
                    symbol=symbol,
                    as_of=as_of,
                    side=Side.SELL if position.quantity > 0 else Side.BUY,
                    quantity=abs(position.quantity),
                    price=position.mark,
                    fee=quantised(fee),
                )
            )
    return fills


def _after(order: Order, quotes: Mapping[str, Quote], as_of: date, terms: TradingTerms) -> tuple[Order, Fill | None]:
    """Return the order in its state after the day, and its fill; a split since the decision scales it."""
    if order.symbol not in quotes:
        if terms.delisted(order.symbol, as_of):
            return replace(order, state=OrderState.CANCELLED, reason="delisted", code=ReasonCode.DELISTED), None
        return order, None
    quote = quotes[order.symbol]
    wanted = quantised(order.quantity * quote.factor_change)
    taken = _taken(wanted, quote, terms.instruments[order.symbol])
    if taken < wanted:
        told = (f"{quantity.normalize():f}" for quantity in (taken, wanted))
        reason = f"filled {' of '.join(told)}, {VOLUME_SHARE:.0%} of the bar's volume; the rest is cancelled"
        cut = replace(order, state=OrderState.CANCELLED, reason=reason, code=ReasonCode.VOLUME)
        return cut, _fill(order, taken, quote, as_of, terms) if taken else None
    # The constructor, because `replace` takes twice as long, for every order of a backtest.
    filled = Order(
        order_id=order.order_id,
        symbol=order.symbol,
        as_of=order.as_of,
        side=order.side,
        quantity=order.quantity,
        state=OrderState.FILLED,
        reason=order.reason,
        cut_by_halt=order.cut_by_halt,
        mark=order.mark,
    )
    return filled, _fill(order, wanted, quote, as_of, terms)


def _taken(wanted: Decimal, quote: Quote, instrument: Instrument) -> Decimal:
    """Return how much of the quantity the bar's volume allows, in whole lots if that is only a part."""
    if quote.volume is None or wanted <= (most := VOLUME_SHARE * quote.volume):
        return wanted
    return whole_lots(exact(most), instrument.lot)
