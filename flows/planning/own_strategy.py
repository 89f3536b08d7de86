"""A run's strategy: kept in the home if it is the user's own, and the version that the account is bound to."""

from datetime import datetime
from typing import TYPE_CHECKING

from flows.config.settings import Settings
from tasks.strategies.binding import demand_bound, demand_one_file
from tasks.strategies.catalogue import register
from tasks.strategies.spelling import file_and_name, is_file, sleeves_in

if TYPE_CHECKING:
    from strategy.signals.strategies import Strategy


def admit(settings: Settings, account: str, strategy: "Strategy", at: datetime) -> None:
    """Keep a copy of the strategy's file in the home, so that its name suffices from now on.

    Raises StrategyChanged, before anything is written, if the account is bound to another version; UsageError.
    """
    _demand_one_file(settings, strategy)
    demand_bound(settings.home, account, strategy)
    keep(settings, strategy, at)


def keep(settings: Settings, strategy: "Strategy", at: datetime) -> None:
    """Keep a copy of the strategy's file in the home if the settings name a file. Raises UsageError."""
    for part in _of_files(settings, strategy):
        register(settings.home, part, at)


def _demand_one_file(settings: Settings, strategy: "Strategy") -> None:
    """Raise UsageError if the settings name a file, and the name of its strategy is that of another file.

    By name, an account goes on with the copy that it is bound to, whatever files have come since.
    """
    for part in _of_files(settings, strategy):
        demand_one_file(settings.home, part)


def _of_files(settings: Settings, strategy: "Strategy") -> "tuple[Strategy, ...]":
    """Return the strategy, or those of its sleeves, whose file the settings name."""
    if not strategy.sleeves:
        return (strategy,) if is_file(settings.strategy) else ()
    files = {file_and_name(spec)[0] for spec, _ in sleeves_in(settings.strategy) if is_file(spec)}
    return tuple(part for part in strategy.parts if part.origin in files)
