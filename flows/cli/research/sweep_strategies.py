"""The strategies of a sweep, each with the parameters that its grid lists: all combinations, or those of a search."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, product

from flows.cli.research.sweep_file import OWN, Axes, make_grid
from flows.config.settings import Settings, load
from flows.planning.plan import RequestRefused
from strategy.kernel.grid import Point, points
from strategy.signals.strategies import Strategy
from tasks.backtest.search import Choice, SearchAxis, Space
from tasks.run.job import Job
from tasks.strategies.catalogue import chosen, with_parameters
from tasks.strategies.grid_points import at_point


def swept_strategies(axes: Axes, bases: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """Return each of the strategies with every combination of the parameters of the axes.

    Raises UsageError for a parameter that one of them lacks or that has another type, StrategyRefused.
    """
    combinations = [dict(zip(axes.parameters, texts, strict=True)) for texts in product(*axes.parameters.values())]
    return tuple(at_combination(base, combination) for base in bases for combination in combinations)


def base_strategies(axes: Axes, given: Mapping[str, object], strategy: Strategy | None) -> tuple[Strategy, ...]:
    """Return the strategies of the grid, of the option `strategy` (separated by commas), or else of the settings.

    A strategy given as a value goes before them. Each has the parameters of the settings. Raises RequestRefused,
    UsageError, StrategyRefused.
    """
    specs = axes.values.get("strategy") or _listed(given.get("strategy"))
    settings = load({**given, "strategy": specs[0] if specs else None})
    _demand_once(axes, settings)
    if strategy is not None:
        return (strategy,)
    texts = {name: str(value) for name, value in settings.parameters.items()}
    return tuple(chosen(settings.home, spec, texts) for spec in dict.fromkeys(specs or [settings.strategy]))


def at_combination(base: Strategy, combination: Mapping[str, str]) -> Strategy:
    """Return the strategy with the parameters of a point. Raises UsageError or StrategyRefused, with the point."""
    try:
        return with_parameters(base, combination)
    # The class of the parameters may raise any ValueError for values that do not go together.
    except ValueError as error:
        raise at_point(error, combination) from error


def _listed(names: object) -> list[str]:
    return [name.strip() for name in str(names).split(",") if name.strip()] if names is not None else []


def _demand_once(axes: Axes, settings: Settings) -> None:
    """Raise RequestRefused for a parameter that the settings give and the grid varies."""
    for name in axes.parameters:
        if name in settings.parameters:
            raise RequestRefused(
                f"{OWN}.{name} stands in the grid and is {settings.parameters[name]!r} by --set or in the settings; "
                "name it in one of them"
            )


#: Most points of a search: the time that the sampler takes to pick one grows with those before.
MOST_SEARCHED = 5_000


def demand_searchable(axes: Axes, count: int) -> None:
    """Raise RequestRefused for a number of points outside its limits, or no smaller than the grid."""
    if not 1 <= count <= MOST_SEARCHED:
        raise RequestRefused(f"--search is {count}; it must lie between 1 and {MOST_SEARCHED:,}")
    if count >= axes.combinations:
        raise RequestRefused(
            f"--search is {count}, and {axes.file} spans {axes.combinations:,} points; leave it out to try them all"
        )


def search_space(axes: Axes, job: Job, bases: Sequence[Strategy]) -> Space:
    """Return the space of the axes; `bases` are the strategies before the grid sets their parameters."""
    lists = {name: values for name, values in axes.values.items() if name != "strategy"}
    own = {f"{OWN}.{name}": values for name, values in axes.parameters.items()}
    names = ("strategy", *lists, *own)

    def at(choice: Choice) -> Point:
        places = dict(zip(names, choice, strict=True))
        texts = {name: values[places[f"{OWN}.{name}"]] for name, values in axes.parameters.items()}
        one = Axes(values={name: [values[places[name]]] for name, values in lists.items()})
        strategy = at_combination(bases[places["strategy"]], texts)
        (point,) = points(make_grid(one, job.policy, job.symbols, (strategy,)))
        return point

    counted = [SearchAxis(name="strategy", count=len(bases), ordered=False)]
    counted += [
        SearchAxis(name=name, count=len(values), ordered=in_order(values)) for name, values in (lists | own).items()
    ]
    return Space(axes=tuple(counted), at=at, symbols=job.symbols)


def in_order(values: Sequence[object]) -> bool:
    """Return whether all values are numbers, or texts of numbers, that only rise or only fall.

    >>> in_order(["10", "20", "50"]), in_order([3.0, 2.0]), in_order([1, 3, 2]), in_order(["fast", "slow"])
    (True, True, False, False)
    """
    try:
        numbers = [float(str(value)) for value in values]
    except ValueError:
        return False
    steps = [after - before for before, after in pairwise(numbers)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)
