"""Warnings that a limit of the exposure, instead of the strategy or its target, decides positions."""

from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from strategy.portfolio.limited_days import LimitedDays
from strategy.portfolio.sizing import VOLATILITY_CAP, SizingParams
from strategy.signals.strategies import Strategy, sizing_of

#: A backtest does not warn of a smaller share of its days.
RARE_SHARE = 0.05

_MOST = "max_position_size"


def limits_decided_often(strategy: Strategy, days: LimitedDays, sizing: SizingParams) -> list[str]:
    """Return a warning if limits decided on many of the account's days; empty if that was rare."""
    limited = int(days.any.sum())
    if limited <= RARE_SHARE * len(days.any):
        return []
    when = f"on {limited:,} of {len(days.any):,} days"
    if strategy.sleeves or not sizing_of(strategy).needs_volatility:
        return [f"{_of_signals(days, sizing, when)} or raise {'them' if _both(days) else 'it'}"]
    ran = f"the account ran at {_median(days):.3g}, the median of those days"
    counts = sorted(((int(on.sum()), name) for name, on in _limits(days, sizing) if on.any()), reverse=True)
    (most, first), others = counts[0], counts[1:]
    decided = _listed([f"on {most:,} days {first} decided", *(f"on {count:,} {name}" for count, name in others)])
    remedy = _remedy(days, sizing, inf).replace(
        "lower it to that", f"lower target_annual_vol to {_median(days):.3g}", 1
    )
    return [
        f"limits decided {when}, not target_annual_vol {sizing.target_annual_vol:g}: {ran}. "
        f"{_sentence(decided)}. {_sentence(remedy)}"
    ]


def limits_decided_today(
    strategy: Strategy, day: LimitedDays, sizing: SizingParams, venue_most: float = inf
) -> list[str]:
    """Return a warning if a limit decided the single day; empty if none did.

    `venue_most` is the largest gross exposure that the venue can hold: no `max_position_size` goes beyond it.
    """
    if not day.any.any():
        return []
    of_venue = bool(day.cap.any()) and sizing.max_position_size >= venue_most
    if strategy.sleeves or not sizing_of(strategy).needs_volatility:
        if of_venue:
            asked = f"together they ask for more than {venue_most:g} of equity, which the venue holds at most"
            return [f"the venue decided today, not the signals: {asked}; return smaller ones"]
        return [f"{_of_signals(day, sizing, 'today')} or raise it"]
    ((which, _),) = [(name, on) for name, on in _limits(day, sizing) if on.any()]
    decided = f"the venue, which holds at most {venue_most:g} of equity," if of_venue else which
    aimed = f"{decided} decided today, not target_annual_vol {sizing.target_annual_vol:g}"
    remedy = "lower it to that: the venue holds no more" if of_venue else _remedy(day, sizing, venue_most)
    return [f"{aimed}; {_reached(day)}; {remedy}"]


def _limits(days: LimitedDays, sizing: SizingParams) -> list[tuple[str, NDArray[np.bool_]]]:
    most = f"{_MOST} ({sizing.max_position_size:g} times equity)"
    book = " and ".join(f"{name} {value:g}" for name, value in _book(sizing))
    multiplier = f"the volatility multiplier (at most {VOLATILITY_CAP:g})"
    return [(most, days.cap), (book, days.book), (multiplier, days.multiplier)]


def _book(sizing: SizingParams) -> list[tuple[str, float]]:
    """Return the settings of the caps of symbols and groups that are set."""
    caps = {"max_symbol_exposure": sizing.caps.symbol, "max_group_exposure": sizing.caps.group}
    return [(name, value) for name, value in caps.items() if isfinite(value)]


def _both(days: LimitedDays) -> bool:
    return bool(days.cap.any() and days.book.any())


def _of_signals(days: LimitedDays, sizing: SizingParams, when: str) -> str:
    """Return that caps decided over signals which are exposures, up to the remedy of smaller ones."""
    most = f"{_MOST} {sizing.max_position_size:g}, a multiple of equity"
    book = _listed([f"{name} {value:g}" for name, value in _book(sizing)])
    if _both(days):
        counts = f"{most}, on {int(days.cap.sum()):,} and {book} on {int(days.book.sum()):,}"
        return f"caps decided {when}, not the signals: they ask for more than {counts}; return smaller ones"
    asked = f"they ask for more than {book}" if days.book.any() else f"together they ask for more than {most}"
    return f"the cap decided {when}, not the signals: {asked}; return smaller ones"


def _reached(days: LimitedDays) -> str:
    return f"target_annual_vol {_median(days):.3g} was reached"


def _median(days: LimitedDays) -> float:
    """Return the target volatility that was reached on the days on which a limit decided, their median."""
    return float(np.median(days.reached[days.any]))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _remedy(days: LimitedDays, sizing: SizingParams, venue_most: float) -> str:
    """Return what changes it: a larger cap helps on its own days, up to the bound of the multiplier and the venue's."""
    settings = [(_MOST, days.cap), (_listed([name for name, _ in _book(sizing)]), days.book)]
    room = venue_most / sizing.max_position_size
    ways = [
        f"raise {name}, with which {_on(on)} at most {_at_most(days, on, room):.3g} is reached instead of "
        f"{float(np.median(days.reached[on])):.3g}"
        for name, on in settings
        if on.any()
    ]
    if not ways:
        return f"lower it to that: raising {_MOST} changes nothing"
    return f"lower it to that, or {', or '.join(ways)}"


def _on(days: NDArray[np.bool_]) -> str:
    return "today" if len(days) == 1 else f"on its {int(days.sum()):,} days"


def _at_most(days: LimitedDays, on: NDArray[np.bool_], room: float) -> float:
    """Return the median of the target volatility reached on the days without their cap, in what room there is."""
    most = days.uncapped[on]
    return float(np.median(most if room == inf else np.minimum(most, days.reached[on] * room)))


def _listed(texts: list[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
