"""The settings of a run as shown on a page: where one follows the asset class, with the value that this gives."""

import json
from collections.abc import Mapping

from strategy.evaluation.costs import Rates, rates
from strategy.market.instruments import Instrument
from tasks.run.job import RunConfig


def configured(policy: RunConfig, instruments: Mapping[str, Instrument]) -> tuple[tuple[str, str], ...]:
    """Return each setting with its value in force."""
    used = used_costs(rates(policy.costs, instruments))
    return tuple(
        (name, str(used.get(name, "none") if value is None else value))
        for name, value in json.loads(policy.config).items()
    )


def used_costs(at: Rates) -> dict[str, str]:
    """Return fee and slippage in words, by their settings."""
    return {"fee_bps": in_bps(at.fee_bps), "slippage_bps": in_bps(at.slippage_bps)}


def fees_in_words(at: Rates) -> str:
    """Return what fees are charged: of what is traded, and of the symbols that have them per unit and at least."""
    told = [f"{in_bps(at.fee_bps)} of what is traded"]
    told += [f"{amount:g} per unit of {symbols}" for amount, symbols in _by_value(at.per_share)]
    told += [f"at least {amount:g} an order of {symbols}" for amount, symbols in _by_value(at.min_fee)]
    told += [f"{in_bps(at.fx_bps)} of conversion of {', '.join(at.fx_bps)}"] if at.fx_bps else []
    return ", ".join(told)


def slippage_in_words(at: Rates) -> str:
    """Return what slippage is charged: of the open, and of the symbols that have it an impact."""
    told = [f"{in_bps(at.slippage_bps)} of the open"]
    told += [f"impact {factor:g} σ√(quantity / volume) of {symbols}" for factor, symbols in _by_value(at.impact)]
    return ", ".join(told)


def _by_value(values: Mapping[str, float]) -> list[tuple[float, str]]:
    """Return each value once, with the symbols that have it.

    >>> _by_value({"A": 1.0, "B": 1.0, "C": 0.5})
    [(0.5, 'C'), (1.0, 'A and B')]
    """
    found = []
    for value in sorted(set(values.values())):
        *others, last = [symbol for symbol in values if values[symbol] == value]
        found.append((value, f"{', '.join(others)} and {last}" if others else last))
    return found


def in_bps(values: Mapping[str, float]) -> str:
    """Return the basis points as text, with the symbols they apply to if they differ.

    >>> in_bps({"A": 1.0, "B": 1.0}), in_bps({"A": 1.0, "BTCUSDT": 10.0})
    ('1 bps', '1 bps (A), 10 bps (BTCUSDT)')
    """
    different = sorted(set(values.values()))
    if len(different) == 1:
        return f"{different[0]:g} bps"
    return ", ".join(
        f"{bps:g} bps ({', '.join(value for value in values if values[value] == bps)})" for bps in different
    )
