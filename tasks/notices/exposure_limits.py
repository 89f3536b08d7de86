"""Warnings that a limit of the exposure, instead of the strategy or its target, decides positions."""

import numpy as np
from numpy.typing import NDArray

from strategy.portfolio.limited_days import LimitedDays
from strategy.portfolio.sizing import VOLATILITY_CAP, SizingParams
from strategy.signals.strategies import Strategy, sizing_of

#: A backtest does not warn of a smaller share of its days.
RARE_SHARE = 0.05


def limits_decided_often(strategy: Strategy, days: LimitedDays, sizing: SizingParams) -> list[str]:
    """Return a warning if limits decided on many of the account's days; empty if that was rare."""
    limited = int(days.any.sum())
    if limited <= RARE_SHARE * len(days.any):
        return []
    when = f"on {limited:,} of {len(days.any):,} days"
    if not sizing_of(strategy).needs_volatility:
        return [f"the cap decided {when}, {_of_signals(sizing)}"]
    which = [f"{name} on {int(on.sum()):,}" for name, on in _limits(days, sizing) if on.any()]
    aimed = f"not target_annual_vol {sizing.target_annual_vol:g}: {' and '.join(which)}"
    return [f"limits decided {when}, {aimed}; {_reached(days)}, the median of those days; {_remedy(days)}"]


def limits_decided_today(strategy: Strategy, day: LimitedDays, sizing: SizingParams) -> list[str]:
    """Return a warning if a limit decided the single day; empty if none did."""
    if not day.any.any():
        return []
    if not sizing_of(strategy).needs_volatility:
        return [f"the cap decided today, {_of_signals(sizing)}"]
    ((which, _),) = [(name, on) for name, on in _limits(day, sizing) if on.any()]
    aimed = f"{which} decided today, not target_annual_vol {sizing.target_annual_vol:g}"
    return [f"{aimed}; {_reached(day)}; {_remedy(day)}"]


def _limits(days: LimitedDays, sizing: SizingParams) -> list[tuple[str, NDArray[np.bool_]]]:
    most = f"max_position_size {sizing.max_position_size:g}, a multiple of equity,"
    return [(most, days.cap), (f"the volatility multiplier, at most {VOLATILITY_CAP:g},", days.multiplier)]


def _of_signals(sizing: SizingParams) -> str:
    most = f"max_position_size {sizing.max_position_size:g}, a multiple of equity"
    return f"not the signals: together they ask for more than {most}; return smaller ones or raise it"


def _reached(days: LimitedDays) -> str:
    return f"target_annual_vol {float(np.median(days.reached[days.any])):.3g} was reached"


def _remedy(days: LimitedDays) -> str:
    """Return what changes it: a larger cap helps on the cap's own days, up to the bound of the multiplier."""
    if not days.cap.any():
        return "lower it to that: raising max_position_size changes nothing"
    most = float(np.median(days.uncapped[days.cap]))
    return f"lower it to that, or raise max_position_size, with which {most:.3g} is reached at most on its days"
