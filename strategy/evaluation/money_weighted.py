"""The money-weighted return of an account: the yearly rate at which its flows would have grown to its equity."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from strategy.market.bars import FloatArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR

#: Halvings of a bracket: more than the digits of a float.
_HALVINGS = 200
#: Largest |ln(1 + R)|: beyond it a float overflows.
_LIMIT = 700.0
#: Part of its terms below which a sum is lost in their rounding.
_LOST = 1e-14
#: Most dates with a flow for which the number of roots is counted.
MOST_TERMS = 200


def money_weighted_return(flows: Sequence[tuple[date, float]], equity: float, end: date) -> float | None:
    """Return the R with Σ CFᵢ·(1 + R)^((T − tᵢ)/365) = E_T; None without a unique one.

    `flows` are dated money paid in (withdrawals are negative), the capital at the opening included; `equity` is E_T, at
    `end`. The roots are separated by those of the derivatives (Rolle), so that a second one is not overlooked.

    >>> round(money_weighted_return([(date(2020, 1, 1), 100.0)], 110.0, date(2020, 12, 31)), 9)
    0.1
    >>> money_weighted_return([(date(2020, 1, 1), 100.0)], 110.0, date(2020, 1, 1)) is None
    True
    """
    years: dict[float, float] = {0.0: -equity}
    for day, amount in flows:
        at = (end - day).days / CALENDAR_DAYS_PER_YEAR
        years[at] = years.get(at, 0.0) + amount
    terms = sorted((at, amount) for at, amount in years.items() if amount)
    if len(terms) > MOST_TERMS:
        return None
    exponents, amounts = (np.array(column) for column in zip(*terms, strict=True)) if terms else (np.zeros(0),) * 2
    roots = _roots(exponents, amounts)
    return float(np.expm1(roots[0])) if len(roots) == 1 else None


def _roots(exponents: FloatArray, amounts: FloatArray) -> list[float]:
    """Return the u = ln(1 + R) at which Σ amount·e^(exponent·u) is 0, ascending; exponents (N,) ascend."""
    if len(exponents) < 2 or (np.sign(amounts) == np.sign(amounts[0])).all():
        return []
    # Divided by the smallest power the sum has the same roots, and its derivative has one term less.
    rest = exponents - exponents[0]
    turns = _roots(rest[1:], amounts[1:] * rest[1:])
    # At the turn itself the sum counts as 0 if it is lost in the rounding of its terms: the curve only touches there.
    widest = _LIMIT / float(rest[-1])
    edges = [-widest, *(turn for turn in turns if abs(turn) < widest), widest]
    found = []
    values = [value if abs(value) > _LOST else 0.0 for value in (_value(rest, amounts, edge) for edge in edges)]
    for low, high, at_low, at_high in zip(edges, edges[1:], values, values[1:], strict=False):
        if at_low == 0.0 or at_low * at_high < 0.0:
            found.append(low if at_low == 0.0 else _bisected(rest, amounts, (low, high), at_low))
    return found


def _value(exponents: FloatArray, amounts: FloatArray, at: float) -> float:
    """Return the sum over that of the magnitudes of its terms."""
    powers = exponents * at
    terms = amounts * np.exp(powers - powers.max())
    return float(terms.sum() / np.abs(terms).sum())


def _bisected(exponents: FloatArray, amounts: FloatArray, bracket: tuple[float, float], at_low: float) -> float:
    low, high = bracket
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if not low < middle < high:
            break
        if _value(exponents, amounts, middle) * at_low > 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
