"""The slippage of a fill: its distance from the open of its bar."""

from decimal import Decimal

from strategy.account.money import quantised
from strategy.account.orders import Fill
from strategy.account.quotes import Quote


def slipped(fill: Fill, quote: Quote | None) -> Decimal:
    """Return what a fill cost beyond the open, in the account's currency; below 0 where it was better.

    Without a quote it is 0: a delisted position is closed at its last mark.

    >>> from datetime import date
    >>> from strategy.account.orders import Side
    >>> sold = Fill(
    ...     order_id="o", trade_id="1", symbol="A", as_of=date(2020, 1, 3), side=Side.SELL, quantity=Decimal(4),
    ...     price=Decimal(99), fee=Decimal(0),
    ... )
    >>> slipped(sold, Quote(open=Decimal(100), close=Decimal(98))).normalize(), slipped(sold, None)
    (Decimal('4'), Decimal('0'))
    """
    if quote is None:
        return Decimal(0)
    return quantised(fill.signed_quantity * (fill.price - quote.open) * fill.fx_rate)
