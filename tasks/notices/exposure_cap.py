"""Warnings that the exposure cap, instead of the volatility target, decides positions."""

from strategy.portfolio.sizing import SizingParams

#: A backtest does not warn of a smaller share of its days.
RARE_SHARE = 0.05


def cap_decided_often(days: int, lived: int, sizing: SizingParams) -> list[str]:
    """Return a warning if the cap decided on `days` of the `lived` account days; empty if that was rare.

    >>> cap_decided_often(1, 100, SizingParams())
    []
    """
    if days <= RARE_SHARE * lived:
        return []
    return [f"the cap decided on {days:,} of {lived:,} days, not the volatility aimed at: {_terms(sizing)}"]


def cap_decided_today(sizing: SizingParams) -> str:
    """Return the warning for a day on which the cap decided."""
    return f"the cap decided today, not the volatility aimed at: {_terms(sizing)}"


def _terms(sizing: SizingParams) -> str:
    return (
        f"target_annual_vol {sizing.target_annual_vol:g} asks for more than max_position_size "
        f"{sizing.max_position_size:g}, a multiple of equity; lower target_annual_vol or raise max_position_size"
    )
