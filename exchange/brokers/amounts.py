"""Amounts as a venue tells them."""

from decimal import Decimal
from typing import Any


def amount(told: Any) -> Decimal:
    """Return the finite number that a venue tells, as text or as a number of JSON.

    Raises ArithmeticError for what is no number, `NaN` and infinity among it: it would compare with nothing.

    >>> amount("0.10")
    Decimal('0.10')
    >>> amount("NaN")
    Traceback (most recent call last):
    ...
    ArithmeticError: NaN is no finite amount
    """
    value = Decimal(told)
    if not value.is_finite():
        raise ArithmeticError(f"{value} is no finite amount")
    return value
