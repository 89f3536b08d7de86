"""Refusals of a grid's points, which name the point."""

from collections.abc import Mapping
from dataclasses import replace

from strategy.exit_codes import UsageError
from strategy.signals.faults import StrategyRefused


def at_point(error: ValueError, parameters: Mapping[str, object]) -> ValueError:
    """Return the refusal with the point of the grid that it is about, given by the strategy's parameters.

    >>> str(at_point(UsageError("it is too slow"), {"fast": 20}))
    'at the point fast=20 of the grid, it is too slow'
    """
    if not parameters:
        return error
    where = f"at the point {', '.join(f'{name}={value}' for name, value in parameters.items())} of the grid, "
    if isinstance(error, StrategyRefused):
        return StrategyRefused(error.strategy, replace(error.fault, message=f"{where}{error.fault.message}"))
    return UsageError(f"{where}{error}")
