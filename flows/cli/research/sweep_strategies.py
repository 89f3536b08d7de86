"""The strategies of a sweep: by name or file, each with every combination of the parameters that its grid lists."""

from collections.abc import Mapping
from itertools import product

from flows.cli.research.sweep_file import OWN, Axes
from flows.config.settings import Settings, load
from flows.planning.plan import RequestRefused
from strategy.signals.strategies import Strategy
from tasks.strategies.catalogue import chosen, with_parameters
from tasks.strategies.grid_points import at_point


def swept_strategies(axes: Axes, given: Mapping[str, object], strategy: Strategy | None) -> tuple[Strategy, ...]:
    """Return the strategies of the grid, of the option `strategy` (separated by commas), or else of the settings.

    A strategy given as a value goes before them. Each has the parameters of the settings and those of a point of the
    axes. Raises RequestRefused, UsageError for a parameter that one of them lacks or that has another type,
    StrategyRefused.
    """
    specs = axes.values.get("strategy") or _listed(given.get("strategy"))
    settings = load({**given, "strategy": specs[0] if specs else None})
    _demand_once(axes, settings)
    if strategy is not None:
        bases = [strategy]
    else:
        texts = {name: str(value) for name, value in settings.parameters.items()}
        bases = [chosen(settings.home, spec, texts) for spec in dict.fromkeys(specs or [settings.strategy])]
    combinations = [dict(zip(axes.parameters, texts, strict=True)) for texts in product(*axes.parameters.values())]
    return tuple(_at(base, combination) for base in bases for combination in combinations)


def _at(base: Strategy, combination: Mapping[str, str]) -> Strategy:
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
