"""Quantities in whole lots."""

from decimal import ROUND_DOWN, Context, Decimal

from strategy.account.money import quantised

#: The context's own method: that of the values takes the rounding by keyword, and then three times as long.
_towards_zero = Context(rounding=ROUND_DOWN).to_integral_value


def whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """Return the quantity rounded towards zero to a multiple of the lot.

    >>> whole_lots(Decimal("-1.2345"), Decimal("0.01"))
    Decimal('-1.230000000000')
    """
    return quantised(_towards_zero(quantity / lot) * lot)
