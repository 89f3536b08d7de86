"""Days on which a limit of the sizing, not its target, set the exposures; before the account's state plays a part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, in_base_currency
from strategy.portfolio.availability import availability
from strategy.portfolio.estimates import PortfolioSizing, estimates, portfolio_sizing
from strategy.portfolio.leverage_cap import book_caps
from strategy.portfolio.sizing import SizingParams
from strategy.portfolio.sleeves import sleeved_book
from strategy.signals.strategies import Sizing, sizing_of

#: Exposures within this relative distance of a limit do not go beyond it: they are rounded.
NEAR = 1e-9
#: A target volatility that is missed by this share or less counts as reached.
SLIGHT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitedDays:
    """On which of T days a limit decided, (T,), at most one each.

    `cap` is `max_position_size`, `book` the cap of a symbol or a group, `multiplier` the bound of k. Where several
    bind, the one that decides is the first of these that cuts what the others leave. `reached` is the target volatility
    at which the gross exposure would be the same, `uncapped` that without any cap; NaN where the volatility is unknown
    or plays no part.
    """

    cap: NDArray[np.bool_]
    book: NDArray[np.bool_]
    multiplier: NDArray[np.bool_]
    reached: FloatArray
    uncapped: FloatArray

    @property
    def any(self) -> NDArray[np.bool_]:
        """Return the days on which one of them decided, (T,)."""
        return self.cap | self.book | self.multiplier


def limited_days(rule: PortfolioSizing, wanted: FloatArray, params: SizingParams) -> LimitedDays:
    """Return the days of the rule on which a limit decided; days without an exposure wanted do not count.

    `wanted` (T, S) is s'·g·b·k. Days are counted before drawdown control, a rebalance band, and the limits of the
    account. Strategies whose signals are exposures have no bound of k.
    """
    caps, scale = book_caps(params, rule.symbols), rule.scale(params.target_annual_vol)
    whole = np.abs(wanted).sum(axis=1)
    asked = whole if caps is None else np.abs(caps.within(wanted)).sum(axis=1)
    most = params.max_position_size
    cap = asked > most * (1 + NEAR)
    book = (whole > asked * (1 + NEAR)) & ~cap
    kept = np.divide(asked, whole, out=np.ones_like(whole), where=whole > 0)
    uncapped = np.where(scale > 0, rule.volatility * scale, np.nan)
    bound = uncapped < params.target_annual_vol * (1 - SLIGHT)
    if not rule.sizing.needs_volatility:
        bound, uncapped = np.zeros_like(cap), np.full(len(asked), np.nan)
    return LimitedDays(
        cap=cap,
        book=book,
        multiplier=bound & (asked > 0) & ~cap & ~book,
        reached=uncapped * kept * (most / np.maximum(asked, most)),
        uncapped=uncapped,
    )


def _capped_days(wanted: FloatArray, config: AccountConfig) -> LimitedDays:
    """Return the days on which a cap cut the sum of all sleeves, whose target volatility is no single number."""
    caps, most = book_caps(config.sizing, config.symbols), config.sizing.max_position_size
    whole = np.abs(wanted).sum(axis=1)
    asked = whole if caps is None else np.abs(caps.within(wanted)).sum(axis=1)
    cap = asked > most * (1 + NEAR)
    unknown = np.full(len(wanted), np.nan)
    return LimitedDays(
        cap=cap,
        book=(whole > asked * (1 + NEAR)) & ~cap,
        multiplier=np.zeros_like(cap),
        reached=unknown,
        uncapped=unknown,
    )


def limited_days_of(view: AlignedSignals, dates: Sequence[date], config: AccountConfig) -> LimitedDays:
    """Return the days among the dates on which a limit decided the account's exposures.

    A strategy that buys once asks for no more than it has: none of its days count.
    """
    if sizing_of(config.strategy) is Sizing.ONCE:
        none = np.zeros(len(dates), dtype=np.bool_)
        unknown = np.full(len(dates), np.nan)
        return LimitedDays(cap=none, book=none, multiplier=none, reached=unknown, uncapped=unknown)
    view = in_base_currency(view, config)
    known = estimates(view, dates, config.estimator)
    if config.strategy.sleeves:
        return _capped_days(sleeved_book(known, availability(known, config).sized, view, config).wanted, config)
    rule = portfolio_sizing(known, availability(known, config).sized, view, config)
    wanted = rule.directions(config.sizing.neutral_zone) * rule.weights(config.sizing.target_annual_vol)
    return limited_days(rule, wanted, config.sizing)
