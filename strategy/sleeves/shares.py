"""Shares of the sleeves in an amount of the account: sums are exact, and a remainder goes to the first of them."""

from collections.abc import Sequence
from decimal import Context, Decimal

from strategy.account.money import quantised

_NOTHING = Decimal(0)
#: Digits in which shares are computed before they are rounded once.
EXACT = Context(prec=80)


def shares(amount: Decimal, weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return the amount split in proportion to the weights, which may have either sign; equally if they add up to 0.

    >>> third = shares(Decimal(1), [Decimal(1), Decimal(1), Decimal(1)])
    >>> str(third[0]), str(third[1]), sum(third)
    ('0.333333333334', '0.333333333333', Decimal('1.000000000000'))
    """
    total = sum(weights, _NOTHING)
    if not total:
        weights, total = [Decimal(1)] * len(weights), Decimal(len(weights))
    split = [quantised(EXACT.divide(EXACT.multiply(amount, weight), total)) for weight in weights]
    return balanced(amount, split, weights)


def balanced(amount: Decimal, split: Sequence[Decimal], weights: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return the parts, of which the first with a weight has what they lack of the amount."""
    result = list(split)
    first = next((place for place, weight in enumerate(weights) if weight), 0)
    result[first] += amount - sum(split, _NOTHING)
    return tuple(result)


def filled(quantity: Decimal, wanted: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Return each sleeve's part f of a fill of signed quantity F, given the changes Δ that they wanted.

    f = Δ + (F − ΣΔ) · |Δ| / Σ|Δ|: opposite wishes cross inside, and what the fill lacks of the sum, or has too much, is
    shared in proportion to what each wanted. Where all wanted the same side that is F · Δ / ΣΔ.

    >>> [str(part.normalize()) for part in filled(Decimal(6), [Decimal(9), Decimal(3)])]
    ['4.5', '1.5']
    >>> [str(part.normalize()) for part in filled(Decimal(6), [Decimal(10), Decimal(-4)])]
    ['1E+1', '-4']
    """
    sizes = [abs(change) for change in wanted]
    lacking = quantity - sum(wanted, _NOTHING)
    if not any(sizes):
        return shares(quantity, sizes)
    split = [change + part for change, part in zip(wanted, shares(lacking, sizes), strict=True)]
    return balanced(quantity, [quantised(part) for part in split], sizes)
