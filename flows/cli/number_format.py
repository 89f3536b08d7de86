"""Number formats for a terminal; `--json` keeps every digit."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from tasks.report import small_numbers

if TYPE_CHECKING:
    from strategy.evaluation.metrics import Metrics
    from tasks.audit.claims import AccountAnswer
    from tasks.backtest.sweep_answer_model import PointAnswer
    from tasks.run.answers import DecisionAnswer, FillAnswer, LeftOverAnswer, OrderAnswer

#: Placeholder for a missing number.
ABSENT = "-"
#: No market's lot is finer, and a paper lot is 1e-6.
MOST_DECIMALS = 8
PAPER_DECIMALS = 6
#: A quantity below this may come from a market with lots finer than paper's.
SMALL = Decimal("0.001")
#: Metrics that are fractions; of the others a Sharpe ratio has no unit, and a turnover is a multiple of equity.
FRACTIONS = frozenset({"total_return", "cagr", "annual_vol", "max_drawdown", "win_rate", "rate_mean"})


def money(value: Decimal | str | None) -> str:
    """Return money to the cent.

    >>> money("9997.577998337469"), money("-0.001"), money(None)
    ('9,997.58', '0.00', '-')
    """
    if value is None:
        return ABSENT
    text = f"{Decimal(value):,.2f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def cost(value: Decimal | str) -> str:
    """Return a cost to the cent, or to two digits below ten cents.

    >>> cost("12.5"), cost("0.004047"), cost("0")
    ('12.50', '0.0040', '0.00')
    """
    return small_numbers.cost(Decimal(value))


def quantity(value: Decimal | str) -> str:
    """Return a quantity with the decimals of its lot: six for paper, eight for the finest of a venue.

    >>> quantity("0.036303"), quantity("12.345678901234"), quantity("0.00012345678"), quantity("1000000")
    ('0.036303', '12.345679', '0.00012346', '1,000,000')
    """
    number = Decimal(value)
    text = f"{number:,.{MOST_DECIMALS if abs(number) < SMALL else PAPER_DECIMALS}f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-", "-0") else text


def price(value: Decimal | str) -> str:
    """Return a price with six significant digits, and at least to the cent.

    >>> price("2499.1898349941"), price("0.0001234567"), price("0")
    ('2,499.19', '0.000123457', '0.00')
    """
    number = Decimal(value)
    return f"{number:,.{max(2, 5 - number.adjusted()) if number else 2}f}"


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a fraction in percent; one near zero to two digits.

    >>> percent(0.1234), percent(-0.0256, 2), percent(-0.00038), percent(None)
    ('12.3%', '-2.56%', '-0.038%', '-')
    """
    return ABSENT if value is None else small_numbers.percent(value, decimals)


def figure(value: float | None, decimals: int = 2) -> str:
    """Return a number without a unit.

    >>> figure(-0.51234), figure(None)
    ('-0.51', '-')
    """
    return ABSENT if value is None else f"{value:,.{decimals}f}"


def ratio(value: float | None) -> str:
    """Return a ratio within a sentence, where a dash would read as a minus sign.

    >>> ratio(-0.51234), ratio(None)
    ('-0.51', 'undefined')
    """
    return "undefined" if value is None else f"{value:.2f}"


def metric(name: str, value: float | None) -> str:
    """Return a metric in its unit.

    >>> metric("cagr", 0.0363), metric("sharpe", 0.29741)
    ('3.6%', '0.30')
    """
    return percent(value) if name in FRACTIONS else figure(value)


def in_units(metrics: "Metrics | PointAnswer | AccountAnswer", names: Sequence[str]) -> dict[str, str]:
    """Return the named metrics, each in its unit."""
    return {name: metric(name, getattr(metrics, name)) for name in names}


def decision(answer: "DecisionAnswer") -> dict[str, object]:
    """Return a decision as a row, with its fractions as percentages and its status in a word.

    `target` is the exposure of the next open, `held` that of a position which is kept instead.
    """
    return {
        **dict(answer),
        "status": small_numbers.as_decided(answer.status, answer.exposure),
        "confidence": percent(answer.confidence, 0),
        "signal": figure(answer.signal),
        "volatility": percent(answer.volatility),
        "target": percent(answer.exposure),
        "held": percent(answer.held),
    }


def order(answer: "OrderAnswer") -> dict[str, object]:
    """Return an order as a row, with its quantity formatted."""
    return {**dict(answer), "quantity": quantity(answer.quantity)}


def left(answer: "LeftOverAnswer") -> dict[str, object]:
    """Return what a flattened account still holds of a symbol as a row, with its quantity formatted."""
    return {**dict(answer), "quantity": quantity(answer.quantity)}


def fill(answer: "FillAnswer") -> dict[str, object]:
    """Return a fill as a row, with quantity, price and fee formatted."""
    return {
        **dict(answer),
        "quantity": quantity(answer.quantity),
        "price": price(answer.price),
        "fee": cost(answer.fee),
    }
