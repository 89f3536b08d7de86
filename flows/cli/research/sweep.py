"""The sweep of `turbodmt backtest --grid`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from flows.cli.console import counted, quiet_logs, sections, warned
from flows.cli.number_format import in_units, metric, percent, ratio
from flows.cli.options import results_folder
from flows.cli.research.own_version import told_version
from flows.cli.research.window_options import GridOptions, WindowOptions, WorkerOptions
from flows.cli.text_table import table

if TYPE_CHECKING:
    from flows.cli.research.sweep_file import Axes
    from flows.config.settings import Settings
    from flows.planning.plan import Request
    from strategy.kernel.grid import Point
    from strategy.signals.strategies import Strategy
    from tasks.backtest.answer import BenchmarkAnswer
    from tasks.backtest.search import SearchOrder, Space
    from tasks.backtest.sweep import Sweep
    from tasks.backtest.sweep_answer_model import SweepAnswer
    from tasks.backtest.sweep_walk_forward import WalkedSweep
    from tasks.parallel.runner import Runner
    from tasks.run.job import Job

#: Metrics shown of each point.
METRICS = ("sharpe", "cagr", "annual_vol", "max_drawdown", "turnover_per_year")
#: The share of the days on which the largest exposure decided.
CAPPED = "capped"


def run_sweep(
    given: Mapping[str, object], how: tuple[GridOptions, WorkerOptions], window: WindowOptions, folder: str | None
) -> "SweepAnswer":
    """Return the answer of a sweep over the file of the grid, `window` as in a backtest."""
    from flows.cli.research.sweep_file import read_axes
    from flows.config.paths import expanded
    from flows.planning.plan import RequestRefused, between

    started = perf_counter()
    (grid, workers), file = how, how[0].file
    if file is None:
        option = "--walk-forward" if grid.walk_forward else "--search"
        raise RequestRefused(f"{option} picks points of a grid; name its file with --grid")
    if window.benchmark is not None:
        raise RequestRefused(f"--benchmark is {window.benchmark}, but a grid is not compared with one; leave it out")
    request = between("backtest", window.start_date, window.end_date)
    options = {**given, "strategy": window.strategy}
    planned = plan_sweep(options, read_axes(expanded(Path(file)), options), request, (None, grid))
    settings = planned.settings
    results = None if folder is None else results_folder(folder)
    if grid.search is not None and workers.asked:
        raise RequestRefused(f"--search asks a few points at a time, too few for {workers.asked}; leave one out")
    run = workers.runner(settings.threads)
    quiet_logs()
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.backtest.sweep_answer import found_answer, save
    from tasks.backtest.sweep_walk_forward import sweep_of
    from tasks.sweep_report.page import save as save_page

    found = carry_out(planned, run)
    answer = found_answer(found, save(sweep_of(found), results) if results is not None else ())
    if results is not None:
        with rewritten(planned.job.home):
            answer = save_page(sweep_of(found), answer, results, clock())
    return answer.model_copy(update={"seconds": round(perf_counter() - started, 2)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """A sweep: the settings in force, the job up to the end of its window, the first day traded, and its points."""

    settings: "Settings"
    job: "Job"
    start: date | None
    points: "tuple[Point, ...]"
    walk_forward: bool
    sought: "Sought | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """A search instead of all points: the combinations, and how many of them are picked, with which seed."""

    space: "Space"
    order: "SearchOrder"


def plan_sweep(
    given: Mapping[str, object], axes: "Axes", request: "Request", what: "tuple[Strategy | None, GridOptions]"
) -> SweepPlan:
    """Return the plan of a sweep over the axes of `what` strategy, under which options of a grid.

    Without a strategy it is that of the settings, where no axis varies it.
    """
    from flows.cli.research.sweep_file import base_rates, demand_few, make_grid
    from flows.cli.research.sweep_strategies import base_strategies, swept_strategies
    from flows.planning.backtest_plan import plan_backtest
    from strategy.kernel.grid import points

    strategy, how = what
    options = {**given, **base_rates(axes)}
    if "symbols" in axes.values:
        options["symbols"] = tuple(sorted({symbol for account in axes.values["symbols"] for symbol in account}))
    if how.search is not None:
        return _plan_search(options, axes, request, what)
    demand_few(axes)
    strategies = swept_strategies(axes, base_strategies(axes, options, strategy))
    planned = plan_backtest(options, request, strategies[0])
    grid = make_grid(axes, planned.job.policy, planned.job.symbols, strategies)
    return SweepPlan(
        settings=planned.settings,
        job=planned.job,
        start=request.since,
        points=tuple(points(grid)),
        walk_forward=how.walk_forward,
    )


def _plan_search(
    options: Mapping[str, object], axes: "Axes", request: "Request", what: "tuple[Strategy | None, GridOptions]"
) -> SweepPlan:
    """Return the plan of a search. Raises RequestRefused for options that go with a whole grid alone, UsageError."""
    from flows.cli.research.sweep_strategies import base_strategies, demand_searchable, search_space
    from flows.planning.backtest_plan import plan_backtest
    from flows.planning.plan import RequestRefused
    from tasks.backtest.search import SearchOrder, demand_optuna

    strategy, how = what
    if how.walk_forward:
        raise RequestRefused(
            "--search has seen all years when it picks, so --walk-forward cannot pick on the past alone; leave one out"
        )
    assert how.search is not None, "asked for"
    demand_searchable(axes, how.search)
    demand_optuna()
    bases = base_strategies(axes, options, strategy)
    planned = plan_backtest(options, request, bases[0])
    order = SearchOrder(count=how.search, seed=planned.settings.seed, start=request.since)
    return SweepPlan(
        settings=planned.settings,
        job=planned.job,
        start=request.since,
        points=(),
        walk_forward=False,
        sought=Sought(space=search_space(axes, planned.job, bases), order=order),
    )


def carry_out(planned: SweepPlan, run: "Runner") -> "Sweep | WalkedSweep":
    """Return the finished sweep of a plan, walked forward if it says so; its chunks of points go to the runner."""
    from flows.planning.adapters import source_factory
    from tasks.backtest.search import search
    from tasks.backtest.sweep import sweep
    from tasks.backtest.sweep_walk_forward import sweep_walk_forward

    wanted, source = (planned.points, planned.start), source_factory(planned.settings)
    if planned.sought is not None:
        return search(planned.job, planned.sought.space, planned.sought.order, source, run)
    if planned.walk_forward:
        return sweep_walk_forward(planned.job, wanted, source, run)
    return sweep(planned.job, wanted, source, run)


def shown_sweep(answer: "SweepAnswer") -> str:
    """Return a sweep in words: its ten best points, and how much of the best one may be luck."""
    from tasks.backtest.sweep_answer import own_columns, swept_strategy

    columns = (*answer.varied, *METRICS, CAPPED)
    doubt = [
        f"The best of {counted(answer.trials, 'trial')} without skill would show a Sharpe of "
        f"{answer.luckiest_sharpe:.2f}; the chance that the best point's is more than luck is "
        f"{ratio(answer.deflated_sharpe)}."
    ]
    if answer.pbo is not None:
        doubt.append(
            f"In {answer.pbo:.0%} of the splits of the days, what was best on one half was no better than the "
            "median point on the other."
        )
    return sections(
        f"{counted(answer.points, 'point')}{_picked(answer)} of {swept_strategy(answer)} on "
        f"{', '.join(answer.symbols)}, {answer.start} to {answer.end}, {counted(answer.bars, 'day')}",
        table(
            [
                {
                    **dict(point),
                    **own_columns(point.parameters),
                    **in_units(point, METRICS),
                    CAPPED: percent(point.capped_ratio, 0),
                }
                for point in answer.top
            ],
            columns,
        ),
        f"The best point's exact account, with lots and limits: net Sharpe {ratio(answer.best.exact.sharpe)}; "
        f"{_beside(answer.benchmarks)}",
        told_version(answer.best.strategy_sha256, answer.best.audit, answer.best.parameters),
        " ".join(doubt),
        _walked(answer),
        "\n".join(answer.files),
        warned(answer),
    )


def _picked(answer: "SweepAnswer") -> str:
    if answer.search is None:
        return ""
    return f" of {answer.search.combinations:,}, picked by a sampler with seed {answer.search.seed},"


def _walked(answer: "SweepAnswer") -> str:
    """Return the walk-forward account in words: the pick of each year, and what was left of its Sharpe ratio."""
    from tasks.backtest.sweep_answer import own_columns

    walk = answer.walk_forward
    if walk is None:
        return ""
    rows = [
        {
            **dict(fold),
            **own_columns(fold.parameters),
            "in sample": ratio(fold.in_sample_sharpe),
            "out of sample": ratio(fold.out_of_sample_sharpe),
        }
        for fold in walk.folds
    ]
    varied = [name for name in answer.varied if any(name in row for row in rows)]
    share = "" if walk.haircut_ratio is None else f" ({walk.haircut_ratio:.0%})"
    return sections(
        f"Each year traded by the point that was best on the past alone, at least {walk.least_past_bars} days of it; "
        f"{walk.purge_bars} days before the year left out:",
        table(rows, ("start", "end", *varied, "in sample", "out of sample")),
        f"Sharpe in sample {ratio(walk.in_sample_sharpe)}, out of sample {ratio(walk.out_of_sample.sharpe)}: a haircut "
        f"of {ratio(walk.haircut)}{share}; CAGR out of sample {metric('cagr', walk.out_of_sample.cagr)}; "
        f"{_beside(walk.benchmarks)}",
    )


def _beside(benchmarks: "Mapping[str, BenchmarkAnswer]") -> str:
    """Return the Sharpe ratios of benchmarks on the same days."""
    return ", ".join(
        f"{name} on the same days: Sharpe {ratio(benchmark.net.sharpe)}, CAGR {metric('cagr', benchmark.net.cagr)}"
        for name, benchmark in benchmarks.items()
    )
