"""List of the strategies: those built in, of installed packages, and the versions that the home keeps."""

import json
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from storage.database import DATABASE_NAME, connect
from storage.models import trials
from storage.strategies import registrations, verdicts
from storage.strategies.verdicts import StrategyVerdict
from strategy.builtin.registry import BUILT_IN
from strategy.signals.faults import StrategyRefused
from strategy.signals.strategies import Strategy, sizing_of
from tasks.run.answers import Answer
from tasks.strategies.binding import in_words
from tasks.strategies.packages import installed, of_package

log = logging.getLogger(__name__)


class KnownStrategyAnswer(Answer):
    """A version of a strategy: where it comes from, what its audits found, and who trades it.

    `audit` is `built in`, `not audited`, `passed` or `refused`, by source in `audits` and by the parameters that were
    audited in `audits_of_parameters`; with others it is not audited. `accounts` are bound to this version. `trials`
    counts the configurations tried of it.
    """

    name: str
    origin: str
    sha256: str | None
    sizing: str | None
    audit: str
    audits: dict[str, str]
    audits_of_parameters: dict[str, str]
    trials: int
    accounts: tuple[str, ...]


class StrategiesAnswer(Answer):
    """The answer of `turbodmt strategies`."""

    strategies: tuple[KnownStrategyAnswer, ...]


def listed(home: Path) -> StrategiesAnswer:
    """Return the answer of `turbodmt strategies`."""
    packaged = [_packaged(name, point) for name, point in installed().items() if name not in BUILT_IN]
    kept = _in_home(home, packaged) if (home / DATABASE_NAME).is_file() else packaged
    return StrategiesAnswer(strategies=(*(_ours(strategy) for strategy in BUILT_IN.values()), *kept))


def _ours(strategy: Strategy) -> KnownStrategyAnswer:
    return KnownStrategyAnswer(
        name=strategy.name,
        origin="built in",
        sha256=None,
        sizing=str(sizing_of(strategy)),
        audit="built in",
        audits={},
        audits_of_parameters={},
        trials=0,
        accounts=(),
    )


def _packaged(name: str, point: EntryPoint) -> KnownStrategyAnswer:
    """Return the strategy of a package as it is installed; one that cannot be used has no version."""
    try:
        strategy: Strategy | None = of_package(point)
    except StrategyRefused as error:
        log.warning("%s.", error)
        strategy = None
    return KnownStrategyAnswer(
        name=name,
        origin=point.value,
        sha256=strategy.version if strategy else None,
        sizing=str(sizing_of(strategy)) if strategy else None,
        audit="not audited" if strategy else "refused",
        audits={},
        audits_of_parameters={},
        trials=0,
        accounts=(),
    )


def _in_home(home: Path, packaged: Sequence[KnownStrategyAnswer]) -> tuple[KnownStrategyAnswer, ...]:
    """Return the strategies of packages and the versions that the home keeps, with what it knows of each."""
    with connect(home) as store:
        bound = registrations.bindings(store)
        configurations = [json.loads(config) for config in trials.configurations(store)]
        kept = [
            KnownStrategyAnswer(
                name=version.name,
                origin=version.origin,
                sha256=version.sha256,
                sizing=None,
                audit="not audited",
                audits={},
                audits_of_parameters={},
                trials=0,
                accounts=(),
            )
            for version in registrations.versions(store)
        ]

        def known(answer: KnownStrategyAnswer) -> KnownStrategyAnswer:
            sha256 = answer.sha256
            if sha256 is None:
                return answer
            found = verdicts.of_version(store, sha256)
            accounts = [each.account for each in bound if (each.name, each.sha256) == (answer.name, sha256)]
            return answer.model_copy(
                update={
                    "audit": _verdict(found),
                    "audits": _by_source(found),
                    "audits_of_parameters": _by_parameters(found),
                    "trials": sum(_tried(config, sha256) for config in configurations),
                    "accounts": tuple(accounts),
                }
            )

        return tuple(known(answer) for answer in (*packaged, *kept))


def _tried(config: Mapping[str, Any], sha256: str) -> bool:
    """Return whether a trial was one of this version, alone or in a sleeve."""
    described = (config, *config.get("sleeves", {}).values())
    return any(one.get("strategy_sha256") == sha256 for one in described)


def _verdict(found: Sequence[StrategyVerdict]) -> str:
    if not found:
        return "not audited"
    return "passed" if all(verdict.passed for verdict in found) else "refused"


def _by_source(found: Sequence[StrategyVerdict]) -> dict[str, str]:
    return {
        source: _verdict([verdict for verdict in found if verdict.source == source])
        for source in dict.fromkeys(verdict.source for verdict in found)
    }


def _by_parameters(found: Sequence[StrategyVerdict]) -> dict[str, str]:
    return {
        in_words(parameters): _verdict([verdict for verdict in found if verdict.parameters == parameters])
        for parameters in dict.fromkeys(verdict.parameters for verdict in found)
    }
