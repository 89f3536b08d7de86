"""The shares of positions in what the whole account pays for borrowing and for short positions."""

from collections.abc import Iterator, Mapping
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
