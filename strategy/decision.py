"""What is decided for each symbol at the close of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from strategy.account import Snapshot
from strategy.bars import FloatArray, TimeArray
from strategy.execution import Terms
from strategy.instruments import account_days_per_year
from strategy.market import PORTFOLIO_BARS, aligned_changes, portfolio_volatility
from strategy.regime import REGIMES
from strategy.risk import RiskLimits, within_limits
from strategy.signals import Outlook, Sizing, Strategy, no_outlook, sizing_of, warm_up_bars
from strategy.sizing import (
    SizingParams,
    drawdown_multiplier,
    portfolio_exposures,
    regime_multiplier,
    risk_budgets,
    soft_signal,
    volatility_multiplier,
)


class Status(StrEnum):
    """Why a symbol may or may not trade on this day."""

    TRADED = "traded"
    NO_SESSION = "no_session"
    WARMING_UP = "warming_up"
    QUARANTINED = "quarantined"
    STALE = "stale"
    DELISTED = "delisted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The target exposure of one symbol at the close of `as_of`, and every number that led to it.

    `signal` in [-1, 1]; `volatility` annualised, a fraction; `exposure` is signed notional over equity, after sizing
    and limits. Numbers are None where the symbol could not be judged. Where the exposure is None the position is kept.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """How an account is to be run: by which strategy and limits, on which symbols (sorted), on what terms."""

    strategy: Strategy
    symbols: tuple[str, ...]
    sizing: SizingParams
    limits: RiskLimits
    terms: Terms

    def __post_init__(self) -> None:
        if not self.symbols or tuple(sorted(set(self.symbols))) != self.symbols:
            raise ValueError(f"symbols are {self.symbols}; they must be sorted, distinct and at least one")
        unknown = [symbol for symbol in self.symbols if symbol not in self.terms.instruments]
        if unknown:
            raise ValueError(f"no instrument is known for {', '.join(unknown)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panorama:
    """The outlooks of all symbols, and their returns on the union of their dates: `changes` is (U, S)."""

    outlooks: Sequence[Outlook]
    union: TimeArray
    changes: FloatArray


def panorama(outlooks: Mapping[str, Outlook], symbols: Sequence[str]) -> Panorama:
    """The outlooks side by side, in the order of the symbols; a symbol without bars has an empty outlook."""
    ordered = [outlooks[symbol] if symbol in outlooks else no_outlook(symbol) for symbol in symbols]
    union, changes = aligned_changes(ordered)
    return Panorama(outlooks=ordered, union=union, changes=changes)


def decide(
    view: Panorama, snapshot: Snapshot, mandate: Mandate, held_back: Mapping[str, str] | None = None
) -> tuple[Decision, ...]:
    """The decision for every symbol at the close of the snapshot's day, from rows dated that day or earlier.

    `held_back` names symbols that must not trade today, with the reason. A symbol that is not TRADED keeps its position
    and its open order; it still takes its share of the budgets unless it is stale, delisted or warming up.
    """
    held_back = held_back or {}
    as_of = snapshot.account.as_of
    looks = [_look(outlook, as_of, mandate, held_back) for outlook in view.outlooks]
    current = _current_exposures(looks, snapshot)
    wanted = _wanted(looks, view, snapshot, mandate, current)
    traded = np.array([look.status is Status.TRADED for look in looks])
    wanted = np.where(traded, _beside_kept(wanted, current, traded, snapshot, mandate), current)
    limited = within_limits(current, wanted, snapshot.equity, mandate.limits) if snapshot.equity > 0 else wanted
    bought = (sizing_of(mandate.strategy) is Sizing.ONCE) & (current != 0.0)
    kept = ~traded | bought
    return tuple(
        look if keep else replace(look, exposure=float(exposure))
        for look, exposure, keep in zip(looks, limited, kept, strict=True)
    )


def _beside_kept(
    wanted: FloatArray, current: FloatArray, traded: NDArray[np.bool_], snapshot: Snapshot, mandate: Mandate
) -> FloatArray:
    """The wanted exposures (S,), scaled down to what the positions that are kept leave of `max_position_size`."""
    if snapshot.equity <= 0 or sizing_of(mandate.strategy) is Sizing.ONCE:
        return wanted
    outside = [one.value for symbol, one in snapshot.account.positions.items() if symbol not in mandate.symbols]
    kept = float(np.abs(current[~traded]).sum()) + sum(abs(float(value / snapshot.equity)) for value in outside)
    room = max(0.0, mandate.sizing.max_position_size - kept)
    gross = float(np.abs(wanted[traded]).sum())
    return wanted * (room / gross) if gross > room else wanted


def _look(outlook: Outlook, as_of: date, mandate: Mandate, held_back: Mapping[str, str]) -> Decision:
    """The symbol's last row dated as_of or earlier, and whether it may trade; no exposure yet."""
    symbol = outlook.symbol
    row = int(np.searchsorted(outlook.open_time, np.datetime64(as_of, "us"), side="right")) - 1
    if row < 0 and symbol in held_back:
        return Decision(as_of=as_of, symbol=symbol, status=Status.QUARANTINED, reason=held_back[symbol])
    if row < 0:
        return Decision(as_of=as_of, symbol=symbol, status=Status.WARMING_UP, reason="no bar yet")
    age_days = (np.datetime64(as_of, "D") - outlook.open_time[row].astype("datetime64[D]")).astype(int)
    signal, volatility = float(outlook.signal[row]), float(outlook.volatility[row])
    confidence = float(outlook.confidence[row])
    look = Decision(
        as_of=as_of,
        symbol=symbol,
        status=Status.TRADED,
        regime=str(REGIMES[int(outlook.regime[row])]) if np.isfinite(confidence) else None,
        confidence=confidence if np.isfinite(confidence) else None,
        signal=signal if np.isfinite(signal) else None,
        volatility=volatility if np.isfinite(volatility) else None,
    )
    needed = warm_up_bars(mandate.strategy)
    if mandate.terms.delisted(symbol, as_of):
        return replace(look, status=Status.DELISTED, reason="delisted")
    # A symbol that is held back for good must stop taking a share of the budgets: stale comes first.
    if age_days > mandate.limits.stale_days:
        return replace(look, status=Status.STALE, reason=f"last bar is {age_days} days old")
    if symbol in held_back:
        return replace(look, status=Status.QUARANTINED, reason=held_back[symbol])
    if look.signal is None or (needed > 1 and look.volatility is None):
        return replace(look, status=Status.WARMING_UP, reason=f"fewer than {needed} bars")
    if age_days > 0:
        return replace(look, status=Status.NO_SESSION, reason=f"no session on {as_of}")
    return look


def _current_exposures(looks: Sequence[Decision], snapshot: Snapshot) -> FloatArray:
    """(S,) signed market value over equity; 0 when nothing is left of the equity."""
    if snapshot.equity <= 0:
        return np.zeros(len(looks))
    positions = snapshot.account.positions
    return np.array(
        [float(positions[look.symbol].value / snapshot.equity) if look.symbol in positions else 0.0 for look in looks]
    )


#: Statuses whose symbols take part in the sizing of the portfolio.
SIZED = frozenset({Status.TRADED, Status.NO_SESSION, Status.QUARANTINED})


def _wanted(
    looks: Sequence[Decision], view: Panorama, snapshot: Snapshot, mandate: Mandate, current: FloatArray
) -> FloatArray:
    """(S,) exposures before limits."""
    sizing = sizing_of(mandate.strategy)
    if snapshot.equity <= 0:
        return np.zeros(len(looks))
    if sizing is Sizing.ONCE:
        # What is left of the capital is shared by the symbols that are still to be bought; nothing is borrowed.
        left = max(0.0, float(snapshot.account.cash / snapshot.equity))
        return np.where(current == 0.0, left / max(1, int((current == 0.0).sum())), current)
    directions = np.array([look.signal or 0.0 for look in looks])
    volatility = np.array(
        [look.volatility if look.status in SIZED and look.volatility is not None else np.nan for look in looks]
    )
    if sizing is Sizing.FULL:
        code = np.array([REGIMES.index(look.regime) if look.regime else 1 for look in looks])
        confidence = np.array([look.confidence or 0.0 for look in looks])
        directions = soft_signal(directions, mandate.sizing.neutral_zone) * regime_multiplier(code, confidence)
    budgets = risk_budgets(volatility)
    scale = volatility_multiplier(
        np.array(_portfolio_volatility(view, snapshot, mandate, budgets)), mandate.sizing.target_annual_vol
    )
    exposures = portfolio_exposures(directions, budgets * scale, mandate.sizing.max_position_size)
    if sizing is Sizing.FULL:
        exposures = exposures * drawdown_multiplier(snapshot.drawdown, mandate.sizing)
    shortable = np.array([mandate.terms.instruments[look.symbol].shortable for look in looks])
    return np.where(shortable, exposures, np.maximum(exposures, 0.0))


def _portfolio_volatility(view: Panorama, snapshot: Snapshot, mandate: Mandate, budgets: FloatArray) -> float:
    """σₚ: the annualised, exponentially weighted volatility of Σ b·r over the last account dates; NaN if too few."""
    as_of = np.datetime64(snapshot.account.as_of, "us")
    stop = int(np.searchsorted(view.union, as_of, side="right"))
    if stop < PORTFOLIO_BARS:
        return float("nan")
    calendars = frozenset(mandate.terms.instruments[symbol].calendar for symbol in mandate.symbols)
    return portfolio_volatility(view.changes[stop - PORTFOLIO_BARS : stop], budgets, account_days_per_year(calendars))
