"""List of the strategies: those built in, of installed packages, and the versions that the home keeps."""

import json
from collections.abc import Sequence
from pathlib import Path

from storage.database import DATABASE_NAME, connect
from storage.models import trials
from storage.strategies import registrations, verdicts
from storage.strategies.verdicts import StrategyVerdict
from strategy.builtin.registry import BUILT_IN
from strategy.signals.strategies import Strategy, sizing_of
from tasks.run.answers import Answer
from tasks.strategies.catalogue import installed


class KnownStrategyAnswer(Answer):
    """A version of a strategy: where it comes from, what its audits found, and who trades it.

    `audit` is `built in`, `not audited`, `passed` or `refused`, by source in `audits`. `accounts` are bound to this
    version. `trials` counts the configurations tried of it.
    """

    name: str
    origin: str
    sha256: str | None
    sizing: str | None
    audit: str
    audits: dict[str, str]
    trials: int
    accounts: tuple[str, ...]


class StrategiesAnswer(Answer):
    """The answer of `turbodmt strategies`."""

    strategies: tuple[KnownStrategyAnswer, ...]


def listed(home: Path) -> StrategiesAnswer:
    """Return the answer of `turbodmt strategies`."""
    ours = tuple(_ours(strategy, "built in") for strategy in BUILT_IN.values())
    packaged = tuple(_packaged(name, str(point.value)) for name, point in installed().items())
    return StrategiesAnswer(strategies=(*ours, *packaged, *_kept(home)))


def _ours(strategy: Strategy, origin: str) -> KnownStrategyAnswer:
    return KnownStrategyAnswer(
        name=strategy.name,
        origin=origin,
        sha256=None,
        sizing=str(sizing_of(strategy)),
        audit="built in",
        audits={},
        trials=0,
        accounts=(),
    )


def _packaged(name: str, origin: str) -> KnownStrategyAnswer:
    return KnownStrategyAnswer(
        name=name, origin=origin, sha256=None, sizing=None, audit="not audited", audits={}, trials=0, accounts=()
    )


def _kept(home: Path) -> tuple[KnownStrategyAnswer, ...]:
    if not (home / DATABASE_NAME).is_file():
        return ()
    with connect(home) as store:
        bound = registrations.bindings(store)
        configurations = [json.loads(config) for config in trials.configurations(store)]
        return tuple(
            KnownStrategyAnswer(
                name=version.name,
                origin=version.origin,
                sha256=version.sha256,
                sizing=None,
                audit=_verdict(found := verdicts.of_version(store, version.sha256)),
                audits=_by_source(found),
                trials=sum(config.get("strategy_sha256") == version.sha256 for config in configurations),
                accounts=tuple(
                    binding.account
                    for binding in bound
                    if (binding.name, binding.sha256) == (version.name, version.sha256)
                ),
            )
            for version in registrations.versions(store)
        )


def _verdict(found: Sequence[StrategyVerdict]) -> str:
    if not found:
        return "not audited"
    return "passed" if all(verdict.passed for verdict in found) else "refused"


def _by_source(found: Sequence[StrategyVerdict]) -> dict[str, str]:
    return {
        source: _verdict([verdict for verdict in found if verdict.source == source])
        for source in dict.fromkeys(verdict.source for verdict in found)
    }
