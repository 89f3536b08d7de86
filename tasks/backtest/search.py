"""Search of a grid that is too large to try whole: a sampler picks its points, given what those before have shown."""

import json
import warnings as python_warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from math import inf, prod
from typing import Any

import numpy as np

from exchange.ports import BarSource
from storage.database import connect, transaction
from storage.models import searched_points
from storage.models.searched_points import SearchedPoint
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import Swept
from strategy.market.instruments import account_days_per_year
from strategy.work_progress import WorkName, WorkStep, told
from tasks.backtest.sweep import (
    Accounts,
    Searched,
    Sweep,
    among,
    gated,
    gathered,
    market_of,
    own_views,
    point_config,
    record_trials,
)
from tasks.backtest.sweep_chunks import SweepMarket, accounts, cut_work
from tasks.data.universe import chosen_in_hindsight
from tasks.data.used_data import used_sha256
from tasks.parallel.runner import Runner
from tasks.run.job import Job

#: A combination: the place of a value in each list.
Choice = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAxis:
    """A list of a grid: its name, how many values it has, and whether they are numbers in rising or falling order."""

    name: str
    count: int
    ordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A combination that is to be tried, and the trial in which its result is told."""

    choice: Choice
    trial: Any = field(repr=False)


def demand_optuna() -> Any:
    """Return Optuna, which comes with an extra and takes a third of a second to import. Raises UsageError without."""
    try:
        import optuna
    except ImportError as error:
        raise UsageError('--search needs optuna; run: pip install -e ".[search]"') from error
    return optuna


class Sampler:
    """A tree-structured Parzen estimator (Bergstra and others 2011); what is asked depends on seed and results alone.

    A combination that was asked and not yet told counts as a bad one, so that several can be tried at a time.
    """

    def __init__(self, axes: Sequence[SearchAxis], seed: int) -> None:
        optuna = demand_optuna()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with python_warnings.catch_warnings():
            # Whether a kind of sampling is experimental is for its tests to say.
            python_warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        distributions = optuna.distributions
        self._lists = {
            axis.name: distributions.IntDistribution(0, axis.count - 1)
            if axis.ordered
            else distributions.CategoricalDistribution(tuple(range(axis.count)))
            for axis in axes
        }
        self._counts = {axis.name: axis.count for axis in axes}
        self._random = np.random.default_rng(seed)

    def ask(self) -> Asked:
        """Return the combination that promises most; it may have been asked before."""
        trial = self._study.ask(self._lists)
        return Asked(choice=tuple(int(trial.params[name]) for name in self._lists), trial=trial)

    def ask_anywhere(self) -> Asked:
        """Return a combination drawn evenly from all."""
        drawn = {name: int(self._random.integers(count)) for name, count in self._counts.items()}
        self._study.enqueue_trial(drawn)
        return self.ask()

    def tell(self, asked: Asked, value: float) -> None:
        """Tell what a combination showed, minus infinity for nothing."""
        self._study.tell(asked.trial, value)


SEARCH = WorkName(name="Search", unit="points")
#: Points tried at a time, on every machine: what is asked next depends on what has been told.
BATCH = 8
#: After so many combinations of a batch that were known already the next are drawn evenly, and after so many it ends.
REPEATS, MOST_REPEATS = 8, 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """The combinations of a grid's lists; `at` returns the point of one, `symbols` are those that any trades."""

    axes: tuple[SearchAxis, ...]
    at: Callable[[Choice], Point]
    symbols: tuple[str, ...]

    @property
    def size(self) -> int:
        """Return how many combinations there are."""
        return prod(axis.count for axis in self.axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOrder:
    """What is asked of a search: how many points, the seed of the sampler, and the first date traded (None: all)."""

    count: int
    seed: int
    start: date | None


def search(job: Job, space: Space, order: SearchOrder, open_source: Callable[[], BarSource], run: Runner) -> Sweep:
    """Trade the points that the sampler picks, and record each as a trial; the same for equal seeds and bars.

    A search that was stopped goes on with what its points have shown. Raises what `sweep` raises.
    """
    gate = gated(job, space.symbols, open_source)
    market = market_of(gate.job, order.start, gate.usable)
    sampler, traded = Sampler(space.axes, order.seed), dict[Point, SearchedPoint]()
    while len(traded) < order.count:
        told(WorkStep(work=SEARCH, done=len(traded), total=order.count))
        asked = _asked(sampler, space, gate.usable, (traded, min(BATCH, order.count - len(traded))))
        fresh = tuple(dict.fromkeys(point for _, point in asked if point is not None and point not in traded))
        if not fresh:
            break
        market = replace(market, own=own_views(gate.job, market.bars, (*traded, *fresh)))
        traded |= _traded(gate.job, market, fresh, run)
        for one, point in asked:
            ratio = None if point is None else traded[point].metrics.sharpe
            sampler.tell(one, -inf if ratio is None else ratio)
    told(WorkStep(work=SEARCH, done=order.count, total=order.count))
    warnings = (*gate.warnings, *chosen_in_hindsight(market.instruments), *_fewer(len(traded), order.count))
    swept = replace(
        gathered(gate.job, market, warnings, _accounts(traded, market)),
        searched=Searched(combinations=space.size, seed=order.seed),
    )
    with connect(job.home) as store:
        searched_points.forget(store, [_key(gate.job, market, point) for point in traded])
    return swept


def _asked(
    sampler: Sampler, space: Space, usable: Collection[str], sought: tuple[Collection[Point], int]
) -> list[tuple[Asked, Point | None]]:
    """Return combinations with as many points as are sought that are not known; None is one without a usable symbol."""
    known, most = sought
    asked: list[tuple[Asked, Point | None]] = []
    fresh: set[Point] = set()
    repeats = 0
    while len(fresh) < most and repeats < MOST_REPEATS:
        one = sampler.ask() if repeats < REPEATS else sampler.ask_anywhere()
        point = next(iter(among([space.at(one.choice)], usable)), None)
        asked.append((one, point))
        if point is None or point in known or point in fresh:
            repeats += 1
        else:
            fresh.add(point)
    return asked


def _traded(job: Job, market: SweepMarket, points: Sequence[Point], run: Runner) -> dict[Point, SearchedPoint]:
    """Return what the points show, from a search that was stopped or by trading them; then each is a trial."""
    keys = {point: _key(job, market, point) for point in points}
    with connect(job.home) as store:
        kept = searched_points.load(store, list(keys.values()))
    # A batch is kept whole or not at all: the same chunks give the same bits.
    if len(kept) == len(points):
        return {point: kept[key] for point, key in keys.items()}
    parts = accounts(cut_work(points, market), run)
    made = {
        point: SearchedPoint(metrics=metrics, net=part.net[:, number].copy(), capped=float(part.capped[number]))
        for part in parts
        for number, (point, metrics) in enumerate(zip(part.points, part.metrics, strict=True))
    }
    with connect(job.home) as store, transaction(store):
        record_trials(store, job, parts, market)
        searched_points.save(store, {key: made[point] for point, key in keys.items()})
    return {point: made[point] for point in points}


def _key(job: Job, market: SweepMarket, point: Point) -> str:
    """Return the hash of all that determines what a point shows: code, configuration, bars and window."""
    parts = (
        *(job.code_version, point_config(job, point), repr(point.sizing), repr(point.costs), repr(market.limits)),
        *(repr(market.instruments[symbol]) for symbol in point.symbols),
        *(used_sha256(market.seen_by(point.strategy, point.symbols), job.policy.costs),),
        *(str(market.start), str(job.as_of)),
    )
    return sha256(json.dumps(parts).encode()).hexdigest()


def _accounts(traded: Mapping[Point, SearchedPoint], market: SweepMarket) -> list[Accounts]:
    """Return the accounts of all points, those on the same symbols together."""
    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in traded:
        groups.setdefault(point.symbols, []).append(point)
    return [
        Accounts(
            open_time=np.array(market.dates(symbols), dtype="datetime64[us]"),
            days_per_year=account_days_per_year(frozenset(market.instruments[symbol].calendar for symbol in symbols)),
            swept=Swept(
                points=tuple(members),
                metrics=tuple(traded[point].metrics for point in members),
                net=np.column_stack([traded[point].net for point in members]),
                capped=np.array([traded[point].capped for point in members]),
            ),
        )
        for symbols, members in groups.items()
    ]


def _fewer(traded: int, count: int) -> list[str]:
    if traded == count:
        return []
    return [f"--search {count} found {traded} different points: the other combinations make no others"]
