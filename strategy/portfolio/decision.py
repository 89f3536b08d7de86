"""The decision of a day: each symbol's target exposure at the close, from what is known before the account is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strategy.account.state import Snapshot
from strategy.market.bars import FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.leverage_cap import book_caps, capped_beside_kept
from strategy.portfolio.rebalancing import STILL, Rebalance, banded, effect_in_words, effects_of, rebalances
from strategy.portfolio.risk_limits import clip_to_limits
from strategy.portfolio.sizing import SizingParams, drawdown_multiplier
from strategy.portfolio.sleeves import SleeveWish
from strategy.signals.regime import REGIMES
from strategy.signals.strategies import Sizing, sizing_of


class Status(StrEnum):
    """Trading status of a symbol on a day; BESIDE: it is held, but the run does not trade it, and is flattened."""

    TRADED = "traded"
    NO_SESSION = "no_session"
    WARMING_UP = "warming_up"
    QUARANTINED = "quarantined"
    STALE = "stale"
    DELISTED = "delisted"
    OUTSIDE = "outside"
    BESIDE = "beside"


#: Statuses whose symbols get an order towards their exposure; the others keep their position.
ORDERED = frozenset({Status.TRADED, Status.OUTSIDE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The target exposure of one symbol at the close of `as_of`, and every number that led to it.

    `signal` in [-1, 1]; `volatility` annualised, a fraction; `exposure` is signed notional over equity, after sizing
    and limits. Numbers are None if they could not be estimated. If the exposure is None, the position is kept. A symbol
    OUTSIDE the universe is sold. `rebalance` is what the rebalance band or frequency, or a flattening, made of the
    target; None without. `sleeves` is what each sleeve of an account with several strategies wants.
    """

    as_of: date
    symbol: str
    status: Status
    regime: str | None = None
    confidence: float | None = None
    signal: float | None = None
    volatility: float | None = None
    exposure: float | None = None
    reason: str = ""
    rebalance: Rebalance | None = None
    sleeves: tuple[SleeveWish, ...] = ()


#: Statuses whose symbols take part in the sizing of the portfolio.
SIZED = frozenset({Status.TRADED, Status.NO_SESSION, Status.QUARANTINED})
#: Read once: for every decision of a backtest, an enumeration's property takes longer than the rest of it.
_REGIME_NAMES = tuple(regime.value for regime in REGIMES)
#: Age in days, signal, regime, confidence and volatility of a symbol's newest row; a negative age without one.
SymbolEstimate = tuple[int, float, int, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterPass:
    """A later pass of a day: the late symbols that it decides, and what earlier passes have decided.

    `ordered` holds the exposures ordered in earlier passes, as multiples of the present equity; they stand.
    """

    symbols: tuple[str, ...]
    ordered: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreTradeView:
    """The part of a day's decisions that does not depend on the account; every field is by symbol.

    `statuses` come with their reasons. `ordered` (S,) marks the symbols that get an order towards their exposure,
    `whole` is True if all do, `outside` (S,) marks those that are sold. `exposures` (S,) are those before drawdown
    control and limits, `floor` (S,) is the lowest exposure allowed. `standing` are the exposures of symbols that an
    earlier pass of the day has ordered. `sleeves` hold what each sleeve wants, also before drawdown control.
    """

    as_of: date
    rows: tuple[SymbolEstimate, ...]
    statuses: tuple[tuple[Status, str], ...]
    ordered: NDArray[np.bool_]
    whole: bool
    outside: NDArray[np.bool_]
    exposures: FloatArray
    floor: FloatArray
    standing: Mapping[str, float] = field(default_factory=dict)
    sleeves: tuple[tuple[SleeveWish, ...], ...] = ()

    def in_pass(self, later: LaterPass | None, symbols: Sequence[str]) -> "PreTradeView":
        """Return the view of a later pass (None: the first), which orders its own symbols alone."""
        if later is None:
            return self
        late = np.array([symbol in later.symbols for symbol in symbols])
        return replace(self, ordered=self.ordered & late, whole=False, standing=later.ordered)

    def exposures_held(self, snapshot: Snapshot, symbols: Sequence[str]) -> FloatArray:
        """Return the exposures (S,) held at the close, or ordered in an earlier pass of the day."""
        return np.array([self.standing.get(symbol, snapshot.exposure(symbol)) for symbol in symbols])

    def turnover_used(self, snapshot: Snapshot) -> float:
        """Return the turnover that earlier passes of the day have ordered, as a multiple of equity."""
        return sum(abs(exposure - snapshot.exposure(symbol)) for symbol, exposure in self.standing.items())


class Outcome(NamedTuple):
    """What came of a day's targets, by symbol: the exposures decided, None where the position is kept.

    `effects` are those of the rebalance band or frequency, `wanted` the exposures that the targets ask for.
    """

    exposures: Sequence[float | None]
    effects: Sequence[Rebalance | None]
    wanted: Sequence[float]


def decided(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> tuple[Decision, ...]:
    """Return the decisions of a day, given its pre-trade view and the account; see `decide`."""
    params, once = config.sizing, sizing_of(config.strategy) is Sizing.ONCE
    current = view.exposures_held(snapshot, config.symbols)
    effects: list[Rebalance | None] = [None] * len(current)
    if not once and not rebalances(view.as_of, snapshot.previous, params.rebalance_every):
        effects = [Rebalance.WAITING if waits else None for waits in (view.ordered & ~view.outside).tolist()]
        view = replace(view, ordered=view.ordered & view.outside, whole=False)
    wanted = _wanted(view, snapshot, current, config)
    wanted = wanted if view.whole else np.where(view.ordered, wanted, current)
    traded = wanted
    if params.rebalance_band and not once and snapshot.equity > 0:
        traded = _within_band(wanted, current, view, snapshot, config)
        banding = zip(view.ordered.tolist(), effects, effects_of(current, wanted, traded), strict=True)
        effects = [effect if orders else before for orders, before, effect in banding]
    limited = traded
    if snapshot.equity > 0:
        limited = clip_to_limits(current, traded, snapshot.equity, config.limits, view.turnover_used(snapshot))
    exposures: list[float | None] = limited.tolist()
    if once or not view.whole:
        kept = ~view.ordered | (once & (current != 0.0) & ~view.outside)
        exposures = [None if keep else value for value, keep in zip(exposures, kept.tolist(), strict=True)]
    decisions = decisions_of(view, Outcome(exposures=exposures, effects=effects, wanted=wanted.tolist()), config)
    return _with_sleeves(decisions, view, _drawdown_share(snapshot, config)) if view.sleeves else decisions


def decisions_of(view: PreTradeView, outcome: Outcome, config: AccountConfig) -> tuple[Decision, ...]:
    """Return the decisions of a day, given what came of its targets."""
    statuses: Sequence[tuple[Status, str]] = view.statuses
    effects = outcome.effects
    if any(effects):
        statuses = _with_effects(statuses, effects, outcome.wanted, config.sizing)
    seen = zip(config.symbols, view.rows, statuses, zip(outcome.exposures, effects, strict=True), strict=True)
    return tuple(_decision(view.as_of, *row) for row in seen)


def _wanted(view: PreTradeView, snapshot: Snapshot, current: FloatArray, config: AccountConfig) -> FloatArray:
    """Return the exposures (S,) that the targets ask for, before the rebalance band and the limits."""
    if snapshot.equity <= 0:
        return np.zeros(len(current))
    if sizing_of(config.strategy) is Sizing.ONCE:
        return _bought_once(view, snapshot, current, config)
    wanted = np.maximum(view.exposures * _drawdown_share(snapshot, config), view.floor)
    gross = float(np.abs(wanted if view.whole else wanted[view.ordered]).sum())
    return capped_beside_kept(wanted, gross, kept_beside(view, snapshot, config), config.sizing.max_position_size)


def _drawdown_share(snapshot: Snapshot, config: AccountConfig) -> float:
    """Return the share of the exposures that drawdown control leaves; 0 without equity."""
    if snapshot.equity <= 0:
        return 0.0
    controlled = sizing_of(config.strategy) is Sizing.FULL
    return drawdown_multiplier(snapshot.drawdown, config.sizing) if controlled else 1.0


def _with_sleeves(decisions: Sequence[Decision], view: PreTradeView, share: float) -> tuple[Decision, ...]:
    """Return the decisions with what each sleeve wants of their symbol, after drawdown control."""
    return tuple(
        replace(decision, sleeves=tuple(replace(wish, exposure=wish.exposure * share) for wish in wishes))
        for decision, wishes in zip(decisions, view.sleeves, strict=True)
    )


def _within_band(
    wanted: FloatArray, current: FloatArray, view: PreTradeView, snapshot: Snapshot, config: AccountConfig
) -> FloatArray:
    """Return the exposures (S,) to trade to; those of symbols without an order are the ones held."""
    room = max(0.0, config.sizing.max_position_size - kept_beside(view, snapshot, config))
    traded, at = current.copy(), view.ordered
    traded[at] = banded(current[at], wanted[at], config.sizing.rebalance_band, room)
    return traded


def _with_effects(
    statuses: Sequence[tuple[Status, str]],
    effects: Sequence[Rebalance | None],
    wanted: Sequence[float],
    params: SizingParams,
) -> list[tuple[Status, str]]:
    """Return the statuses with the effect of the rebalance band or frequency where they have no reason of their own."""
    terms = params.rebalance_band, params.rebalance_every
    return [
        (status, reason if reason or effect is None else effect_in_words(effect, target, *terms))
        for (status, reason), effect, target in zip(statuses, effects, wanted, strict=True)
    ]


def _decision(
    as_of: date,
    symbol: str,
    row: SymbolEstimate,
    found: tuple[Status, str],
    outcome: tuple[float | None, Rebalance | None],
) -> Decision:
    """Return a symbol's decision; a position that the band or frequency keeps has no exposure."""
    _, signal, code, confidence, volatility = row
    sure, (exposure, effect) = isfinite(confidence), outcome
    return Decision(
        as_of=as_of,
        symbol=symbol,
        status=found[0],
        regime=_REGIME_NAMES[code] if sure else None,
        confidence=confidence if sure else None,
        signal=signal if isfinite(signal) else None,
        volatility=volatility if isfinite(volatility) else None,
        exposure=None if effect in STILL else exposure,
        reason=found[1],
        rebalance=effect,
    )


def as_decided(config: AccountConfig, decisions: Sequence[Decision]) -> AccountConfig:
    """Return the configuration by which a past day was decided: that of a halted account if it was one then.

    A band or frequency leaves its code on the decision of every symbol that is ordered, unless the account is halted.
    """
    banded = any(decision.rebalance not in {None, Rebalance.FLATTEN} for decision in decisions)
    return config if banded else config.at_once


def _bought_once(view: PreTradeView, snapshot: Snapshot, current: FloatArray, config: AccountConfig) -> FloatArray:
    """Return exposures (S,) that split the remaining capital among the symbols still to be bought; never borrows.

    The caps of symbols and groups cut what is bought, never what is held.
    """
    most, caps = config.sizing.max_position_size, book_caps(config.sizing, config.symbols)
    # What an earlier pass of the day has ordered is not bought yet: a late symbol has the share that all had there.
    empty = np.array([snapshot.exposure(symbol) == 0.0 for symbol in config.symbols])
    left, wanting = max(0.0, float(snapshot.account.cash / snapshot.equity)), empty & ~view.outside
    held = sum(abs(snapshot.exposure(symbol)) for symbol in snapshot.account.positions)
    share = min(left, max(0.0, most - held)) / max(1, int(wanting.sum()))
    share = min(share, max(0.0, most - kept_beside(view, snapshot, config))) if view.standing else share
    wanted = np.where(view.outside, 0.0, np.where(wanting, share, current))
    return wanted if caps is None else np.where(wanting, caps.within(wanted), wanted)


def kept_beside(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> float:
    """Return the gross exposure of the positions that get no order on the day, or got it in an earlier pass."""
    kept = 0.0
    if not view.whole:
        kept = float(np.abs(view.exposures_held(snapshot, config.symbols)[~view.ordered]).sum())
    others = [symbol for symbol in snapshot.account.positions if symbol not in config.symbols]
    return kept + sum(abs(snapshot.exposure(symbol)) for symbol in others)
