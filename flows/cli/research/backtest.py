"""`turbodmt backtest`: test a strategy on history, or with --grid many parameters of one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import quiet_logs, run_command, sections, tell, warned
from flows.cli.number_format import metric, money
from flows.cli.options import AsJson, Calendar, Capital, Home, Source, Symbols, results_folder
from flows.cli.research.costs import shown_costs
from flows.cli.research.own_version import told_version
from flows.cli.research.significance import doubts
from flows.cli.research.sweep import run_sweep, shown_sweep
from flows.cli.research.window_options import GridOptions, WindowOptions, WorkerOptions
from flows.cli.sleeve_lines import shown_sleeves
from flows.cli.text_table import table
from strategy.builtin.registry import BASELINE

if TYPE_CHECKING:
    from flows.config.settings import Settings
    from flows.planning.backtest_plan import BacktestPlan
    from strategy.signals.strategies import Strategy
    from tasks.backtest.answer import BacktestAnswer
    from tasks.backtest.run import Backtest, Window
    from tasks.parallel.runner import Runner

Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Share a sweep, or trainings, between N processes.")
]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Share them between the workers of a Dask cluster.")]


SaveResults = Annotated[
    str | None,
    typer.Option(metavar="[DIR]", help="Write equity, trades and a report; without a folder, turbodmt-results."),
]
Benchmark = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What beta, alpha and crises compare with: a strategy, or symbol:SPY."),
]


def backtest(
    symbols: Symbols = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day traded.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day traded.")] = None,
    capital: Capital = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="One or more, separated by commas; the first is tested.")
    ] = None,
    benchmark: Benchmark = None,
    source: Source = None,
    fee_bps: Annotated[str | None, typer.Option(metavar="BPS", help="Fee in basis points.")] = None,
    slippage_bps: Annotated[str | None, typer.Option(metavar="BPS", help="Slippage in basis points.")] = None,
    save_results: SaveResults = None,
    grid: Annotated[str | None, typer.Option(metavar="FILE", help="Sweep the lists of parameters in a file.")] = None,
    workers: Workers = None,
    dask: Dask = None,
    walk_forward: Annotated[
        bool, typer.Option("--walk-forward", help="Pick each year's point of the grid on the past alone.")
    ] = False,
    search: Annotated[
        int | None, typer.Option(metavar="N", help="Let a sampler pick N points of the grid, not all; needs optuna.")
    ] = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Test a strategy on history: gross, net and net at twice the cost, beside its benchmarks."""
    from flows.cli.calendar_option import with_calendar

    given = {
        "source": source,
        "symbols": symbols,
        "capital": capital,
        "fee_bps": fee_bps,
        "slippage_bps": slippage_bps,
        "home": home,
    }
    window = WindowOptions(strategy=strategy, start_date=start_date, end_date=end_date, benchmark=benchmark)
    swept = GridOptions(file=grid, walk_forward=walk_forward, search=search)
    shared = WorkerOptions(processes=workers, dask=dask)
    if swept == GridOptions():
        run_command(
            lambda: run_backtest(with_calendar(given, calendar), window, save_results, shared), shown_backtest, as_json
        )
    else:
        run_command(
            lambda: run_sweep(with_calendar(given, calendar), (swept, shared), window, save_results),
            shown_sweep,
            as_json,
        )


def run_backtest(
    given: Mapping[str, object], window: WindowOptions, folder: str | None, workers: WorkerOptions
) -> "BacktestAnswer":
    """Return the answer of a backtest; without Prefect server or account."""
    from flows.config.settings import load
    from flows.planning.backtest_plan import plan_backtest
    from flows.planning.plan import RequestRefused, between

    request = between("backtest", window.start_date, window.end_date)
    settings = load(given)
    strategies = _strategies(window.named(settings.strategy), settings)
    if workers.asked and not any(strategy.learner for strategy in strategies):
        raise RequestRefused(
            f"{workers.asked} has nothing to share: that takes a strategy that learns, or a sweep; name the file of "
            "its grid with --grid"
        )
    run = workers.runner()
    # The workers share the cores; how many threads train decides no figure.
    planned = plan_backtest({**given, "threads": 1} if workers.asked else given, request, strategies[0])
    results = None if folder is None else results_folder(folder)
    # The answer holds all warnings of the steps.
    quiet_logs()
    from tasks.backtest.answer import backtest_answer
    from tasks.backtest.run import Window

    tested = run_planned(planned, Window(strategies=strategies, start=request.since, beside=window.beside), run)
    if results is None:
        return backtest_answer(tested, ())
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.backtest.export import save
    from tasks.live_comparison.section import live_section

    with rewritten(planned.job.home):
        files = save(tested, results, clock(), live_section(tested))
    return backtest_answer(tested, files)


def run_planned(planned: "BacktestPlan", window: "Window", run: "Runner | None" = None) -> "Backtest":
    """Return the backtest of a plan, with its progress on stderr, which the runner carries out.

    Without one they follow one another in this process.
    """
    from flows.planning.adapters import source_factory
    from flows.runs.work_progress import work_told
    from tasks.backtest.run import backtest as run_job
    from tasks.parallel.runner import Here

    with work_told():
        return run_job(planned.job, window, source_factory(planned.settings), tell, run or Here())


def _strategies(names: str, settings: "Settings") -> "tuple[Strategy, ...]":
    """Return the named strategies, with buy and hold added beside a single one."""
    from flows.planning.plan import strategies_named

    wanted = list(strategies_named(names, settings))
    return tuple(wanted if len(wanted) > 1 or wanted == [BASELINE] else [*wanted, BASELINE])


def _shown_capacity(answer: "BacktestAnswer") -> str:
    """Return the capacity curve as a table; empty without one."""
    if not answer.capacity:
        return ""
    rows = [{"capital": money(each.capital), "net sharpe": metric("sharpe", each.sharpe)} for each in answer.capacity]
    return table(rows, ("capital", "net sharpe"))


def shown_backtest(answer: "BacktestAnswer") -> str:
    """Return a backtest in words: its metrics side by side, and how far they can be trusted."""
    accounts = {"gross": answer.gross, "net": answer.net, "net_2x_cost": answer.net_2x_cost}
    accounts |= {name: benchmark.net for name, benchmark in answer.benchmarks.items()}
    # One metric per row: there are fewer accounts than metrics, so eighty columns are enough.
    rows = [
        {
            "metric": field.name,
            **{label: metric(field.name, getattr(one, field.name)) for label, one in accounts.items()},
        }
        for field in fields(answer.net)
    ]
    count = answer.trials
    trials = f"; {count} configuration{'s' if count > 1 else ''} tried on these bars" if count else ""
    return sections(
        f"{answer.strategy} on {', '.join(answer.symbols)}, {answer.start} to {answer.end}, {answer.bars} days{trials}",
        told_version(answer.strategy_sha256, answer.audit, {}),
        table(rows, ("metric", *accounts)),
        shown_sleeves(answer.sleeves),
        shown_costs(answer.costs),
        _shown_capacity(answer),
        f"The drawdown limit would have halted it on {answer.would_halt_on}." if answer.would_halt_on else "",
        "\n".join(doubts(answer.significance)),
        "\n".join(answer.files),
        warned(answer),
    )
