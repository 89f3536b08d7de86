"""Numbers near zero as text, so that one that is not zero never reads as zero; with hyphens as minus signs."""

from decimal import Decimal
from math import floor, log10

#: Digits of a number that its usual decimals would show as zero.
DIGITS = 2
#: The smallest number that is shown with its digits, which take so many decimals: below, only this bound is.
SMALLEST, MOST_DECIMALS = 1e-5, 6
#: Parts of a whole that a percent has.
_HUNDRED = 100


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a fraction in percent; one that would read as zero has two significant digits.

    >>> percent(0.1234), percent(-0.0000384), percent(0.0), percent(1e-12), percent(-1e-12)
    ('12.3%', '-0.0038%', '0.0%', '<0.00001%', '>-0.00001%')
    """
    return _with_digits(_HUNDRED * fraction, decimals, "%")


def change(fraction: float, decimals: int = 1) -> str:
    """Return a change in percent with its sign; see `percent`.

    >>> change(0.1234), change(-0.0000384, 2), change(0.0), change(-1e-12)
    ('+12.3%', '-0.0038%', '0.0%', '>-0.00001%')
    """
    text = percent(fraction, decimals)
    return f"+{text}" if _HUNDRED * fraction >= SMALLEST else text


def cost(value: Decimal) -> str:
    """Return what was paid or gained, often a part of a cent: to the cent, or two significant digits below ten cents.

    >>> cost(Decimal("1234.5")), cost(Decimal("0.0625")), cost(Decimal("-0.004047")), cost(Decimal(0))
    ('1,234.50', '0.062', '-0.0040', '0.00')
    """
    if not value:
        return "0.00"
    return _with_digits(value, max(DIGITS, min(DIGITS - 1 - value.adjusted(), MOST_DECIMALS)), "")


def _with_digits(value: float | Decimal, decimals: int, unit: str) -> str:
    text = f"{value:,.{decimals}f}"
    if not value or text.strip("-0.,"):
        return text + unit
    size = abs(float(value))
    if size >= SMALLEST:
        return f"{value:,.{DIGITS - 1 - floor(log10(size))}f}{unit}"
    bound = f"{SMALLEST:.{MOST_DECIMALS - 1}f}{unit}"
    return f"<{bound}" if value > 0 else f">-{bound}"


def as_decided(status: str, exposure: float | None) -> str:
    """Return the status of a decision as a word; a symbol that was decided without a new exposure is kept.

    >>> as_decided("traded", 0.5), as_decided("traded", None), as_decided("no_session", None)
    ('traded', 'kept', 'no session')
    """
    return "kept" if status == "traded" and exposure is None else status.replace("_", " ")
