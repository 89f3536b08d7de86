"""Sweep: the accounts of all points of a grid on the same bars, and how much of the best one may be luck."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from exchange.ports import BarSource
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.database import Connection, connect
from storage.models import trials
from storage.models.trials import Trial
from strategy.backtest.day_loop import Replay
from strategy.builtin.registry import BASELINE
from strategy.evaluation.deflated_sharpe import TrialLog
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.sharpe import sharpe
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Point, values_read
from strategy.kernel.grid_accounts import Swept, return_matrix
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.market.session_dates import account_dates, session_date
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from tasks.backtest.measured import measure
from tasks.backtest.run import TESTING
from tasks.backtest.sweep_chunks import (
    SweepMarket,
    Work,
    accounts,
    cut_work,
    exact_replays,
    fill_warnings,
    panel_key,
    points_limited,
    signals_of,
)
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.data.universe import chosen_in_hindsight
from tasks.notices.excess_rates import above_zero
from tasks.notices.exposure_limits import RARE_SHARE, limits_decided_often
from tasks.notices.high_rates import high_rates
from tasks.notices.maker_fees import unused_maker_fees
from tasks.parallel.runner import Runner
from tasks.run.job import Job
from tasks.run.trial_key import account_version, configuration
from tasks.validation.eligible import remarks, usable
from tasks.validation.gate import inspect

#: Most daily returns of all points together: 2 GB, held in up to three copies.
MOST_RETURNS = 250_000_000
#: Arrays (dates × symbols) that every strategy of a grid holds, and the most numbers in those of all together: 2 GB.
PANEL_ARRAYS = 10
MOST_ESTIMATES = 250_000_000


#: Sizing parameters that no setting names; at their defaults a backtest's configuration omits them.
DEFAULT_SIZING = SizingParams()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """A point, its metrics in the kernel's account, and its daily net Sharpe ratio (None if returns never vary).

    `capped` is the share of the days on which a limit of the exposure, not the strategy or its target, decided.
    """

    point: Point
    metrics: Metrics
    daily_sharpe: float | None
    capped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search: how many combinations the grid has, and the seed with which some were picked."""

    combinations: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """A finished sweep over the dates of all accounts: one result per point, and `net` (D, N), their daily returns.

    The returns are those of the dates that all accounts share, without the first.

    `best` is the index of the point with the highest net Sharpe ratio, `exact` the metrics of its account with lots,
    rounding and limits, `hold` those of buying its symbols once, at the same costs on the same bars. `tried` counts all
    configurations ever tried on these accounts, with their daily Sharpe ratios where known. `searched` says how the
    points were picked if they are not the whole grid.
    """

    job: Job
    dates: tuple[date, ...]
    results: tuple[Result, ...]
    net: FloatArray
    days_per_year: int
    best: int
    exact: Metrics
    hold: Metrics
    tried: TrialLog
    data_sha256: str
    warnings: tuple[str, ...]
    searched: Searched | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accounts:
    """The accounts of some points on the same dates (T,)."""

    open_time: TimeArray
    days_per_year: int
    swept: Swept


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gated:
    """A sweep's job with all of its symbols, those that the data gate lets through, and the warnings about bars."""

    job: Job
    usable: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """A sweep before its points are run: the job, the market, the chunks of points, and the warnings about bars."""

    job: Job
    market: SweepMarket
    work: tuple[Work, ...]
    warnings: tuple[str, ...]

    @property
    def dates(self) -> tuple[date, ...]:
        """Return the dates of all accounts, sorted."""
        return _dates([chunk.panel.open_time for chunk in self.work])


def sweep(
    job: Job, wanted: tuple[Sequence[Point], date | None], open_source: Callable[[], BarSource], run: Runner
) -> Sweep:
    """Trade the points from the given date (None: the first bar) to `as_of`, and record each as a trial.

    A symbol that the data gate holds back is left out of its accounts with a warning. Raises UsageError,
    NothingPublishable, and what the source and the store raise.
    """
    return finished(prepared(job, wanted, open_source), run)


def prepared(job: Job, wanted: tuple[Sequence[Point], date | None], open_source: Callable[[], BarSource]) -> Ready:
    """Return the sweep of the points with its bars and signals, before anything is traded; raises as `sweep` does."""
    gate = gated(job, _symbols(wanted[0]), open_source)
    points = among(wanted[0], gate.usable)
    market = market_of(gate.job, wanted[1], _symbols(points))
    market = replace(market, own=own_views(gate.job, market.bars, points))
    _demand_room(points, market)
    work = cut_work(points, market)
    warnings = (
        *gate.warnings,
        *chosen_in_hindsight(market.instruments),
        *_slower(work),
        *_of_rates(points),
        *unused_maker_fees(job.policy.config),
    )
    return Ready(job=gate.job, market=market, work=work, warnings=warnings)


def _of_rates(points: Sequence[Point]) -> list[str]:
    every = dict.fromkeys(point.costs.financing for point in points)
    found = [sentence for financing in every for sentence in (*high_rates(financing), *above_zero(financing))]
    return list(dict.fromkeys(found))


def _slower(work: Sequence[Work]) -> list[str]:
    """Return a warning if points need the exact account."""
    with_sleeves = sum(len(chunk.points) for chunk in work if chunk.panel.strategy.sleeves)
    if with_sleeves:
        return [
            f"the compiled account has no sleeves: {with_sleeves:,} points run the exact account, which takes far "
            "longer"
        ]
    exact = sum(len(chunk.points) for chunk in work if chunk.exact is not None)
    if not exact:
        return []
    return [
        f"{exact:,} points run the exact account, which takes far longer: the compiled one lacks lots and least fees "
        f"of {INSTRUMENT_FILE}, perpetual futures, and prices in another currency than the account's"
    ]


def gated(job: Job, symbols: tuple[str, ...], open_source: Callable[[], BarSource]) -> Gated:
    """Fetch and judge the bars of the symbols; return those that may be traded. Raises as `sweep` does."""
    job = replace(job, symbols=symbols)
    ingest(job, open_source)
    gate = inspect(job, None)
    return Gated(job=with_series(job), usable=usable(job, gate, TESTING), warnings=tuple(remarks(gate)))


def finished(ready: Ready, run: Runner) -> Sweep:
    """Trade all points and record each as a trial. Raises UsageError if none ever holds a position, StoreError."""
    panels = [chunk.panel for chunk in ready.work]
    parts = [
        Accounts(open_time=panel.open_time, days_per_year=panel.days_per_year, swept=part)
        for panel, part in zip(panels, accounts(ready.work, run), strict=True)
    ]
    return gathered(ready.job, ready.market, ready.warnings, parts)


def gathered(job: Job, market: SweepMarket, warnings: Sequence[str], parts: Sequence[Accounts]) -> Sweep:
    """Return the sweep that these accounts are, and record each as a trial. Raises as `finished` does."""
    results = _results([part.swept for part in parts])
    net = return_matrix([(part.open_time[1:], part.swept.net) for part in parts])
    best = _best(results)
    chosen = results[best].point
    replayed, exact = _exact(chosen, market)
    return Sweep(
        job=job,
        dates=_dates([part.open_time for part in parts]),
        results=results,
        net=net,
        days_per_year=max(part.days_per_year for part in parts),
        best=best,
        exact=exact,
        hold=_exact(replace(chosen, strategy=BASELINE), market)[1],
        tried=_counted(job, results, market),
        data_sha256=market.data_sha256({result.point.strategy for result in results}),
        warnings=(*warnings, *_capped(results[best], market), *fill_warnings(market, chosen, replayed)),
    )


def _symbols(points: Sequence[Point]) -> tuple[str, ...]:
    """Return all symbols that any of the points trades, sorted."""
    return tuple(sorted({symbol for point in points for symbol in point.symbols}))


def _dates(times: Sequence[TimeArray]) -> tuple[date, ...]:
    return tuple(sorted({day for open_time in times for day in map(session_date, open_time)}))


def among(points: Sequence[Point], symbols: Collection[str]) -> tuple[Point, ...]:
    """Return the distinct points restricted to these symbols, without those that trade none of them."""
    kept = [replace(point, symbols=tuple(symbol for symbol in point.symbols if symbol in symbols)) for point in points]
    return tuple(dict.fromkeys(point for point in kept if point.symbols))


def market_of(job: Job, start: date | None, symbols: tuple[str, ...]) -> SweepMarket:
    """Return the market of the symbols, whose accounts start at the first bar of all if there is no date."""
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, symbols)
    start = start or account_dates(bars)[0]
    return SweepMarket(bars=bars, instruments=instruments, account=job.account, policy=job.policy, start=start, own={})


def own_views(job: Job, bars: Mapping[str, Bars], points: Iterable[Point]) -> dict[Strategy, Mapping[str, Bars]]:
    """Return the bars as the strategies see them that declare columns of the user's own. Raises UsageError."""
    strategies = dict.fromkeys(point.strategy for point in points if point.strategy.columns)
    # The points of a grid differ in parameters, hardly ever in columns.
    declared = {tuple(strategy.columns.items()): strategy.columns for strategy in strategies}
    if not declared:
        return {}
    with connect(job.home) as store:
        seen = {key: with_columns(store, job.source, bars, columns) for key, columns in declared.items()}
    return {strategy: seen[tuple(strategy.columns.items())] for strategy in strategies}


def _demand_room(points: Sequence[Point], market: SweepMarket) -> None:
    """Raise UsageError for more returns, or estimates of more strategies, than memory holds."""
    days = max(len(market.dates(symbols)) for symbols in {point.symbols for point in points})
    if len(points) * days > MOST_RETURNS:
        raise UsageError(
            f"{len(points):,} points on {days:,} days make {len(points) * days:,} returns, and {MOST_RETURNS:,} can be "
            "held; shorten the window or the lists of the grid"
        )
    panels = {panel_key(point) for point in points}
    numbers = sum(len(market.dates(panel.symbols)) * len(panel.symbols) for panel in panels) * PANEL_ARRAYS
    if numbers > MOST_ESTIMATES:
        raise UsageError(
            f"{len(panels):,} strategies with their parameters make {numbers:,} estimates on these days and symbols, "
            f"and {MOST_ESTIMATES:,} can be held; shorten the window or the lists of [parameters]"
        )


def _results(parts: Sequence[Swept]) -> tuple[Result, ...]:
    return tuple(
        Result(
            point=point,
            metrics=figures,
            daily_sharpe=sharpe(part.net[:, number], 1),
            capped=float(part.capped[number]),
        )
        for part in parts
        for number, (point, figures) in enumerate(zip(part.points, part.metrics, strict=True))
    )


def _best(results: Sequence[Result]) -> int:
    """Return the index of the first point with the highest Sharpe ratio. Raises UsageError if no point has one."""
    ratios = [-np.inf if result.metrics.sharpe is None else result.metrics.sharpe for result in results]
    if max(ratios) == -np.inf:
        raise UsageError("no point of the grid ever held a position; widen the window or the grid")
    return int(np.argmax(ratios))


def _capped(best: Result, market: SweepMarket) -> list[str]:
    """Return a warning if limits of the exposure decided often in the best point's account."""
    if best.capped <= RARE_SHARE:
        return []
    (days,) = points_limited(market, [best.point], signals_of(market, best.point))
    found = limits_decided_often(best.point.strategy, days, best.point.sizing)
    return [f"best point: {sentence}" for sentence in found]


def _exact(point: Point, market: SweepMarket) -> tuple[Replay, Metrics]:
    """Return the point's exact account, and its metrics."""
    (replayed,) = exact_replays(market, [point], signals_of(market, point))
    traded = {symbol: market.instruments[symbol] for symbol in point.symbols}
    return replayed, measure(replayed, traded, point.costs.financing)


def _counted(job: Job, results: Sequence[Result], market: SweepMarket) -> TrialLog:
    """Record the sweep's points as trials and return all trials ever made on its accounts."""
    fresh = _trials(job, results, market)
    with connect(job.home) as store:
        trials.record_all(store, fresh)
        every = [trials.tried(store, trial) for trial in {trial.symbols: trial for trial in fresh}.values()]
    return TrialLog(
        count=sum(log.count for log in every), sharpes=tuple(ratio for log in every for ratio in log.sharpes)
    )


def record_trials(store: Connection, job: Job, parts: Sequence[Swept], market: SweepMarket) -> None:
    """Record the points of some chunks as trials. Raises StoreError."""
    trials.record_all(store, _trials(job, _results(parts), market))


def _trials(job: Job, results: Sequence[Result], market: SweepMarket) -> list[Trial]:
    settings = json.loads(job.policy.config)
    spans = {symbols: market.dates(symbols) for symbols in {result.point.symbols for result in results}}
    return [
        Trial(
            symbols=result.point.symbols,
            start=spans[result.point.symbols][0],
            end=spans[result.point.symbols][-1],
            config=_config(settings, job, result.point),
            recorded_at=job.now,
            sharpe=result.daily_sharpe,
            days=None if result.daily_sharpe is None else len(spans[result.point.symbols]) - 1,
            account_version=account_version(result.point.costs),
        )
        for result in results
    ]


def point_config(job: Job, point: Point) -> str:
    """Return the configuration of a point, as its trial has it."""
    return _config(json.loads(job.policy.config), job, point)


def _config(settings: Mapping[str, object], job: Job, point: Point) -> str:
    """Return the configuration of a point as the settings spell it, so that a backtest of it is no further trial.

    The exception is a learner, which in a sweep is its prior, another configuration than that with models.
    """
    changed = values_read(point)
    for name in ("drawdown_start", "drawdown_full", "drawdown_floor"):
        if changed.get(name) == getattr(DEFAULT_SIZING, name):
            del changed[name]
    if point.costs.financing.risk_free == job.policy.costs.financing.risk_free:
        # The settings name the series as they do in a backtest.
        del changed["rates"]
    learner = point.strategy.learner
    return configuration({**settings, **changed}, learner.prior if learner else point.strategy, point.symbols)
