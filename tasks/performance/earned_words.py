"""What earned a day, in one line for a terminal, a message and a page."""

from decimal import Decimal

from tasks.report.small_numbers import change, cost
from tasks.run.answers import EarnedAnswer

#: Symbols that are named before the others are summed up.
PARTS = 4


def earned_in_words(earned: EarnedAnswer) -> str:
    """Return the net result in money, over the equity before it, and what each symbol and the cash earned of it.

    >>> gains = {"SPY": Decimal("-12.5"), "TLT": Decimal(2)}
    >>> given = {"since": "2020-01-02", "equity": "1000", "net": "-10.49", "symbols": gains, "cash": "0.01"}
    >>> earned_in_words(EarnedAnswer.model_validate(given))
    '-10.49 (-1.05%): SPY -12.50, TLT +2.00, cash +0.010'
    """
    over = f" ({change(float(earned.net / earned.equity), 2)})" if earned.equity > 0 else ""
    result = f"{_amount(earned.net)}{over}"
    gains = sorted((earned.symbols or {}).items(), key=lambda item: -abs(item[1]))
    parts = [*gains[:PARTS], ("the other symbols", sum((gain for _, gain in gains[PARTS:]), Decimal(0)))]
    parts.append(("cash", earned.cash or Decimal(0)))
    told = ", ".join(f"{name} {_amount(amount)}" for name, amount in parts if amount)
    return f"{result}: {told}" if told else result


def _amount(value: Decimal) -> str:
    return f"{'+' if value > 0 else ''}{cost(value)}"
