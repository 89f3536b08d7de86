"""Costs of a backtest in words: money paid, the share per year, and the rates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flows.cli.number_format import ABSENT, cost
from flows.cli.text_table import table

if TYPE_CHECKING:
    from decimal import Decimal

    from tasks.backtest.answer import CostsAnswer

#: Most symbols named beside a value; above that, only their count is given.
MOST_NAMED = 4
#: The series of money that earns nothing, as costs name it.
NO_INTEREST = "constant:0"
#: What the total says where cash earns interest.
WITHOUT_INTEREST = "all that was paid; interest earned is not taken off"


def shown_costs(costs: "CostsAnswer") -> str:
    """Return one line per cost, their total, and a line for the interest that cash earned."""
    lines = [
        ("fees", costs.fees, costs.fees_pct_per_year, _charged_at(costs)),
        ("slippage", costs.slippage, costs.slippage_pct_per_year, _slipped_by(costs)),
        ("financing", costs.financing, costs.financing_pct_per_year, _financed_at(costs)),
        (
            "short fee",
            costs.short_fee,
            costs.short_fee_pct_per_year,
            f"{_rate(costs.short_fee_rate)} of short positions",
        ),
        *_funding(costs),
        ("total", costs.total, costs.total_pct_per_year, "" if costs.rates is None else WITHOUT_INTEREST),
        (
            "interest earned",
            costs.interest,
            costs.interest_pct_per_year,
            _earned_at(costs),
        ),
    ]
    if costs.fx_profit is not None:
        told = "what exchange rates brought; in the returns, and no cost"
        lines.append(("fx profit", costs.fx_profit, costs.fx_profit_pct_per_year, told))
    if costs.rates is None:
        lines = [line for line in lines if line[0] not in ("short fee", "interest earned")]
    rows = [
        {"costs": name, "paid": cost(paid), "a year": _yearly(share), "at": terms} for name, paid, share, terms in lines
    ]
    # A dash would read as a missing value.
    return table([{**row, "at": row["at"] or " "} for row in rows], ("costs", "paid", "a year", "at"))


def _funding(costs: "CostsAnswer") -> "list[tuple[str, Decimal, float | None, str]]":
    """Return the line of funding; none without perpetual futures."""
    if costs.funding is None:
        return []
    return [("funding", costs.funding, costs.funding_pct_per_year, "what perpetuals paid, less what they received")]


def _charged_at(costs: "CostsAnswer") -> str:
    told = [f"{in_bps(costs.fee_bps)} of what is traded"]
    told += [f"{amount:g} per unit of {symbol}" for symbol, amount in costs.per_share.items()][:MOST_NAMED]
    told += [f"at least {amount:g} an order of {symbol}" for symbol, amount in costs.min_fee.items()][:MOST_NAMED]
    told += [f"{in_bps(costs.fx_bps)} of conversion"] if costs.fx_bps else []
    return ", ".join(told)


def _slipped_by(costs: "CostsAnswer") -> str:
    told = [f"{in_bps(costs.slippage_bps)} of the open"]
    told += [f"impact {factor:g} of {symbol}" for symbol, factor in costs.impact.items()][:MOST_NAMED]
    return ", ".join(told)


def _financed_at(costs: "CostsAnswer") -> str:
    if costs.rates is None:
        return f"{_rate(costs.financing_rate)} of what is borrowed or sold short"
    spread = f"{_rate(costs.borrow_spread)} on what is borrowed"
    return spread if costs.rates == NO_INTEREST else f"{costs.rates} plus {spread}"


def _earned_at(costs: "CostsAnswer") -> str:
    if costs.risk_free not in (None, costs.rates):
        return f"cash earns nothing; Sharpe ratios are above {costs.risk_free}"
    if costs.rates == NO_INTEREST:
        return "cash earns nothing"
    return f"{costs.rates} less {_rate(costs.cash_spread)} on cash"


def _rate(fraction: float | None) -> str:
    return ABSENT if fraction is None else f"{100 * fraction:g}% a year"


def in_bps(values: Mapping[str, float]) -> str:
    """Return the basis points, with the symbols that pay them unless all pay the same.

    >>> in_bps({"A": 1.0, "B": 1.0}), in_bps({"A": 1.0, "BTCUSDT": 10.0})
    ('1 bps', '1 bps (A), 10 bps (BTCUSDT)')
    """
    payers: dict[float, list[str]] = {}
    for symbol, bps in values.items():
        payers.setdefault(bps, []).append(symbol)
    if len(payers) == 1:
        return f"{next(iter(payers)):g} bps"
    return ", ".join(f"{bps:g} bps ({_named(symbols)})" for bps, symbols in sorted(payers.items()))


def _named(symbols: Sequence[str]) -> str:
    return ", ".join(symbols) if len(symbols) <= MOST_NAMED else f"{len(symbols)} symbols"


def _yearly(percent: float | None) -> str:
    return ABSENT if percent is None else f"{percent:.2f}%"
