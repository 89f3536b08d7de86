"""Model registry by hand: the list of models with their verdicts, and a promotion with its reason."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from re import fullmatch

from pydantic import JsonValue

from storage.database import Connection, connect
from storage.models import promotions
from storage.models import registry as model_store
from storage.models.panels import Panel
from storage.models.promotions import Promoter, Promotion, StoredVerdict
from storage.models.registry import COURSE, ModelRecord, ModelState
from storage.strategies import registrations
from strategy.builtin.registry import BUILT_IN
from strategy.exit_codes import UsageError
from strategy.training.promotion_gate import PRIOR, Figures
from tasks.models.load import forecaster
from tasks.operations.halt import demand_reason
from tasks.run.answers import Answer

#: State of the prior while a model is champion: it trades where that model cannot.
FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The models to list, by source and symbols; None matches any."""

    source: str | None = None
    symbols: tuple[str, ...] | None = None

    def admits(self, panel: Panel) -> bool:
        """Return whether models of the panel are listed; the order of symbols does not matter."""
        same = self.symbols is None or sorted(set(self.symbols)) == sorted(panel.symbols)
        return same and self.source in (None, panel.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a person says of a model that its id names already; None where nothing is said."""

    source: str | None = None
    symbols: tuple[str, ...] | None = None
    strategy: str | None = None
    strategy_sha256: str | None = None

    def demand_agrees(self, record: ModelRecord) -> None:
        """Raise UsageError if something said is not what the model is of; the order of symbols does not matter."""
        symbols = ", ".join(sorted(set(self.symbols))) if self.symbols is not None else None
        said = (
            ("--source", self.source, record.source),
            ("--symbols", symbols, ", ".join(sorted(record.symbols))),
            ("--strategy", self.strategy, record.strategy),
            ("--strategy", self.strategy_sha256, record.strategy_sha256 or "built in"),
        )
        for option, given, known in said:
            if given is not None and given != known:
                raise UsageError(
                    f"model {record.model_id[:12]} is of {_short(known)}, and {option} says {_short(given)}; leave "
                    f"{option} out, or name another model, which `turbodmt models` lists"
                )


class StoredVerdictAnswer(Answer):
    """The verdict of the promotion gate on a model, and the figures behind it."""

    promoted: bool
    rival: str
    as_of: date
    reason: str
    figures: Figures


class ModelAnswer(Answer):
    """A model of the registry."""

    model_id: str
    state: str
    source: str
    symbols: tuple[str, ...]
    strategy: str
    strategy_sha256: str | None
    trained_from: date
    trained_to: date
    seed: int
    validation: dict[str, JsonValue]
    verdict: StoredVerdictAnswer | None
    reason: str
    config: dict[str, JsonValue]
    data_sha256: str
    code_version: str
    created_at: str


class PriorAnswer(Answer):
    """The prior as an entry of the registry: it is never trained and never expires, so most of it is null."""

    model_id: str
    state: str
    source: str
    symbols: tuple[str, ...]
    strategy: str
    strategy_sha256: str | None
    trained_from: None
    trained_to: None
    seed: None
    validation: None
    verdict: None
    config: None
    data_sha256: None
    code_version: None
    reason: str
    created_at: None


class ModelsAnswer(Answer):
    """The answer of `turbodmt models`."""

    models: tuple[ModelAnswer | PriorAnswer, ...]
    warnings: tuple[str, ...]


class PromoteAnswer(Answer):
    """The answer of `turbodmt promote`: who decides from which day on, and instead of whom."""

    model_id: str
    source: str
    symbols: tuple[str, ...]
    strategy: str
    strategy_sha256: str | None
    as_of: date | None
    reason: str
    replaced: str
    changed: bool
    warnings: tuple[str, ...]


def models(home: Path, wanted: Filter, usual: Panel) -> ModelsAnswer:
    """Return the answer of `turbodmt models`: models, newest training first, then the prior of each of their panels.

    If no model matches, the prior of the requested panel is listed, completed from the usual one.
    """
    with connect(home) as store:
        records = [record for record in model_store.records(store) if wanted.admits(record.panel)]
        listed = [_model_answer(record, promotions.verdicts(store, record.model_id)) for record in reversed(records)]
        asked = replace(usual, source=wanted.source or usual.source, symbols=wanted.symbols or usual.symbols)
        panels = dict.fromkeys(record.panel for record in reversed(records)) or (asked,)
        priors = [_prior_answer(store, panel) for panel in panels]
    return ModelsAnswer(models=(*listed, *priors), warnings=())


def promote(home: Path, model: str, reason: str, at: datetime, stated: Stated | None = None) -> PromoteAnswer:
    """Promote the model from the first undecided day on; return the answer of `turbodmt promote MODEL`.

    Its file is loaded first. Raises UsageError, also if what is stated is not so, and ModelDamaged for a file that is
    not the registered one or cannot be used by this version.
    """
    demand_reason(reason)
    with connect(home) as store:
        record = model_store.find(store, model)
    if stated is not None:
        stated.demand_agrees(record)
    # A strategy of the user's own is loaded by those who run it; here its file is only compared with its name.
    if record.strategy in BUILT_IN:
        forecaster(home, BUILT_IN[record.strategy], record.model_id)
    else:
        model_store.read(home, record.model_id)
    return _promote(home, record.panel, record, reason.strip(), at)


def promote_prior(home: Path, panel: Panel, reason: str, at: datetime) -> PromoteAnswer:
    """Let the prior decide until the gate or a person promotes a model; return the answer of `turbodmt promote prior`.

    Raises UsageError.
    """
    demand_reason(reason)
    return _promote(home, panel, None, reason.strip(), at)


def _promote(home: Path, panel: Panel, record: ModelRecord | None, reason: str, at: datetime) -> PromoteAnswer:
    model_id = record.model_id if record else PRIOR
    with connect(home) as store:
        before = promotions.in_force(store, panel, date.max)
        trained_to = record.trained_to if record else date.min
        promotion = Promotion(
            source=panel.source,
            symbols=panel.symbols,
            strategy=panel.strategy,
            strategy_sha256=panel.strategy_sha256,
            model_id=model_id,
            as_of=promotions.first_open_day(store, panel, trained_to),
            by=Promoter.HAND,
            reason=reason,
            at=at,
        )
        changed = promotions.promote(store, promotion)
        idle = _bound_elsewhere(store, panel)
    ruling = promotion if changed else before
    return PromoteAnswer(
        model_id=model_id,
        source=panel.source,
        symbols=panel.symbols,
        strategy=panel.strategy,
        strategy_sha256=panel.strategy_sha256,
        as_of=ruling.as_of if ruling else None,
        reason=ruling.reason if ruling else "nothing was ever promoted",
        replaced=before.model_id if before else PRIOR,
        changed=changed,
        warnings=idle,
    )


def _short(text: str) -> str:
    """Return a version as it is shown, and any other text as it is."""
    return f"version {text[:12]}" if fullmatch("[0-9a-f]{64}", text) else text


def _bound_elsewhere(store: Connection, panel: Panel) -> tuple[str, ...]:
    """Return a warning about accounts that trade another version of the strategy: it decides nothing for them."""
    if panel.strategy_sha256 is None:
        return ()
    others = [each for each in registrations.bindings(store, panel.strategy) if each.sha256 != panel.strategy_sha256]
    if not others:
        return ()
    named = ", ".join(f"{binding.account} ({binding.sha256[:12]})" for binding in others)
    return (
        f"this decides for version {panel.strategy_sha256[:12]} of {panel.strategy} alone, and not for accounts that "
        f"are bound to another one: {named}",
    )


def _model_answer(record: ModelRecord, verdicts: Sequence[StoredVerdict]) -> ModelAnswer:
    newest = verdicts[0] if verdicts else None
    return ModelAnswer.model_validate(
        {
            **asdict(record),
            # The course of the training is for its page: hundreds of numbers.
            "validation": {name: value for name, value in json.loads(record.validation).items() if name != COURSE},
            "verdict": {**asdict(newest.verdict), "as_of": newest.as_of} if newest else None,
            "config": json.loads(record.config),
            "created_at": record.created_at.isoformat(),
        }
    )


def _prior_answer(store: Connection, panel: Panel) -> PriorAnswer:
    ruling = promotions.in_force(store, panel, date.max)
    reason = ruling.reason if ruling else "no model of these symbols was promoted"
    rules = ruling is None or ruling.model_id == PRIOR
    return PriorAnswer(
        model_id=PRIOR,
        state=ModelState.CHAMPION if rules else FALLBACK,
        source=panel.source,
        symbols=panel.symbols,
        strategy=panel.strategy,
        strategy_sha256=panel.strategy_sha256,
        trained_from=None,
        trained_to=None,
        seed=None,
        validation=None,
        verdict=None,
        config=None,
        data_sha256=None,
        code_version=None,
        reason=reason if rules else "trades where no model may",
        created_at=None,
    )
