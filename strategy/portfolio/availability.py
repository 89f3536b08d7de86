"""Which symbols may trade on a date: listed, with a fresh bar, in session, in the universe and warmed up."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategy.portfolio.estimates import Estimates
from strategy.signals.strategies import sizing_of

if TYPE_CHECKING:
    from strategy.portfolio.account_config import AccountConfig
    from strategy.portfolio.risk_limits import RiskLimits

#: Reason text of a decision on a stale symbol, which gets no order and no share of the risk.
STALE_REASON = "last bar is {age} days old"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Availability:
    """Reasons why symbols may not trade, whatever the account holds; masks are (T, S), and several may hold at once.

    `unborn`: no row yet. `delisted`: its last session is past. `stale`: its newest row is older than `stale_days`.
    `closed`: no session on the date. `outside`: a session, but not a member of the universe. `warming_up`: its
    estimates are not known yet.
    """

    unborn: NDArray[np.bool_]
    delisted: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    warming_up: NDArray[np.bool_]

    @property
    def sized(self) -> NDArray[np.bool_]:
        """Return the mask (T, S) of the symbols that get a risk budget on the date."""
        return ~(self.unborn | self.delisted | self.stale | self.outside | self.warming_up)

    @property
    def ordered(self) -> NDArray[np.bool_]:
        """Return the mask (T, S) of symbols that get an order, to their exposure or to 0 outside the universe.

        The others keep their position.
        """
        return (self.sized | self.outside) & ~(self.unborn | self.delisted | self.stale | self.closed)


def availability(known: Estimates, config: "AccountConfig") -> Availability:
    """Return the availability of every configured symbol on every date of the estimates."""
    days: list[date] = known.dates.astype("datetime64[D]").tolist()
    delisted, outside = np.zeros((2, *known.signal.shape), dtype=np.bool_)
    for column, symbol in enumerate(config.symbols):
        instrument = config.terms.instruments[symbol]
        if instrument.listed_to is not None:
            delisted[:, column] = [config.terms.delisted(symbol, day) for day in days]
        if instrument.memberships is not None:
            outside[:, column] = [not instrument.member(day) for day in days]
    needs_volatility = sizing_of(config.strategy).needs_volatility
    return Availability(
        unborn=known.age_days < 0,
        delisted=delisted,
        stale=stale(known, config.limits),
        closed=known.age_days > 0,
        outside=outside & (known.age_days == 0),
        warming_up=~np.isfinite(known.signal) | (needs_volatility & ~np.isfinite(known.volatility)),
    )


def stale(known: Estimates, limits: "RiskLimits") -> NDArray[np.bool_]:
    """Return the mask (T, S) of the symbols whose newest bar is more than `stale_days` calendar days old.

    A symbol without a bar is not stale but unborn.
    """
    return known.age_days > limits.stale_days
