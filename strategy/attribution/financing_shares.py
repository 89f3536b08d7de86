"""The shares of positions in what the whole account pays for borrowing and for short positions."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from strategy.account.state import Entry, EntryKind
from strategy.attribution.gains import Gain
from strategy.evaluation.costs import Rates
from strategy.sleeves.shares import EXACT, shares

_NOTHING = Decimal(0)


def financed(entry: Entry, equity: Decimal, values: Mapping[str, Decimal], at: Rates) -> Iterator[tuple[str, Gain]]:
    """Yield the part of each symbol in an entry of financing or of the short fee; "" where no position caused it.

    `equity` and `values` are those of the last marks. What is borrowed, max(0, L − E), is shared among the long
    positions by their value; at a flat rate short positions count with theirs beside it, otherwise they share the short
    fee. Perpetuals pay neither.

    >>> from datetime import date
    >>> from strategy.account.interest_rates import flat
    >>> at = Rates(fee_bps={}, slippage_bps={}, financing=flat(Decimal("0.05")))
    >>> paid = Entry(
    ...     as_of=date(2020, 1, 3), kind=EntryKind.FINANCING, symbol="", cash=Decimal(-9), quantity=Decimal(0)
    ... )
    >>> values = {"A": Decimal(120), "B": Decimal(-60), "C": Decimal(40)}
    >>> [(symbol, str(gain.net.normalize())) for symbol, gain in financed(paid, Decimal(130), values, at)]
    [('A', '-2.25'), ('B', '-6'), ('C', '-0.75')]
    """
    held = {symbol: value for symbol, value in values.items() if value and symbol not in at.perpetuals}
    long = sum((value for value in held.values() if value > 0), _NOTHING)
    debt = max(_NOTHING, long - equity)
    flat = at.financing.flat_rate is not None
    fee = entry.kind is EntryKind.SHORT_FEE
    weights = {}
    for symbol, value in sorted(held.items()):
        if value > 0 and debt and not fee:
            weights[symbol] = EXACT.divide(EXACT.multiply(value, debt), long)
        elif value < 0 and (fee or flat):
            weights[symbol] = -value
    if not weights:
        weights = {"": Decimal(1)}
    for symbol, part in zip(weights, shares(entry.cash, list(weights.values())), strict=True):
        yield symbol, Gain(short_fee=part) if fee else Gain(financing=part)


def shared_quanta(amount: int, values: Sequence[int], long: int, debt: int) -> list[int] | None:
    """Return the parts that `financed` gives of an amount, all in quanta of 1e-12, by the value of the positions.

    `values` are those that share it: positions above 0 where there is a debt, which is that of all `long` positions,
    and positions below 0 where they pay too. The parts are None where the digits of a value would have to decide: a
    part lies too near the middle between two quanta, or rounds to 0. Amounts are below 1e17 quanta.

    >>> shared_quanta(-9 * 10**12, [120 * 10**12, -60 * 10**12, 40 * 10**12], 160 * 10**12, 30 * 10**12)
    [-2250000000000, -6000000000000, -750000000000]
    """
    short = -sum(value for value in values if value < 0)
    if debt and short:
        weights, total = [value * debt if value > 0 else -value * long for value in values], long * (debt + short)
    elif debt:
        weights, total = list(values), long
    else:
        weights, total = [-value for value in values], short
    # The values' total is rounded to 28 digits, and that of an amount below the limit moves no part by as much.
    near, parts = total >> 20, []
    for weight in weights:
        part, rest = divmod(amount * weight, total)
        beyond = 2 * rest - total
        if -near <= beyond <= near:
            return None
        part += beyond > 0
        if not part:
            return None
        parts.append(part)
    if parts:
        parts[0] += amount - sum(parts)
    return parts or None
