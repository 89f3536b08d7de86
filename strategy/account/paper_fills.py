"""Fills of a paper account's orders at the open of the next bar, as much of each as the bar's volume allows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import isfinite, sqrt

from strategy.account.lots import whole_lots
from strategy.account.money import exact, quantised
from strategy.account.orders import Fill, Order, OrderState, ReasonCode, Side
from strategy.account.quotes import Quote
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Instrument

#: Largest fraction of the fill bar's volume that an order may fill; the remainder is cancelled.
VOLUME_SHARE = 0.1
_WHOLE = Decimal(1)


def fill_at_open(
    order: Order, quotes: Mapping[str, Quote], as_of: date, terms: TradingTerms
) -> tuple[Order, Fill | None]:
    """Return the order in its state after the day, and its fill; a split since the decision scales it."""
    if order.symbol not in quotes or terms.over(order.symbol, as_of):
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
        reduce_only=order.reduce_only,
        mark=order.mark,
    )
    return filled, _fill(order, wanted, quote, as_of, terms)


def _fill(order: Order, quantity: Decimal, quote: Quote, as_of: date, terms: TradingTerms) -> Fill:
    """Return the fill of this quantity at the open, with slippage and impact against the order."""
    instrument = terms.instruments[order.symbol]
    slippage = terms.costs.slippage(instrument)
    if coefficient := terms.costs.impact(instrument):
        # An order sold into a market without buyers still gets nothing, rather than paying.
        slippage = min(slippage + impact_share(coefficient, quantity, quote), _WHOLE)
    price = quote.open * (1 + slippage if order.side is Side.BUY else 1 - slippage)
    return Fill(
        order_id=order.order_id,
        trade_id="1",
        symbol=order.symbol,
        as_of=as_of,
        side=order.side,
        quantity=quantity,
        price=quantised(price),
        fee=quantised(terms.fee_of(order.symbol, quantity, quantity * quote.open, as_of)),
        fx_rate=terms.rate(order.symbol, as_of),
    )


def _taken(wanted: Decimal, quote: Quote, instrument: Instrument) -> Decimal:
    """Return how much of the quantity the bar's volume allows, in whole lots if that is only a part."""
    if quote.volume is None or wanted <= (most := VOLUME_SHARE * quote.volume):
        return wanted
    return whole_lots(exact(most), instrument.lot)


def is_known(quote: Quote) -> bool:
    """Return whether the bar has what the law reads: a volume, and a volatility of the bars before it."""
    if quote.volatility is None:
        raise ValueError("the quotes of an account with impact carry no volatility; make them with fill_quotes")
    return quote.volume is not None and isfinite(quote.volatility)


def impact_share(coefficient: Decimal, quantity: Decimal, quote: Quote) -> Decimal:
    """Return the impact of an order, coefficient · σ · √(quantity / volume), as a fraction of the open.

    σ is the symbol's daily volatility up to the bar before the fill, the volume that of the fill bar. It is 0 where one
    of them is not known. Raises ValueError for quotes made without volatility.

    Almgren, Thum, Hauptmann, Li 2005, with the exponent of one half.

    >>> quote = Quote(open=Decimal(300), close=Decimal(301), volume=10_000.0, volatility=0.02)
    >>> impact_share(Decimal(1), Decimal(100), quote)
    Decimal('0.002000000000')
    """
    if not coefficient or not is_known(quote):
        return Decimal(0)
    assert quote.volume is not None, "it is known"
    assert quote.volatility is not None, "it is known"
    return exact(float(coefficient) * quote.volatility * sqrt(float(quantity) / quote.volume))
