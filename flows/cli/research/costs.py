"""Costs of a backtest in words: money paid, the share per year, and the rates."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.cli.console import table
from flows.cli.number_format import ABSENT, money

#: Most symbols named beside a value; above that, only their count is given.
MOST_NAMED = 4


def shown_costs(costs: Mapping[str, Any]) -> str:
    """Return one line per cost."""
    at = {
        "fees": f"{in_bps(costs['fee_bps'])} of what is traded",
        "slippage": f"{in_bps(costs['slippage_bps'])} of the open",
        "financing": f"{100 * costs['financing_rate']:g}% a year of what is borrowed or sold short",
        "total": "",
    }
    rows = [
        {"costs": name, "paid": money(costs[name]), "a year": _yearly(costs[f"{name}_pct_per_year"]), "at": terms}
        for name, terms in at.items()
    ]
    # A dash would read as a missing value.
    return table([{**row, "at": row["at"] or " "} for row in rows], ("costs", "paid", "a year", "at"))


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
