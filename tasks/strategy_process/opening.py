"""A strategy from a file, whose code runs in a process of its own: what the rest of TurboDMT sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from strategy.market.bars import Bars, FloatArray
from strategy.market.own_columns import Lag
from strategy.signals.strategies import Strategy
from tasks.strategy_process.child_process import StrategyFile, TimeLimits
from tasks.strategy_process.parameter_values import rebuilt
from tasks.strategy_process.remote_learner import RemoteLearner
from tasks.strategy_process.runner import ChildRunner


def own_process_only(known: object, parameters: object = None) -> FloatArray:
    """Stand for the function of a strategy whose code runs in a process of its own. Raises TypeError."""
    del known, parameters
    raise TypeError("the code of a strategy from a file runs in a process of its own; use its runner")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInputs:
    """The `inputs` of a strategy whose code runs in a process of its own."""

    runner: ChildRunner

    def __call__(self, bars: Bars) -> Mapping[str, float]:
        """Return the numbers behind the newest value of one symbol."""
        return self.runner.inputs(bars)


def open_strategy(
    source: bytes,
    origin: str,
    name: str | None = None,
    overrides: Mapping[str, str] | None = None,
    limits: TimeLimits | None = None,
) -> Strategy:
    """Return the strategy that a file's bytes define, with its parameters set, its code in a process of its own.

    `origin` is the path as shown, which is not read; `name` chooses among several strategies; `overrides` are texts by
    the names of parameters. Its `version` is the sha256 of the bytes. Raises StrategyRefused with one sentence.
    """
    version = sha256(source).hexdigest()
    file = StrategyFile(source=source, sha256=version, origin=origin, name=name, limits=limits or TimeLimits())
    runner = ChildRunner(file=file, overrides=tuple((overrides or {}).items()))
    said = runner.description()
    runner = replace(runner, across=said["across"])
    strategy = Strategy(
        name=said["name"],
        signal=None if said["across"] else own_process_only,
        signals=own_process_only if said["across"] else None,
        history_bars=said["history_bars"],
        sizing=said["sizing"],
        parameters=rebuilt(said["parameters"]),
        columns={name: Lag(days=days) for name, days in said["columns"].items()},
        inputs=RemoteInputs(runner=runner) if said["inputs"] else None,
        version=version,
        origin=origin,
        runner=runner,
    )
    return (
        strategy if said["learner"] is None else replace(strategy, learner=_learner(strategy, runner, said["learner"]))
    )


def _learner(strategy: Strategy, runner: ChildRunner, said: Mapping[str, Any]) -> RemoteLearner:
    """Return the learner of a strategy, whose prior has its signal."""
    return RemoteLearner(
        runner=runner,
        prior=replace(strategy, name=said["prior"], inputs=None),
        history_bars=said["history_bars"],
        described=tuple((name, text) for name, text in said["described"]),
    )
