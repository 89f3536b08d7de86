"""Explanation of an exposure, step by step: the sizing rules and the limits, each applied and left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf, isfinite

import numpy as np

from strategy.account.state import Snapshot
from strategy.market.bars import FloatArray
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, in_base_currency
from strategy.portfolio.allocation import correlations, risk_shares
from strategy.portfolio.decision import SIZED, Decision, PreTradeView, decided, kept_beside
from strategy.portfolio.estimates import Estimates, PortfolioSizing, estimates, portfolio_sizing
from strategy.portfolio.rebalancing import Rebalance
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import NO_CAPS, Allocation, drawdown_multiplier, soft_signal
from strategy.portfolio.sleeves import sleeved_book
from strategy.signals.har import PERIODS, VolatilityEstimator
from strategy.signals.outlook import SymbolSignals
from strategy.signals.strategies import Sizing, sizing_of

#: An unreachable position size that is still a finite number.
_BOUNDLESS = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """Step from the signal to the exposure of an account at its peak; exposures are multiples of equity.

    `allocation` made the `budget`. In the book of all budgets, held without signals, the symbol has the `risk_share` of
    the variance and this `correlation` with the whole. `uncapped` is the soft signal × the regime multiplier (the plain
    signal if the strategy has neither) × the budget × the volatility multiplier; `within_caps` is it after the caps of
    symbols and groups; in `capped` all symbols together are scaled down to `max_position_size`. With `direct` sizing it
    is the signal, and no volatility or budget plays a part. A field is None if the strategy has no such step, or the
    number is unknown. `ranges` are the numbers by which HAR corrects `closes_volatility`: volatilities over a day, a
    week and a month from daily ranges, a level, and the weights; empty where it does not.
    """

    signal: float | None
    soft_signal: float | None
    regime_multiplier: float | None
    volatility: float | None
    closes_volatility: float | None
    ranges: Mapping[str, float]
    allocation: Allocation | None
    budget: float | None
    risk_share: float | None
    correlation: float | None
    portfolio_volatility: float | None
    volatility_multiplier: float | None
    uncapped: float
    within_caps: float | None
    max_position_size: float
    capped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveStep:
    """Step from a sleeve's signal to its part of the account's target, for an account at its peak.

    `own` is what its own sizing wants, `part` the same times its `weight`, scaled as the caps scale the sum of all
    sleeves, and `wanted` that after the account's drawdown control.
    """

    sleeve: str
    signal: float | None
    own: float
    weight: float
    part: float
    wanted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrained:
    """Step from there to the exposure wanted in the account's current state.

    It applies the drawdown control (its multiplier is None if the strategy has none), the venue (no exposure below
    `floor`; None: shorts are allowed), and the room that kept positions, of gross exposure `kept_beside`, leave.
    """

    drawdown: float
    drawdown_multiplier: float | None
    after_drawdown: float
    floor: float | None
    after_floor: float
    kept_beside: float
    wanted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Banded:
    """Step from the wanted exposure to the one that the rebalance band asks for.

    A position from `low` to `high`, which are `band` from the target, is kept, and another one traded to the nearest of
    the two; `effect` is what the band did. `current` is the exposure held.
    """

    band: float
    current: float
    low: float
    high: float
    effect: Rebalance | None
    exposure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """Step from the wanted exposure, or the one that the rebalance band asks for, to the decided one.

    `after_cap` keeps each order below `order_cap` (over equity; None: no cap). Then the `turnover` of all symbols is
    scaled down to `max_turnover`, less what earlier passes of the day have used of it. Both move the exposure back
    towards `current`, the position held.
    """

    wanted: float
    current: float
    order_cap: float | None
    after_cap: float
    turnover: float
    max_turnover: float
    exposure: float


def sized(view: AlignedSignals, of_day: PreTradeView, config: AccountConfig) -> tuple[Sized | None, ...]:
    """Return how each symbol was sized, in the order of the account's symbols.

    None if capital is split, not risk, and if sleeves are sized one by one: see `sleeve_steps`.
    """
    if config.strategy.sleeves or sizing_of(config.strategy) is Sizing.ONCE:
        return (None,) * len(config.symbols)
    view = in_base_currency(view, config)
    known = estimates(view, [of_day.as_of], config.estimator)
    shares = np.array([[status in SIZED for status, _ in of_day.statuses]])
    closes = estimates(view, [of_day.as_of], VolatilityEstimator.EWMA).volatility[0]
    by_ranges = config.estimator is VolatilityEstimator.HAR
    rule, params = portfolio_sizing(known, shares, view, config), config.sizing
    boundless = replace(params, max_position_size=_BOUNDLESS)
    uncapped, within = rule.exposures(replace(boundless, caps=NO_CAPS)), rule.exposures(boundless)
    # s' and g; strategies that are sized by the volatility target alone have neither.
    full = rule.sizing is Sizing.FULL
    soft = soft_signal(rule.signal[0], params.neutral_zone) if full else np.full(len(config.symbols), np.nan)
    regime = rule.multiplier[0] if full else np.full(len(config.symbols), np.nan)
    scaled = rule.sizing.needs_volatility
    share, correlation = _risks(rule, known, view)
    return tuple(
        Sized(
            signal=_known(known.signal[0, i]),
            soft_signal=_known(soft[i]),
            regime_multiplier=_known(regime[i]),
            volatility=_known(known.volatility[0, i]) if scaled else None,
            closes_volatility=_known(closes[i]) if scaled else None,
            ranges=_ranges(view.outlooks[i], of_day.as_of, closes[i]) if by_ranges else {},
            allocation=params.allocation if scaled else None,
            budget=float(rule.budgets[0, i]) if scaled else None,
            risk_share=_known(share[i]) if scaled else None,
            correlation=_known(correlation[i]) if scaled else None,
            portfolio_volatility=_known(rule.volatility[0]) if scaled else None,
            volatility_multiplier=float(rule.scale(params.target_annual_vol)[0]) if scaled else None,
            uncapped=float(uncapped[0, i]),
            within_caps=None if params.caps == NO_CAPS else float(within[0, i]),
            max_position_size=params.max_position_size,
            capped=float(of_day.exposures[i]),
        )
        for i in range(len(config.symbols))
    )


def sleeve_steps(
    view: AlignedSignals, of_day: PreTradeView, decisions: Sequence[Decision], config: AccountConfig
) -> list[tuple[SleeveStep, ...]]:
    """Return what each sleeve wanted of each symbol, in the order of the account's symbols; empty without sleeves."""
    if not config.strategy.sleeves:
        return [()] * len(config.symbols)
    view = in_base_currency(view, config)
    known = estimates(view, [of_day.as_of], config.estimator)
    book = sleeved_book(known, np.array([[status in SIZED for status, _ in of_day.statuses]]), view, config)
    own, parts = book.own[:, 0].T.tolist(), book.parts[:, 0].T.tolist()
    return [
        tuple(
            SleeveStep(
                sleeve=wish.sleeve,
                signal=wish.signal,
                own=x,
                weight=wish.weight,
                part=part,
                wanted=wish.exposure,
            )
            for wish, x, part in zip(decision.sleeves, own_of, parts_of, strict=True)
        )
        for decision, own_of, parts_of in zip(decisions, own, parts, strict=True)
    ]


def _risks(rule: PortfolioSizing, known: Estimates, view: AlignedSignals) -> tuple[FloatArray, FloatArray]:
    """Return each symbol's share of the risk of the day's book and its correlation with it, (S,)."""
    sized, stops = rule.budgets > 0, np.searchsorted(view.union, known.dates, side="right")
    (correlation,) = correlations(view.changes, stops, sized)
    return risk_shares(rule.budgets[0], np.where(sized[0], known.volatility[0], np.nan), correlation)


def _ranges(outlook: SymbolSignals, as_of: date, closes: float) -> dict[str, float]:
    """Return the numbers by which HAR corrects the volatility of the closes at the newest row; empty if it does not.

    The log of the ratio of variances is the level plus each weight × 2 · ln(σ over its days / σ of the closes).
    """
    row = int(np.searchsorted(outlook.open_time, np.datetime64(as_of, "us"), side="right")) - 1
    if outlook.ranges is None or row < 0 or outlook.ranges.har.ratio[row] == 1.0:
        return {}
    level, *weights = outlook.ranges.har.coefficients[row].tolist()
    over = (closes * np.exp(outlook.ranges.har.averages[row] / 2.0)).tolist()
    named = dict(zip(PERIODS, over, strict=True)) | {"level": level}
    return named | {f"weight of the {period}": weight for period, weight in zip(PERIODS, weights, strict=True)}


def restrained(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> tuple[Restrained, ...]:
    """Return what the account's state leaves of each symbol's exposure, in the order of the account's symbols.

    If a position is kept, its exposures are those held.
    """
    minds = sizing_of(config.strategy) is Sizing.FULL
    after_drawdown, after_floor, wanted = _wanted(view, snapshot, config)
    kept = kept_beside(view, snapshot, config)
    return tuple(
        Restrained(
            drawdown=snapshot.drawdown,
            drawdown_multiplier=drawdown_multiplier(snapshot.drawdown, config.sizing) if minds else None,
            after_drawdown=after_drawdown[i],
            floor=_known(view.floor[i]),
            after_floor=after_floor[i],
            kept_beside=kept,
            wanted=wanted[i],
        )
        for i in range(len(config.symbols))
    )


def _wanted(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> Iterator[list[float]]:
    """Yield the exposures after drawdown control, then after the venue's floor, then after room for kept positions."""
    free = _free(replace(config, sizing=replace(config.sizing, rebalance_band=0.0)))
    roomy = replace(free, sizing=replace(free.sizing, max_position_size=inf))
    floorless = replace(view, floor=np.full_like(view.floor, -inf))
    for start, rules in ((floorless, roomy), (view, roomy), (view, free)):
        yield _exposures(start, snapshot, rules)


def banded(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> tuple[Banded | None, ...]:
    """Return how the rebalance band moved each symbol's exposure, in the order of the account's symbols.

    None without a band, or if capital is split, not risk.
    """
    band = config.sizing.rebalance_band
    if not band or sizing_of(config.strategy) is Sizing.ONCE:
        return (None,) * len(config.symbols)
    *_, wanted = _wanted(view, snapshot, config)
    after = _exposures(view, snapshot, _free(config))
    effects = [decision.rebalance for decision in decided(view, snapshot, config)]
    return tuple(
        Banded(
            band=band,
            current=snapshot.exposure(symbol),
            low=wanted[i] - band,
            high=wanted[i] + band,
            effect=effects[i],
            exposure=after[i],
        )
        for i, symbol in enumerate(config.symbols)
    )


def limited(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> tuple[Limited, ...]:
    """Return how the limits moved each symbol's exposure, in the order of the account's symbols."""
    limits, equity = config.limits, snapshot.equity
    wanted = _exposures(view, snapshot, _free(config))
    capped = _exposures(view, snapshot, _under(config, replace(limits, max_turnover=inf)))
    final = _exposures(view, snapshot, config)
    current = [snapshot.exposure(symbol) for symbol in config.symbols]
    turnover = float(np.abs(np.array(capped) - np.array(current)).sum())
    cap = None if limits.max_order_notional is None or equity <= 0 else float(limits.max_order_notional / equity)
    return tuple(
        Limited(
            wanted=wanted[i],
            current=current[i],
            order_cap=cap,
            after_cap=capped[i],
            turnover=turnover,
            max_turnover=max(0.0, limits.max_turnover - view.turnover_used(snapshot)),
            exposure=final[i],
        )
        for i in range(len(config.symbols))
    )


def _free(config: AccountConfig) -> AccountConfig:
    """Return the account's configuration without limits on turnover and orders."""
    return _under(config, RiskLimits(max_turnover=inf, max_order_notional=None))


def _under(config: AccountConfig, limits: RiskLimits) -> AccountConfig:
    return replace(config, limits=limits)


def _exposures(view: PreTradeView, snapshot: Snapshot, config: AccountConfig) -> list[float]:
    """Return the exposure decided for each symbol; if its position is kept, the exposure held."""
    decisions = decided(view, snapshot, config)
    return [
        snapshot.exposure(decision.symbol) if decision.exposure is None else decision.exposure for decision in decisions
    ]


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
