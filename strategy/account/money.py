"""Exact money: the only conversion from float64 to Decimal."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import numpy as np

from strategy.exit_codes import UsageError
from strategy.market.bars import FloatArray

#: Twelve decimals hold a 1e-8 price times a 1e-4 lot; the ledger's DECIMAL(38, 12) columns hold the same.
QUANTUM = Decimal("1e-12")
#: The first value too large for those columns. Python's default of 28 digits would end at 1e16, below the volume of
#: cheap tokens.
LARGEST = Decimal("1e26")
_LEDGER = Context(prec=38, rounding=ROUND_HALF_EVEN)
#: The context's own methods: the values' take their context by keyword, and then twice as long.
_quantize, _scaleb, _multiply = _LEDGER.quantize, _LEDGER.scaleb, _LEDGER.multiply
_DECIMALS = Decimal(-12)
#: `quantised` in half the time, called with QUANTUM; a value that does not fit raises InvalidOperation.
quantise = _quantize
#: What `exact_all` counts prices in, the quanta of each, and the largest count.
_FINEST, _QUANTA_EACH, _FIFTEEN_DIGITS = 1e8, 10**4, 1e15
#: Quanta of a float up to this are near a whole number by less than 0.002 wrong, so that those at most `_SURE` from one
#: are rounded to it, whatever digits the float prints with.
_QUANTA, _FEW_QUANTA, _SURE = 1e12, 1e13, 0.49


def exact(value: float) -> Decimal:
    """Return the Decimal that prints as the float does, to twelve decimals.

    Raises ValueError if the value is not finite.

    >>> exact(0.1)
    Decimal('0.100000000000')
    """
    quanta = value * _QUANTA
    if -_FEW_QUANTA < quanta < _FEW_QUANTA:
        nearest = round(quanta)
        # Printing a float takes longer than all else here. A zero may have a sign, which the other way keeps.
        if nearest and -_SURE < quanta - nearest < _SURE:
            return _multiply(QUANTUM, nearest)
    number = Decimal(repr(float(value)))
    if not number.is_finite():
        raise ValueError(f"{value} cannot become money: it is not finite")
    return quantised(number)


def exact_all(values: FloatArray) -> list[Decimal]:
    """Return what `exact` gives of each value, (T,), several times as fast where they have up to eight decimals.

    Raises ValueError if one is not finite.

    >>> exact_all(np.array([0.1, 1 / 3]))
    [Decimal('0.100000000000'), Decimal('0.333333333333')]
    """
    counts = np.rint(values * _FINEST)
    # A decimal of up to fifteen digits is the only one of so few that is next to its float: it is what that prints as.
    short = (counts > 0) & (counts < _FIFTEEN_DIGITS) & (counts / _FINEST == values)
    return [
        _scaleb(Decimal(count * _QUANTA_EACH), _DECIMALS) if known else exact(value)
        for known, count, value in zip(
            short.tolist(), np.where(short, counts, 0).astype(np.int64).tolist(), values.tolist(), strict=True
        )
    ]


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
