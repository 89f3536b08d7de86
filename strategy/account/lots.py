"""Quantities in whole lots."""

from decimal import ROUND_DOWN, Decimal

from strategy.account.money import quantised


def whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """Return the quantity rounded towards zero to a multiple of the lot.

    >>> whole_lots(Decimal("-1.2345"), Decimal("0.01"))
    Decimal('-1.230000000000')
    """
    return quantised((quantity / lot).to_integral_value(rounding=ROUND_DOWN) * lot)
