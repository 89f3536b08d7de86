"""Amounts in a venue's answers."""

from decimal import Decimal
from typing import Any


def amount(stated: Any) -> Decimal:
    """Return the finite number in a venue's answer, given as text or as a JSON number.

    Raises ArithmeticError if it is not a number, or is `NaN` or infinite, which would break comparisons.

    >>> amount("0.10")
    Decimal('0.10')
    >>> amount("NaN")
    Traceback (most recent call last):
    ...
    ArithmeticError: NaN is not a finite amount
    """
    value = Decimal(stated)
    if not value.is_finite():
        raise ArithmeticError(f"{value} is not a finite amount")
    return value
