"""Exact money: the only conversion from float64 to Decimal."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from strategy.exit_codes import UsageError

#: Twelve decimals hold a 1e-8 price times a 1e-4 lot; the ledger's DECIMAL(38, 12) columns hold the same.
QUANTUM = Decimal("1e-12")
#: The first value too large for those columns. Python's default of 28 digits would end at 1e16, below the volume of
#: cheap tokens.
LARGEST = Decimal("1e26")
_LEDGER = Context(prec=38, rounding=ROUND_HALF_EVEN)
#: The context's own method: the values' takes its context by keyword, and then twice as long.
_quantize = _LEDGER.quantize


def exact(value: float) -> Decimal:
    """Return the Decimal that prints as the float does, to twelve decimals.

    Raises ValueError if the value is not finite.

    >>> exact(0.1)
    Decimal('0.100000000000')
    """
    number = Decimal(repr(float(value)))
    if not number.is_finite():
        raise ValueError(f"{value} cannot become money: it is not finite")
    return quantised(number)


def quantised(value: Decimal) -> Decimal:
    """Return the value rounded half-even to twelve decimals, as the ledger stores it.

    Raises UsageError if it does not fit the ledger's columns.

    >>> quantised(Decimal("2.5e25"))
    Decimal('25000000000000000000000000.000000000000')
    """
    try:
        return _quantize(value, QUANTUM)
    except InvalidOperation as error:
        if not value.is_finite():
            raise
        raise UsageError(
            f"an amount or quantity comes to {value:.3E}, and the ledger holds less than {LARGEST:.0E}; lower the "
            "capital, or leave out a symbol whose price is so small"
        ) from error
