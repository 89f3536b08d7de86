"""Clear days: those whose decision does not hang on the last digits of what is held.

The exposures held are ratios of two exact amounts, and take longer to compute than all else of a day. On most days a
near value of them shows what is traded: a position is far from the edges of the rebalance band, and no limit is near.
Then the decision is that of `decided`, to the last bit; where it is not clear, none is given, and `decided` decides.
"""

import math
from collections.abc import Sequence
from datetime import date

import numpy as np

from strategy.backtest.plain_records import new_record
from strategy.backtest.pretrade import PreTradeDays
from strategy.market.bars import FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Outcome
from strategy.portfolio.leverage_cap import capped_beside_kept
from strategy.portfolio.rebalancing import CAP_ROUNDING, Frequency, Rebalance, rebalances
from strategy.portfolio.sizing import drawdown_multiplier
from strategy.signals.strategies import Sizing, sizing_of

#: How far an exposure must be from an edge or a limit: thousands of times what the near values of a panel can be wrong.
MARGIN = 1e-7
#: Exposures held between which near values are near enough, and the least equity, in money, that they are shares of.
LEAST_HELD, MOST_HELD, LEAST_EQUITY = 1e-6, 1e3, 1.0
#: Target below which its product with what is held may vanish.
_LEAST_TARGET = 1e-200
#: Read once: a name of an enumeration is found slowly, for every target.
_KEPT, _EDGE = Rebalance.KEPT, Rebalance.EDGE


def may_be_clear(config: AccountConfig) -> bool:
    """Return whether days of the account may be clear: never with sleeves or a cap on orders."""
    return not config.strategy.sleeves and config.limits.max_order_notional is None


class ClearDays:
    """The targets of an account's days, and what comes of them where that is clear."""

    def __init__(self, days: PreTradeDays, config: AccountConfig) -> None:
        sizing = sizing_of(config.strategy)
        self._days, self._sizing, self._every = days, config.sizing, config.sizing.rebalance_every
        self._once, self._daily = sizing is Sizing.ONCE, config.sizing.rebalance_every is Frequency.DAILY
        #: Near drawdown up to which no exposure is less for it.
        self.controlled_from = config.sizing.drawdown_start - MARGIN if sizing is Sizing.FULL else math.inf
        self._band, self._cap = config.sizing.rebalance_band, config.sizing.max_position_size
        self._most_turnover = config.limits.max_turnover
        #: Each day trades to its target.
        self._straight = self._daily and not (self._once or self._band)
        floored = _floored(days.exposures, days.floor)
        self._wanted, self._capped = _capped(floored, self._cap)
        usable = np.isfinite(floored).all(axis=1) & ~days.outside.any(axis=1)
        self._usable: list[bool] = np.logical_and(usable, may_be_clear(config)).tolist()
        every = range(floored.shape[1])
        self._ordered: list[Sequence[int]] = [
            every if whole else np.flatnonzero(ordered).tolist()
            for whole, ordered in zip(days.whole, days.ordered, strict=True)
        ]
        self._nothing: list[None] = [None] * floored.shape[1]
        self._unchanged = Outcome(exposures=self._nothing, effects=self._nothing, wanted=())

    def outcome(self, row: int, held: Sequence[float], drawdown: float, previous: date | None) -> Outcome | None:
        """Return what comes of a day's targets; None if that is not clear.

        `held` are the exposures held, near their exact values and in size between LEAST_HELD and MOST_HELD, or 0
        without a position; `previous` is the account date before. The equity is at least LEAST_EQUITY. The drawdown is
        exact, or 0 where it is at most `controlled_from`.
        """
        if not self._usable[row]:
            return None
        ordered, nothing = self._ordered[row], self._nothing
        if self._once:
            kept = all(held[column] for column in ordered)
            return self._unchanged if kept else None
        if not self._daily and not rebalances(self._days.dates[row], previous, self._every):
            waiting: list[Rebalance | None] = [*nothing]
            for column in ordered:
                waiting[column] = Rebalance.WAITING
            return Outcome(exposures=nothing, effects=waiting, wanted=self._wanted[row])
        room, controlled = self._cap, drawdown > self._sizing.drawdown_start
        if not controlled and self._days.whole[row]:
            return self._traded(ordered, held, self._capped[row], room)
        if not self._days.whole[row]:
            room = max(0.0, room - (_gross(held) - _gross([held[column] for column in ordered])))
        share = drawdown_multiplier(drawdown, self._sizing) if controlled else 1.0
        wanted = self._within_cap(row, share, room)
        return None if wanted is None else self._traded(ordered, held, wanted, room)

    def outcome_alone(self, row: int, now: float, drawdown: float, previous: date | None) -> Outcome | None:
        """Return what `outcome` does for an account of one symbol, whose exposure is `now`."""
        target, controlled = self._capped[row][0], drawdown > self._sizing.drawdown_start
        if controlled:
            target = self._wanted[row][0] * drawdown_multiplier(drawdown, self._sizing)
        # Zeros have signs, and exposures near the cap are cut by it.
        short = self._straight and self._usable[row] and self._days.whole[row] and abs(target) > 0.0
        if not short or (controlled and abs(target) > self._cap - MARGIN):
            return self.outcome(row, (now,), drawdown, previous)
        clear = abs(target - now) <= self._most_turnover - MARGIN and abs(target) <= MOST_HELD
        exposures = [target]
        return new_record(Outcome, (exposures, self._nothing, exposures)) if clear else None

    def _within_cap(self, row: int, share: float, room: float) -> list[float] | None:
        """Return the exposures wanted, to the last bit; None if the cap may bind beside positions that are kept."""
        whole = self._days.whole[row]
        wanted = self._wanted[row] if share == 1.0 else self._scaled(row, share)
        if _gross(wanted if whole else [wanted[column] for column in self._ordered[row]]) <= room - MARGIN:
            return wanted
        if not whole:
            return None
        exact = np.array(wanted)
        capped: list[float] = capped_beside_kept(exact, float(np.abs(exact).sum()), 0.0, self._cap).tolist()
        return capped

    def _scaled(self, row: int, share: float) -> list[float]:
        """Return the exposures with this share of them left, none below the floor."""
        wanted = []
        for exposure in self._wanted[row]:
            scaled = exposure * share
            if exposure and not scaled:
                # Which of two zeros of either sign is the larger depends on where in an array they stand.
                by_day: list[float] = np.maximum(self._days.exposures[row] * share, self._days.floor).tolist()
                return by_day
            # The floor of an exposure is 0 or none at all.
            wanted.append(scaled)
        return wanted

    def _traded(
        self, ordered: Sequence[int], held: Sequence[float], wanted: Sequence[float], room: float
    ) -> Outcome | None:
        """Return the outcome within the rebalance band; None if the band is not clear, or a limit may bind."""
        band, gross, turnover = self._band, 0.0, 0.0
        if not band:
            return self._to_targets(ordered, held, wanted)
        exposures: list[float | None] = [*self._nothing]
        effects: list[Rebalance | None] = [*self._nothing]
        for column in ordered:
            traded = target = wanted[column]
            now = held[column]
            effect = _effect(target, now, band)
            if effect is None:
                return None
            if effect is _KEPT:
                effects[column] = effect
                gross += abs(now)
                continue
            if effect is _EDGE:
                traded = target - band if now < target else target + band
                effect = Rebalance.CAPPED if traded == target else effect
            effects[column] = effect
            exposures[column] = traded
            gross += abs(traded)
            turnover += abs(traded - now)
        outcome = new_record(Outcome, (exposures, effects, wanted))
        beyond = gross - room * (1.0 + CAP_ROUNDING)
        if beyond > -MARGIN:
            turned = _cut_to_targets(exposures, effects, held, wanted) if beyond > MARGIN else None
            turnover = self._most_turnover if turned is None else turned
        return outcome if turnover <= self._most_turnover - MARGIN and gross <= MOST_HELD else None

    def _to_targets(self, ordered: Sequence[int], held: Sequence[float], wanted: Sequence[float]) -> Outcome | None:
        """Return the outcome without a rebalance band; None if a limit may bind."""
        exposures: list[float | None] = [*self._nothing]
        gross = turnover = 0.0
        for column in ordered:
            exposures[column] = target = wanted[column]
            gross += abs(target)
            turnover += abs(target - held[column])
        clear = turnover <= self._most_turnover - MARGIN and gross <= MOST_HELD
        return new_record(Outcome, (exposures, self._nothing, wanted)) if clear else None


def _cut_to_targets(
    exposures: list[float | None], effects: list[Rebalance | None], held: Sequence[float], wanted: Sequence[float]
) -> float | None:
    """Move what is beyond its target to the target, and return the turnover; None if that is not clear."""
    turnover = 0.0
    for column, effect in enumerate(effects):
        if effect is None:
            continue
        now, target, traded = held[column], wanted[column], exposures[column]
        if traded is None:
            if abs(abs(now) - abs(target)) <= MARGIN:
                return None
            traded = now
        if abs(traded) > abs(target):
            exposures[column], effects[column] = target, Rebalance.CAPPED
            traded = target
        turnover += abs(traded - now)
    return turnover


def _floored(exposures: FloatArray, floor: FloatArray) -> FloatArray:
    """Return the exposures (T, S), none below the floor (S,), with the bits of a day at a time."""
    if np.any((exposures == 0.0) & np.signbit(exposures)):
        # Which of two zeros of either sign is the larger depends on where in an array they stand.
        return np.array([np.maximum(row, floor) for row in exposures])
    floored: FloatArray = np.maximum(exposures, floor)
    return floored


def _capped(exposures: FloatArray, cap: float) -> tuple[list[list[float]], list[list[float]]]:
    """Return the exposures (T, S) by day, and scaled down together to the cap, with the bits of a day at a time."""
    gross, wanted = np.abs(exposures).sum(axis=1), exposures.tolist()
    over = np.flatnonzero(np.isfinite(gross) & (gross > cap))
    capped = wanted.copy()
    for row, scaled in zip(over.tolist(), (exposures[over] * (cap / gross[over])[:, None]).tolist(), strict=True):
        capped[row] = scaled
    return wanted, capped


def _gross(exposures: Sequence[float]) -> float:
    """Return the gross exposure, near its exact value."""
    total = 0.0
    for exposure in exposures:
        total += abs(exposure)
    return total


def _effect(target: float, now: float, band: float) -> Rebalance | None:
    """Return what the band makes of a target; None if it is not clear."""
    if target == 0.0:
        return Rebalance.CLOSED
    if abs(target) < _LEAST_TARGET:
        return None
    if target * now < 0.0:
        return Rebalance.REVERSED
    beyond = abs(now - target) - band
    if abs(beyond) <= MARGIN:
        return None
    return _KEPT if beyond < 0.0 else _EDGE
