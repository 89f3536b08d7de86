"""The book of an account with sleeves: Σ w·x, where x is what a sleeve's own sizing wants, within the caps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.portfolio.availability import availability
from strategy.portfolio.estimates import Estimates, estimates, portfolio_sizing
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.signals.sleeves import RISK_DATES, nominal_weights, weighed
from strategy.signals.strategies import Strategy

if TYPE_CHECKING:
    from strategy.portfolio.account_config import AccountConfig
    from strategy.portfolio.aligned_signals import AlignedSignals


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveWish:
    """What a sleeve wants of one symbol: its signal (None: unknown), its weight on the day, and its part of the target.

    `exposure` is w·x after drawdown control, a signed fraction of the account's equity, scaled as the caps scale the
    sum of all sleeves; the venue, the band and the limits look at that sum alone.
    """

    sleeve: str
    signal: float | None
    weight: float
    exposure: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SleevedBook:
    """What K sleeves want of S symbols on T dates, for an account at its peak.

    `signals` (K, T, S) are NaN where unknown, `own` (K, T, S) is x, what each sleeve's own sizing wants, and `weights`
    (T, K) are those of the day. `wanted` (T, S) is Σ w·x without caps, `exposures` (T, S) the same within them, and
    `parts` (K, T, S) are each sleeve's w·x, scaled as the caps scale their sum.
    """

    signals: FloatArray
    own: FloatArray
    weights: FloatArray
    wanted: FloatArray
    exposures: FloatArray
    parts: FloatArray

    @property
    def signal(self) -> FloatArray:
        """Return Σ w·s, (T, S), NaN where a signal is unknown."""
        return weighed(_by_sleeve(self.weights), list(self.signals))

    def wishes(self, strategy: Strategy) -> list[tuple[tuple[SleeveWish, ...], ...]]:
        """Return each symbol's wishes on each date, in the order of the sleeves."""
        names = [part.name for part in strategy.parts]
        # (T, S, K) as plain numbers.
        signals, parts = (np.moveaxis(values, 0, 2).tolist() for values in (self.signals, self.parts))
        return [
            tuple(
                tuple(
                    SleeveWish(sleeve=name, signal=signal if isfinite(signal) else None, weight=weight, exposure=part)
                    for name, signal, weight, part in zip(names, own, weights, wanted, strict=True)
                )
                for own, wanted in zip(of_day, wanted_of_day, strict=True)
            )
            for of_day, weights, wanted_of_day in zip(signals, self.weights.tolist(), parts, strict=True)
        ]


def sleeved_book(
    known: Estimates, sized: NDArray[np.bool_], view: "AlignedSignals", config: "AccountConfig"
) -> SleevedBook:
    """Return what the sleeves want on the dates of the estimates of the symbols that are `sized` (T, S)."""
    signals = np.stack(_signals_of_sleeves(view, known.dates, len(config.strategy.parts)))
    own = [
        _wanted_by(replace(known, signal=signal), sized, view, replace(config, strategy=part))
        for signal, part in zip(signals, config.strategy.parts, strict=True)
    ]
    weights = weights_on(known.dates, view, config)
    parts = [weight * wanted for weight, wanted in zip(_by_sleeve(weights), own, strict=True)]
    wanted = weighed([1.0] * len(parts), parts)
    params = config.sizing
    caps = book_caps(params, config.symbols)
    exposures = portfolio_exposures(wanted, np.ones_like(wanted), params.max_position_size, caps)
    scale = np.divide(exposures, wanted, out=np.ones_like(wanted), where=wanted != 0.0)
    return SleevedBook(
        signals=signals,
        own=np.stack(own),
        weights=weights,
        wanted=wanted,
        exposures=exposures,
        parts=np.stack(parts) * scale,
    )


def weights_on(dates: NDArray[np.datetime64], view: "AlignedSignals", config: "AccountConfig") -> FloatArray:
    """Return the weights of the sleeves on the dates, (T, K): fixed, or in inverse proportion to their risk.

    The risk is the volatility of Σ x·r, what the sleeve's own sizing wanted at each close times the returns of the next
    date, over the last RISK_DATES account dates up to the date itself. Where there are fewer, all weights are equal. A
    sleeve that held nothing in all that time has no risk: it has an equal share, and the others split the rest.
    """
    strategy, stops = config.strategy, np.searchsorted(view.union, dates, side="right")
    nominal = np.tile(nominal_weights(strategy), (len(dates), 1))
    full = np.flatnonzero(stops > RISK_DATES)
    if not strategy.by_risk or not len(full):
        return nominal
    first, last = int(stops[full].min()) - RISK_DATES - 1, int(stops[full].max()) - 1
    known = estimates(view, view.union[first:last], config.estimator)
    sized = availability(known, config).sized
    changes = view.changes[first + 1 : last + 1]
    returns = np.stack(
        [
            (_wanted_by(replace(known, signal=signal), sized, view, replace(config, strategy=part)) * changes).sum(1)
            for signal, part in zip(
                _signals_of_sleeves(view, known.dates, len(strategy.parts)), strategy.parts, strict=True
            )
        ]
    )
    # Row u of the returns is that of the union's row first + 1 + u.
    rows = stops[full, None] - first - 1 + np.arange(-RISK_DATES, 0)
    # Contiguous, so that a date's sum is added in the same order alone and among others.
    window = np.ascontiguousarray(returns[:, rows])
    nominal[full] = _inverse(np.sqrt((window * window).mean(axis=2)).T, nominal[0])
    return nominal


def _inverse(risk: FloatArray, nominal: FloatArray) -> FloatArray:
    """Return weights in inverse proportion to the risks (T, K); sleeves without risk keep their nominal ones."""
    risky = risk > 0
    inverse = np.where(risky, 1.0 / np.where(risky, risk, 1.0), 0.0)
    total = inverse.sum(axis=1, keepdims=True)
    room = np.where(risky, nominal, 0.0).sum(axis=1, keepdims=True)
    result: FloatArray = np.where(risky, room * inverse / np.where(total > 0, total, 1.0), nominal)
    return result


def _wanted_by(
    known: Estimates, sized: NDArray[np.bool_], view: "AlignedSignals", config: "AccountConfig"
) -> FloatArray:
    """Return the exposures (T, S) that one strategy's own sizing wants, before caps, drawdown control and limits."""
    rule, params = portfolio_sizing(known, sized, view, config), config.sizing
    wanted: FloatArray = rule.directions(params.neutral_zone) * rule.weights(params.target_annual_vol)
    return wanted


def _signals_of_sleeves(view: "AlignedSignals", dates: NDArray[np.datetime64], count: int) -> list[FloatArray]:
    """Return each sleeve's signals at the newest rows on or before the dates, (T, S); NaN where unknown."""
    result = [np.full((len(dates), len(view.outlooks)), np.nan) for _ in range(count)]
    for column, outlook in enumerate(view.outlooks):
        row = np.searchsorted(outlook.open_time, dates, side="right") - 1
        there = row >= 0
        # A symbol without bars has no signals.
        for values, own in zip(result, outlook.sleeves, strict=bool(outlook.sleeves)):
            values[there, column] = own[row[there]]
    return result


def _by_sleeve(weights: FloatArray) -> Sequence[FloatArray]:
    """Return the weights (T, K) as K columns (T, 1)."""
    return [column[:, None] for column in weights.T]
