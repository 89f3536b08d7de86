"""Walk-forward over a grid: each year trades the point that was best on the past alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil

import numpy as np

from exchange.ports import BarSource
from strategy.backtest.day_loop import Leg, Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay_legs
from strategy.builtin.registry import BASELINE
from strategy.evaluation.metrics import Metrics, excess_returns
from strategy.evaluation.sharpe import sharpe
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Point
from strategy.market.bars import FloatArray, TimeArray
from strategy.market.instruments import account_days_per_year
from strategy.market.session_dates import session_date
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import history_bars, symbol_signals
from strategy.training.walk_forward import Fold, Pick, picks, with_past, yearly
from tasks.backtest.measured import cash_of, equity_of, measure
from tasks.backtest.sweep import Ready, Sweep, finished, prepared
from tasks.parallel.runner import Runner
from tasks.run.job import Job

#: Fewest returns that a point is picked from: about a year of sessions.
LEAST_PAST_BARS = 250


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PickedFold:
    """The dates that a fold trades, the point picked for it, and both Sharpe ratios, annualised and net.

    The point was picked for `in_sample`, on its returns dated from `past_start` to `past_end`. `out_of_sample` is that
    of the chained account on the fold's own dates; None if it never varies there.
    """

    start: date
    end: date
    past_start: date
    past_end: date
    past_bars: int
    point: Point
    in_sample: float
    out_of_sample: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkedSweep:
    """A sweep with its walk-forward account: one account that changes to each fold's pick at the start of the fold.

    `metrics` are those of this account, with lots, rounding, limits and all costs, those of the changes too. `hold` are
    those of buying its symbols once on the first of its dates, at the same costs. `in_sample` is the mean of the picks'
    Sharpe ratios, each weighted with the dates of its fold.
    """

    swept: Sweep
    folds: tuple[PickedFold, ...]
    metrics: Metrics
    hold: Metrics
    in_sample: float
    purge_bars: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the sweep, and one if the picks are too few to judge by."""
        return (*self.swept.warnings, *_few(self.folds))

    @property
    def haircut(self) -> float | None:
        """Return the Sharpe ratio in sample less that out of sample; None if the account never varies."""
        return None if self.metrics.sharpe is None else self.in_sample - self.metrics.sharpe

    @property
    def haircut_ratio(self) -> float | None:
        """Return the haircut as a fraction of the Sharpe ratio in sample; None unless that is above 0."""
        return None if self.haircut is None or self.in_sample <= 0 else self.haircut / self.in_sample


def sweep_of(found: Sweep | WalkedSweep) -> Sweep:
    """Return the sweep itself, without what was walked forward over it."""
    return found.swept if isinstance(found, WalkedSweep) else found


def sweep_walk_forward(
    job: Job, wanted: tuple[Sequence[Point], date | None], open_source: Callable[[], BarSource], run: Runner
) -> WalkedSweep:
    """Return the sweep of the points, as `sweep` does, and what picking among them on the past alone would have earned.

    Folds are calendar years. Between the newest return that a point is picked from and the fold lie as many account
    dates as hold the bars that one decision depends on. Raises UsageError for points of several accounts or costs, and
    for a history too short for any fold, before a point is run; and what `sweep` raises.
    """
    _demand_comparable(wanted[0])
    ready = prepared(job, wanted, open_source)
    purge_bars = _purge_bars(ready)
    plan = _folds(ready, purge_bars)
    swept = finished(ready, run)
    chosen = picks(plan, swept.net, swept.days_per_year)
    if not chosen:
        raise UsageError("no point of the grid held a position before the first fold; widen the window or the grid")
    return _chained(ready, swept, chosen, purge_bars)


def _few(folds: Sequence[PickedFold]) -> list[str]:
    """Return a warning if a single point was picked: then the haircut is that of one choice."""
    if len(folds) > 1:
        return []
    fold = folds[0]
    return [
        f"--walk-forward picked once, for {fold.start} to {fold.end}: a haircut from one pick says little; choose an "
        "earlier --start-date or a later --end-date for more years"
    ]


def _demand_comparable(points: Sequence[Point]) -> None:
    if len({point.symbols for point in points}) > 1:
        raise UsageError("the grid lists several accounts in symbols, and --walk-forward picks for one; keep one")
    if len({point.costs for point in points}) > 1:
        raise UsageError(
            "the grid lists several costs, and --walk-forward would pick the lowest; keep one value each of fee_bps, "
            "slippage_bps and the rates and spreads of financing"
        )


def _purge_bars(ready: Ready) -> int:
    """Return the account dates that hold the bars of every symbol on which one decision of any point depends."""
    instruments = ready.work[0].panel.instruments
    account = account_days_per_year(frozenset(instrument.calendar for instrument in instruments))
    slowest = min(instrument.calendar.days_per_year for instrument in instruments)
    return ceil(max(history_bars(chunk.panel.strategy) for chunk in ready.work) * account / slowest)


def _folds(ready: Ready, purge_bars: int) -> tuple[tuple[Fold, range], ...]:
    """Return the folds with enough past after the first date on which any point may trade. Raises UsageError."""
    dates = _times(ready)
    first = min(
        panel.open_time[np.argmax(panel.tradable.any(axis=1))] for panel in (chunk.panel for chunk in ready.work)
    )
    plan = with_past(yearly(dates, dates[0], dates[-1], purge_bars), dates, first, LEAST_PAST_BARS)
    if not plan:
        traded = int((dates >= first).sum())
        raise UsageError(
            f"the history is too short for --walk-forward: a year needs {LEAST_PAST_BARS} traded days before it and "
            f"{purge_bars} more that are left out between, and there are {traded} traded days from "
            f"{session_date(first)} to {session_date(dates[-1])}; choose an earlier --start-date or a later --end-date"
        )
    return plan


def _times(ready: Ready) -> TimeArray:
    return ready.work[0].panel.open_time


def _chained(ready: Ready, swept: Sweep, chosen: Sequence[Pick], purge_bars: int) -> WalkedSweep:
    """Return the exact account that changes to each fold's pick."""
    points = [swept.results[pick.column].point for pick in chosen]
    replayed = _replayed(ready, chosen, points)
    held = _replayed(ready, chosen, [replace(point, strategy=BASELINE) for point in points])
    instruments = {symbol: ready.market.instruments[symbol] for symbol in points[0].symbols}
    financing = points[0].costs.financing
    net = excess_returns(equity_of(replayed), cash_of(replayed, financing))
    return WalkedSweep(
        swept=swept,
        folds=tuple(_picked(ready, swept, pick, net[_rows(pick, chosen[0])]) for pick in chosen),
        metrics=measure(replayed, instruments, financing),
        hold=measure(held, instruments, financing),
        in_sample=float(
            np.average([pick.sharpe for pick in chosen], weights=[len(pick.fold.dates) for pick in chosen])
        ),
        purge_bars=purge_bars,
    )


def _replayed(ready: Ready, chosen: Sequence[Pick], points: Sequence[Point]) -> Replay:
    """Return the exact account that follows each point on the dates of its fold."""
    legs = _legs(ready, chosen, points)
    quotes = fill_quotes(ready.market.of(points[0].symbols), legs[0].dates[0], legs[-1].dates[-1], legs[0].config.terms)
    return replay_legs(legs, quotes, ready.job.policy.capital)


def _legs(ready: Ready, chosen: Sequence[Pick], points: Sequence[Point]) -> list[Leg]:
    """Return the dates of each fold with the configuration and the signals of its point."""
    job, market = ready.job, ready.market
    symbols = points[0].symbols
    calendars = {symbol: market.instruments[symbol].calendar for symbol in symbols}
    views = {
        strategy: aligned_signals(symbol_signals(market.seen_by(strategy, symbols), calendars, strategy), symbols)
        for strategy in dict.fromkeys(point.strategy for point in points)
    }
    # The costs of a point were stated before the rates of its currencies and its funding were known.
    known = job.policy.costs
    policies = [
        replace(
            job.policy,
            strategy=point.strategy,
            sizing=point.sizing,
            costs=replace(point.costs, currencies=known.currencies, funding=known.funding),
        )
        for point in points
    ]
    return [
        Leg(
            view=views[policy.strategy],
            dates=ready.dates[pick.fold.dates.start : pick.fold.dates.stop],
            config=policy.account_config(job.account, symbols, market.instruments),
        )
        for pick, policy in zip(chosen, policies, strict=True)
    ]


def _rows(pick: Pick, first: Pick) -> slice:
    """Return the rows of the chained account's returns that a fold's dates have; its very first date has none."""
    own, offset = pick.fold.dates, first.fold.dates.start + 1
    return slice(max(0, own.start - offset), own.stop - offset)


def _picked(ready: Ready, swept: Sweep, pick: Pick, net: FloatArray) -> PickedFold:
    """Return the fold with its point; `net` are the chained account's returns on its dates."""
    dates = ready.dates
    return PickedFold(
        start=dates[pick.fold.dates.start],
        end=dates[pick.fold.dates.stop - 1],
        past_start=dates[pick.past.start + 1],
        past_end=dates[pick.past.stop],
        past_bars=len(pick.past),
        point=swept.results[pick.column].point,
        in_sample=pick.sharpe,
        out_of_sample=sharpe(net, swept.days_per_year),
    )
