"""The exit codes: every failure that a user may meet has one."""

import importlib
import inspect
import pkgutil
import re

import typer

from flows.config.settings import ConfigurationError
from storage.errors import StoreError
from strategy.exit_codes import Exit, exit_code

FLOORS = ("strategy", "exchange", "storage", "tasks", "flows")
#: Caught where they are raised, or a sign of a bug.
INTERNAL = {
    "flows.scheduling.alerts.ProxyUnusable",
    "exchange.retries.Transient",
    "exchange.brokers.error_codes.VenueRefusal",
    "exchange.brokers.error_codes.Duplicate",
    "exchange.brokers.error_codes.Uncertain",
    "strategy.evaluation.sharpe_tests.Incomparable",
    "strategy.signals.faults.CallFailed",
    "strategy.training.loop.TrainingDiverged",
    "strategy.training.trainer.HistoryTooShort",
    "strategy.training.trainer.NotFinished",
    "strategy.training.trainer.NotTrained",
    "tasks.strategy_process.child_process.ChildLost",
    "tasks.strategy_process.frames.BrokenFrame",
    "tasks.strategy_process.imports_beside.LiesBeside",
    "tasks.strategy_process.outside_world.OutsideWorld",
    "tasks.strategy_process.parameter_values.WrongParameter",
    "storage.bars.published.BarsUnpublishable",
}


def failures() -> dict[str, type[Exception]]:
    """Every exception that the product defines for more than one module, by its full name."""
    found: dict[str, type[Exception]] = {}
    for floor in FLOORS:
        for module in pkgutil.walk_packages(importlib.import_module(floor).__path__, f"{floor}."):
            for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(value, Exception) and value.__module__ == module.name and not name.startswith("_"):
                    found[f"{module.name}.{name}"] = value
    return found


def test_every_failure_of_the_product_has_an_exit_code() -> None:
    nameless = {name for name, kind in failures().items() if exit_code(kind.__new__(kind)) is Exit.BUG}
    assert nameless == INTERNAL


def test_the_docstring_of_a_failure_names_its_exit_code() -> None:
    told = {
        name: re.findall(r"\(exit (\d+)", kind.__doc__ or "")
        for name, kind in failures().items()
        if "exit_code" in vars(kind)
    }
    assert told == {name: [str(int(exit_code(failures()[name].__new__(failures()[name]))))] for name in told}


def test_a_failure_counts_as_its_parent() -> None:
    assert exit_code(StoreError("in use")) is Exit.STORE


def test_what_nobody_named_is_a_bug() -> None:
    assert exit_code(typer.Exit(2)) is Exit.BUG
    assert [exit_code(error) for error in (ValueError("x"), OSError("x"), ZeroDivisionError())] == [Exit.BUG] * 3


def test_the_codes_are_those_that_are_documented() -> None:
    assert {str(code.name): int(code) for code in Exit} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "DATA": 3,
        "UNREACHABLE": 4,
        "BLOCKED": 5,
        "STORE": 6,
        "RECONCILIATION": 7,
        "STOPPED": 130,
    }
    carried = {exit_code(kind.__new__(kind)) for kind in failures().values()}
    assert carried == set(Exit) - {Exit.DONE, Exit.STOPPED}
    assert exit_code(ConfigurationError("x")) is Exit.USAGE
