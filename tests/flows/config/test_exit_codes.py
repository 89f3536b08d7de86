"""The exit codes: every failure that a user may meet has one."""

import importlib
import inspect
import pkgutil

import pytest

from flows.config.exit_codes import _CODES, Exit, exit_code
from flows.config.settings import ConfigurationError
from storage.errors import StoreLocked

FLOORS = ("strategy", "exchange", "storage", "tasks", "flows")
#: Caught where they are raised, or a sign of a bug.
INTERNAL = {
    "flows.scheduling.alerts.ProxyUnusable",
    "exchange.retries.Transient",
    "exchange.brokers.error_codes.VenueRefusal",
    "exchange.brokers.error_codes.Duplicate",
    "exchange.brokers.error_codes.Uncertain",
    "strategy.evaluation.sharpe_tests.Incomparable",
    "strategy.training.loop.TrainingDiverged",
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


@pytest.mark.parametrize("name", _CODES)
def test_every_named_failure_exists(name: str) -> None:
    assert issubclass(failures()[name], Exception)


def test_every_failure_of_the_product_has_an_exit_code() -> None:
    nameless = {name for name, kind in failures().items() if exit_code(kind("told")) is Exit.BUG}
    assert nameless == INTERNAL


def test_a_failure_counts_as_its_parent() -> None:
    assert exit_code(StoreLocked("in use")) is Exit.STORE


def test_what_nobody_named_is_a_bug() -> None:
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
    assert set(_CODES.values()) == set(Exit) - {Exit.DONE, Exit.BUG, Exit.STOPPED}
    assert exit_code(ConfigurationError("x")) is Exit.USAGE
