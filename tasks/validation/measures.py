"""Measures of each staged bar, on which the expectations are checked.

The limits were set on 56 real series of daily bars before 2022. The longest genuine wicks are 17 times the median range
(BAC 2001-11-12; QQQ and XLK in the minutes of 2015-08-24 had 9 and 15, Bitcoin never more than 6); the mildest false
one is 62 times (VTI's half-price print of 2010-05-06), the erroneous trades of AAPL 2009-09-21 and GOOGL 2008-09-30 are
138 and 313 times. Series whose highs and lows are real have had at most 9 flat bars in 63 (EWJ) and two in a row;
series without them have runs of 22 and more.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.ports import UNREAD
from exchange.sessions.closing_times import last_closed
from strategy.market.instruments import Calendar
from tasks.validation.scale_measures import rounding
from tasks.validation.session_measures import density_measures, hole_measures
from tasks.validation.unit_gaps import event_steps, unit_gaps
from tasks.validation.volume_measures import money_traded

FloatArray = NDArray[np.float64]
DayArray = NDArray[np.datetime64]

LOOKBACK_BARS = 63
#: A bar with fewer bars before it has no typical range; only the widest limit applies to it, as to the first bar.
FEWEST_BARS = 5
WICK_RANGES = 30.0
SMALLEST_WICK = 0.02
WIDEST_WICK = float(np.log(10.0))
DEAD_RUN_BARS = 4
DEAD_SHARE_BARS = 15
MOVE_MEDIANS = 20.0
SMALLEST_MOVE = 0.02
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """The context in which a window of one symbol's staged bars is judged.

    No bar may be dated after `as_of` or close after `now`. `since` is the first session that was requested (None: the
    series begins with its first bar); `fresh_until` the session it must reach (None: any). Faults on `accepted` dates
    are waived; bars on `settled` dates are published already as they are. `history` holds published bars before the
    window, oldest first (64 are enough): without it its first bars are judged as if the symbol had just been listed.
    `calendar_from` names the calendar and says where it comes from.
    """

    symbol: str
    calendar: Calendar
    as_of: date
    now: datetime
    since: date | None = None
    fresh_until: date | None = None
    accepted: frozenset[date] = field(default_factory=frozenset)
    history: pd.DataFrame | None = None
    settled: frozenset[date] = field(default_factory=frozenset)
    calendar_from: str = ""


def measure(window: pd.DataFrame, context: Context) -> pd.DataFrame:
    """Return the window with one column per measure, and the limits that vary by row.

    NaN where the row does not allow a measure. Wicks and moves are in units of their limit, so that 1 is the limit for
    every row.
    """
    rows = window.reset_index(drop=True)
    days = rows["open_time"].to_numpy().astype("datetime64[D]")
    history = _history(days, context)
    before = len(history)
    prices = {
        name: np.concatenate([history[name].to_numpy(dtype=np.float64), rows[name].to_numpy(dtype=np.float64)])
        for name in PRICES
    }
    volume = np.concatenate([history["volume"].to_numpy(dtype=np.float64), rows["volume"].to_numpy(dtype=np.float64)])
    stacked = np.stack([prices[name][before:] for name in PRICES])
    columns: dict[str, object] = {
        **_spelled(rows),
        "prices_missing": np.isnan(stacked).sum(axis=0).astype(np.float64),
        "prices_impossible": ((stacked <= 0) | np.isinf(stacked)).sum(axis=0).astype(np.float64),
        "adjusted_impossible": _adjusted_impossible(rows["adj_close"].to_numpy(dtype=np.float64)),
    }
    sound = {name: np.where(np.isfinite(values) & (values > 0), values, np.nan) for name, values in prices.items()}
    with np.errstate(over="ignore"):
        shapes = _shapes(sound, _repeats(prices, volume), event_steps(rows, before))
    columns |= {name: values[before:] for name, values in shapes.items()}
    adjusted = rows["adj_close"].to_numpy(dtype=np.float64)
    adjusted = np.where(np.isfinite(adjusted) & (adjusted > 0), adjusted, np.nan)
    columns["rounding"] = rounding(adjusted, sound["close"][before:], sound["close"])
    columns["money_traded"] = money_traded(volume, prices["close"], len(rows), context.calendar)
    settled = np.isin(days, np.array(sorted(context.settled), dtype="datetime64[D]"))
    columns |= unit_gaps(rows, history, context.calendar, settled)
    earlier = history["open_time"].to_numpy().astype("datetime64[D]")
    columns |= _dates(days, earlier, context) | density_measures(days, earlier, context.calendar)
    return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)


def _spelled(rows: pd.DataFrame) -> dict[str, object]:
    """Return the texts of incomplete rows: prices, with non-numeric cells as found, and other non-numeric cells."""
    found = rows[UNREAD].fillna("").to_list() if UNREAD in rows.columns else [""] * len(rows)
    values = rows[list(PRICES)].to_numpy(dtype=np.float64)
    prices, others = [""] * len(rows), [""] * len(rows)
    for at in np.flatnonzero(np.isnan(values).any(axis=1) | np.array([cells != "" for cells in found], dtype=bool)):
        text = dict(part.split(" ", 1) for part in found[at].split("; ") if " " in part)
        prices[at] = ", ".join(
            f"{name} {text.get(name) or f'{value:.8g}'}" for name, value in zip(PRICES, values[at], strict=True)
        )
        others[at] = "; ".join(f"{name} {cell}" for name, cell in text.items() if name not in PRICES)
    return {"prices": prices, "unread_others": others, "cells_unread": [float(cells != "") for cells in others]}


def _history(days: DayArray, context: Context) -> pd.DataFrame:
    """Return the last published bars that are older than the window."""
    if context.history is None:
        return pd.DataFrame({name: np.empty(0) for name in (*PRICES, "volume")}).assign(
            open_time=np.empty(0, dtype="datetime64[us]")
        )
    dated = days[~np.isnat(days)]
    first = context.since if context.since is not None else (dated.min() if len(dated) else context.as_of)
    published = context.history
    return published[published["open_time"].to_numpy() < np.datetime64(first, "us")].tail(LOOKBACK_BARS + 1)


def _adjusted_impossible(adjusted: FloatArray) -> FloatArray:
    """Return 1 where the adjusted close is not a possible price, or is missing though other bars have one; else 0."""
    known = ~np.isnan(adjusted)
    impossible = np.where(known, (adjusted <= 0) | np.isinf(adjusted), known.any())
    return impossible.astype(np.float64)


def _repeats(prices: dict[str, FloatArray], volume: FloatArray) -> NDArray[np.bool_]:
    """Return True where a bar is a copy of the bar before: the same prices, and the same volume if it is known."""
    same = np.ones(len(volume), dtype=bool)
    for values in prices.values():
        same[1:] &= values[1:] == values[:-1]
    same[1:] &= (volume[1:] == volume[:-1]) | (np.isnan(volume[1:]) & np.isnan(volume[:-1]))
    same[:1] = False
    return same


def _shapes(prices: dict[str, FloatArray], repeated: NDArray[np.bool_], step: FloatArray) -> dict[str, FloatArray]:
    """Return measures of prices against prices, over history and window; a known event (T,) is not a move."""
    low, high, close = prices["low"], prices["high"], prices["close"]
    floor, ceiling = np.minimum(prices["open"], close), np.maximum(prices["open"], close)
    previous = np.concatenate([prices["open"][:1], close[:-1]])
    spread = np.log(np.fmax(high, previous) / np.fmin(low, previous))
    wick = np.clip(WICK_RANGES * _median_before(spread, FEWEST_BARS), SMALLEST_WICK, WIDEST_WICK)
    wick = np.where(np.isnan(wick), WIDEST_WICK, wick)
    moved = np.log(close * step / previous)
    move = np.abs(moved)
    typical_move = np.maximum(MOVE_MEDIANS * _median_before(move, LOOKBACK_BARS // 3), SMALLEST_MOVE)
    flat = (high == low) & (floor == ceiling) & (high == ceiling)
    return {
        "low_excess": low / floor - 1.0,
        "high_shortfall": ceiling / high - 1.0,
        "low_wick": np.log(floor / low) / wick,
        "high_wick": np.log(high / ceiling) / wick,
        "low_floor": floor * np.exp(-wick),
        "high_ceiling": ceiling * np.exp(wick),
        "move": move / typical_move,
        "move_limit": np.expm1(np.copysign(typical_move, moved)),
        "move_found": np.expm1(moved),
        "flat": flat.astype(np.float64),
        "flat_crowd": _crowd(flat),
        "repeated": repeated.astype(np.float64),
        "repeated_crowd": _crowd(repeated),
    }


def _median_before(values: FloatArray, fewest: int) -> FloatArray:
    """Return the median of the up to 63 values before each, NaN where fewer than `fewest` are known."""
    before = pd.Series(values).shift(1).rolling(LOOKBACK_BARS, min_periods=fewest).median()
    return before.to_numpy(dtype=np.float64)


def _crowd(dead: NDArray[np.bool_]) -> FloatArray:
    """Return the density of dead bars at each dead bar, in units of its limit; 0 at other bars.

    It is the greater of two measures: the length of the run, and the count in the last 63 bars.
    """
    counts = np.cumsum(dead)
    last_alive = np.maximum.accumulate(np.where(dead, 0, counts))
    earlier = np.concatenate([np.zeros(LOOKBACK_BARS, dtype=counts.dtype), counts])[: len(counts)]
    crowd = np.maximum((counts - last_alive) / DEAD_RUN_BARS, (counts - earlier) / DEAD_SHARE_BARS)
    return np.where(dead, crowd, 0.0)


def _dates(days: DayArray, earlier: DayArray, context: Context) -> dict[str, object]:
    """Return measures of dates against each other, the calendar and the clock."""
    dated = ~np.isnat(days)
    known = days[dated]
    last_allowed = np.datetime64(min(context.as_of, last_closed(context.calendar, context.now)), "D")
    since_previous = np.full(len(days), np.nan)
    since_previous[np.flatnonzero(dated)[1:]] = np.diff(known).astype(np.float64)
    beyond = np.where(dated, (days - last_allowed).astype(np.float64), np.nan)
    stale = np.full(len(days), np.nan)
    if context.fresh_until is not None and len(known):
        newest = known.max()
        stale[int(np.flatnonzero(days == newest)[-1])] = float(
            (np.datetime64(context.fresh_until, "D") - newest).astype(int)
        )
    return {
        "days_since_previous": since_previous,
        "days_beyond": beyond,
        "last_allowed": str(last_allowed),
        "days_stale": stale,
        "fresh_until": str(context.fresh_until),
        "calendar_from": context.calendar_from or f"the calendar {context.calendar}",
    } | hole_measures(
        days,
        earlier,
        context.calendar,
        None if context.since is None else np.datetime64(context.since, "D"),
        last_allowed,
    )
