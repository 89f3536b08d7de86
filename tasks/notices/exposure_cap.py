"""Warnings that the exposure cap, instead of the strategy, decides positions."""

from dataclasses import dataclass

from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy, sizing_of

#: A backtest does not warn of a smaller share of its days.
RARE_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedLife:
    """On how many of the days that an account lived the cap decided, and the volatility of its positions then.

    `reached` is the median of those days, annualised; None if it is not known.
    """

    days: int
    lived: int
    reached: float | None = None


def cap_decided_often(strategy: Strategy, life: CappedLife, sizing: SizingParams) -> list[str]:
    """Return a warning if the cap decided on many of the account's days; empty if that was rare.

    >>> from strategy.builtin.registry import RULES
    >>> cap_decided_often(RULES, CappedLife(days=1, lived=100), SizingParams())
    []
    """
    if life.days <= RARE_SHARE * life.lived:
        return []
    warning = f"the cap decided on {life.days:,} of {life.lived:,} days, {_terms(strategy, sizing)}"
    if life.reached is None or not sizing_of(strategy).needs_volatility:
        return [warning]
    return [f"{warning}; under the cap target_annual_vol {life.reached:.2g} was reached, the median of those days"]


def cap_decided_today(strategy: Strategy, sizing: SizingParams) -> str:
    """Return the warning for a day on which the cap decided."""
    return f"the cap decided today, {_terms(strategy, sizing)}"


def _terms(strategy: Strategy, sizing: SizingParams) -> str:
    most = f"max_position_size {sizing.max_position_size:g}, a multiple of equity"
    if not sizing_of(strategy).needs_volatility:
        return f"not the signals: together they ask for more than {most}; return smaller ones or raise it"
    target, calm = sizing.target_annual_vol, sizing.target_annual_vol / sizing.max_position_size
    return (
        f"not the volatility aimed at: target_annual_vol {target:g} asks for more than {most}, where the portfolio "
        f"is calmer than {calm:.3g} a year; lower target_annual_vol or raise max_position_size"
    )
