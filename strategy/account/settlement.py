"""Settlement of an account on a new bar: financing, adjustments, fills, marks at the close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from strategy.account.financing import financing_entries
from strategy.account.money import quantised
from strategy.account.orders import Fill, Order, Side, client_order_id
from strategy.account.paper_fills import fill_at_open
from strategy.account.quotes import Quote
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.account.trading_terms import TradingTerms

_ONE_DAY = timedelta(days=1)
#: No money, as the ledger writes it.
NOTHING = quantised(Decimal(0))


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
    terms: TradingTerms,
) -> Settlement:
    """Settle the account on the bars of `as_of`; a symbol without a quote keeps its position, mark and open order.

    In this order: financing and interest since the last marks, split and dividend factors, open orders filled at
    the open, delisted positions closed at their last mark or paid out at the price stated, funding of perpetuals, marks
    at the close. Prices in another currency are converted at its last rate, marks too where the symbol has no quote.
    Raises ValueError if the day is not new, FxMissing, FundingMissing.
    """
    if as_of <= account.as_of:
        raise ValueError(f"{as_of} cannot be settled: the account is already at {account.as_of}")
    perpetuals = {symbol for symbol in account.positions if terms.perpetual(symbol)}
    financing = financing_entries(account, as_of, terms.costs.financing, perpetuals)
    cash = account.cash + sum(entry.cash for entry in financing)
    charged = Account(as_of=as_of, cash=cash, positions=account.positions)
    day = _Day(quotes=quotes, terms=terms, last=account.as_of, closures=_closures(account, as_of, terms))
    settled = _on_bars(charged, orders, day)
    return replace(settled, entries=(*financing, *settled.entries))


def settle_late(
    account: Account, orders: Sequence[Order], quotes: Mapping[str, Quote], terms: TradingTerms
) -> Settlement:
    """Settle bars of the account's own day that came after it was settled, without financing, which it has charged.

    Only orders decided on earlier days fill, and only symbols with a quote change; those pay their funding now.
    """
    waiting = [order for order in orders if order.as_of < account.as_of and order.symbol in quotes]
    return _on_bars(account, waiting, _Day(quotes=quotes, terms=terms, last=account.as_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """The bars of a day, the terms, and closed positions; `last` is the account's day before, its own if it is late."""

    quotes: Mapping[str, Quote]
    terms: TradingTerms
    last: date
    closures: Sequence[Fill] = ()


def _on_bars(account: Account, orders: Sequence[Order], day: _Day) -> Settlement:
    """Return the account with the bars of its day: factors, fills, closures, funding, marks at the close."""
    as_of, cash, quotes, terms = account.as_of, account.cash, day.quotes, day.terms
    entries = []
    quantity = {symbol: position.quantity for symbol, position in account.positions.items()}
    for symbol in sorted(quantity):
        change = quotes[symbol].factor_change if symbol in quotes else 1
        added = quantised(quantity[symbol] * (change - 1)) if change != 1 else NOTHING
        if added:
            quantity[symbol] += added
            entries.append(Entry(as_of=as_of, kind=EntryKind.FACTOR, symbol=symbol, cash=Decimal(0), quantity=added))
    entries += _fx_entries(account, as_of, terms)
    after = [fill_at_open(order, quotes, as_of, terms) for order in orders]
    fills = [fill for _, fill in after if fill is not None]
    fills += day.closures
    for fill in fills:
        cash -= fill.paid + fill.fee
        quantity[fill.symbol] = quantity.get(fill.symbol, Decimal(0)) + fill.signed_quantity
    for entry in _paid_out(quantity, as_of, terms):
        cash += entry.cash
        quantity[entry.symbol] += entry.quantity
        entries.append(entry)
    funding = _funding_entries(account, quantity, day)
    cash += sum(entry.cash for entry in funding)
    entries += funding
    positions = {
        symbol: Position(quantity=held, mark=quotes[symbol].close, marked_on=as_of, fx_rate=terms.rate(symbol, as_of))
        if symbol in quotes
        else _kept(account.positions[symbol], terms.rate(symbol, as_of))
        for symbol, held in sorted(quantity.items())
        if held != 0
    }
    return Settlement(
        account=Account(as_of=as_of, cash=cash, positions=MappingProxyType(positions)),
        fills=tuple(fills),
        entries=tuple(entries),
        orders=tuple(order for order, _ in after),
    )


def _paid_out(quantity: Mapping[str, Decimal], as_of: date, terms: TradingTerms) -> list[Entry]:
    """Return the entries that pay out what is held of symbols whose price a person has stated, without a fee."""
    entries = []
    for symbol, held in quantity.items():
        instrument = terms.instruments.get(symbol)
        if held and instrument is not None and instrument.last_price is not None and terms.delisted(symbol, as_of):
            cash = quantised(held * instrument.last_price * terms.rate(symbol, as_of))
            entries.append(Entry(as_of=as_of, kind=EntryKind.DELISTING, symbol=symbol, cash=cash, quantity=-held))
    return sorted(entries, key=lambda entry: entry.symbol)


def _funding_entries(account: Account, quantity: Mapping[str, Decimal], day: _Day) -> list[Entry]:
    """Return what perpetuals with a bar of the day pay since their last mark, an entry each; nothing of no money.

    Up to 00:00 UTC of the day what was held before its fills pays at the last mark, and later payments are those of
    `quantity`, what is held after them, at the day's open; a mark price recorded with the rate replaces either.
    A symbol without a bar pays when its next one comes. Raises FundingMissing.
    """
    as_of, entries = account.as_of, []
    midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    for symbol in sorted(quantity):
        held, left = account.positions.get(symbol), quantity[symbol]
        since = as_of - _ONE_DAY if held is None else held.marked_on or day.last
        if symbol not in day.quotes or not day.terms.perpetual(symbol) or since >= as_of or not (held or left):
            continue
        before, mark = (held.quantity, held.mark) if held else (Decimal(0), day.quotes[symbol].open)
        paid = paid_before = Decimal(0)
        for each in day.terms.costs.funding.paid(symbol, since + _ONE_DAY, as_of):
            if each.at <= midnight:
                paid += before * (each.mark or mark) * each.rate
                paid_before = paid
            else:
                paid += left * (each.mark or day.quotes[symbol].open) * each.rate
        cash, old = (-quantised(each * day.terms.rate(symbol, as_of)) for each in (paid, paid_before))
        if cash:
            entries.append(_funding_entry(as_of, symbol, cash, old))
    return entries


def _funding_entry(as_of: date, symbol: str, cash: Decimal, before_fills: Decimal) -> Entry:
    return Entry(
        as_of=as_of,
        kind=EntryKind.FUNDING,
        symbol=symbol,
        cash=cash,
        quantity=NOTHING,
        before_fills=before_fills,
    )


def _kept(position: Position, rate: Decimal) -> Position:
    return position if position.fx_rate == rate else replace(position, fx_rate=rate)


def _fx_entries(account: Account, as_of: date, terms: TradingTerms) -> list[Entry]:
    """Return what the changes of exchange rates since the last marks brought, at those marks; nothing of no money."""
    if not terms.costs.currencies.base:
        return []
    entries = []
    for symbol, position in sorted(account.positions.items()):
        change = terms.rate(symbol, as_of) - position.fx_rate
        profit = quantised(position.quantity * position.mark * change)
        if profit:
            entry = Entry(as_of=as_of, kind=EntryKind.FX, symbol=symbol, cash=NOTHING, quantity=NOTHING, profit=profit)
            entries.append(entry)
    return entries


def _closures(account: Account, as_of: date, terms: TradingTerms) -> list[Fill]:
    """Return fills that close the positions of delisted symbols at the last published close."""
    fills = []
    for symbol, position in sorted(account.positions.items()):
        if terms.delisted(symbol, as_of) and terms.paid_out(symbol, as_of) is None:
            held = abs(position.quantity)
            fee = terms.fee_of(symbol, held, quantised(held * position.mark), as_of)
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
                    fx_rate=terms.rate(symbol, as_of),
                )
            )
    return fills
