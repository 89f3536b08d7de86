"""Warnings that the exposure cap, instead of the strategy, decides positions."""

from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy, sizing_of

#: A backtest does not warn of a smaller share of its days.
RARE_SHARE = 0.05


def cap_decided_often(strategy: Strategy, days: int, lived: int, sizing: SizingParams) -> list[str]:
    """Return a warning if the cap decided on `days` of the `lived` account days; empty if that was rare.

    >>> from strategy.builtin.registry import RULES
    >>> cap_decided_often(RULES, 1, 100, SizingParams())
    []
    """
    if days <= RARE_SHARE * lived:
        return []
    return [f"the cap decided on {days:,} of {lived:,} days, {_terms(strategy, sizing)}"]


def cap_decided_today(strategy: Strategy, sizing: SizingParams) -> str:
    """Return the warning for a day on which the cap decided."""
    return f"the cap decided today, {_terms(strategy, sizing)}"


def _terms(strategy: Strategy, sizing: SizingParams) -> str:
    most = f"max_position_size {sizing.max_position_size:g}, a multiple of equity"
    if not sizing_of(strategy).needs_volatility:
        return f"not the signals: together they ask for more than {most}; return smaller ones or raise it"
    return (
        f"not the volatility aimed at: target_annual_vol {sizing.target_annual_vol:g} asks for more than {most}; lower "
        "target_annual_vol or raise max_position_size"
    )
