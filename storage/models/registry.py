"""Models: weights in files named by their hash, and the registry of what is known about each."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from storage.database import Connection
from storage.files import write_whole
from storage.keyed_rows import Table, insert_once
from storage.models import promotions
from storage.models.panels import OF_PANEL, Panel, as_json
from storage.models.promotions import StoredVerdict
from storage.typed_rows import read_all, read_first, scalar
from strategy.exit_codes import Exit, UsageError

#: Any values that JSON can hold.
Metadata = Mapping[str, Any]

#: All metadata is canonical JSON under one key: with several keys their order, and so the hash, varies between runs.
_METADATA_KEY = "turbodmt"


class ModelDamaged(Exception):
    """A model file that is missing or does not match the hash in its name (exit 6)."""

    exit_code = Exit.STORE


class ModelState(StrEnum):
    """The state of a model on the newest day: in force, not judged yet, refused, or no longer in force."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    REFUSED = "refused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model's record beside its weights; `model_id` is the sha256 of its file, in hexadecimal digits.

    `strategy_sha256` is that of the strategy's file, None for one that is built in. `config` and `validation` are JSON
    text; `created_at` is timezone-aware. `state` and its `reason` are derived from
    verdicts and promotions when a record is read, and are not part of what is registered.
    """

    model_id: str
    source: str
    symbols: tuple[str, ...]
    strategy: str
    trained_from: date
    trained_to: date
    created_at: datetime
    seed: int
    config: str
    code_version: str
    data_sha256: str
    validation: str
    strategy_sha256: str | None = None
    state: ModelState = ModelState.CHALLENGER
    reason: str = ""

    @property
    def panel(self) -> Panel:
        """Return what the model was trained for."""
        return Panel(
            source=self.source,
            symbols=self.symbols,
            strategy=self.strategy,
            strategy_sha256=self.strategy_sha256,
        )


#: The name among the figures of a training under which its losses are kept, step by step.
COURSE = "course"
#: The fewest digits to which an id may be shortened.
LEAST_DIGITS = 8

_MODELS = Table(
    name="models",
    key=("model_id",),
    values=("source", "symbols", "strategy", "trained_from", "trained_to", "seed", "data_sha256"),
    changing=("config", "code_version", "validation", "created_at", "strategy_sha256"),
)
_SELECT = (
    "SELECT model_id, source, symbols, strategy, trained_from, trained_to, created_at, seed, config, code_version, "
    "data_sha256, validation, strategy_sha256, state, reason FROM registry "
)


def save(home: Path, arrays: Mapping[str, NDArray[Any]], metadata: Metadata) -> str:
    """Save the model as `models/<id>.safetensors`; return its id, the sha256 of the file.

    The same arrays and metadata give the same id. Keep the time of day out of the metadata, or a repeated training
    gives another model. Raises StoreError; ValueError if an array is not finite.
    """
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"model array {name} holds a number that is not finite; it cannot be kept")
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False)
    contiguous = {name: np.asarray(values, order="C") for name, values in sorted(arrays.items())}
    data = save_arrays(contiguous, metadata={_METADATA_KEY: text})
    model_id = sha256(data).hexdigest()
    write_whole(_path(home, model_id), data)
    return model_id


def read(home: Path, model_id: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays and the metadata of a model.

    Raises ModelDamaged if the file is missing or does not match its name.
    """
    path = _path(home, model_id)
    remedy = "restore the file, or run `turbodmt train`"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelDamaged(f"{path} is missing; {remedy}") from error
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read ({error.strerror}); {remedy}") from error
    digest = sha256(data).hexdigest()
    if digest != model_id:
        raise ModelDamaged(f"{path} is damaged: its sha256 is {digest}; {remedy}")
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            text = (file.metadata() or {})[_METADATA_KEY]
        return load_arrays(data), json.loads(text)
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ModelDamaged(f"{path} was not written by this program ({error}); {remedy}") from error


def register(connection: Connection, record: ModelRecord) -> None:
    """Register the model. Registering it again changes nothing.

    Raises LedgerConflict if it is known with other data, symbols, strategy, dates or seed.
    """
    row = (
        *(record.model_id, record.source, as_json(record.symbols), record.strategy),
        *(record.trained_from, record.trained_to),
        *(record.seed, record.data_sha256, record.config, record.code_version, record.validation, record.created_at),
        record.strategy_sha256,
    )
    insert_once(connection, _MODELS, [row])


def registered(connection: Connection, model_id: str) -> ModelRecord:
    """Return the registered model with this whole id. Raises UsageError if there is none."""
    record = read_first(connection, ModelRecord, _SELECT + "WHERE model_id = ?", [model_id])
    if record is None:
        raise UsageError(f"model {model_id} is not registered; `turbodmt models` lists those that are")
    return record


def find(connection: Connection, prefix: str) -> ModelRecord:
    """Return the one registered model whose id begins with these hexadecimal digits, at least eight.

    Raises UsageError for none, several, or too few digits.
    """
    if len(prefix) < LEAST_DIGITS:
        raise UsageError(
            f"model {prefix!r} has {len(prefix)} characters; give at least {LEAST_DIGITS} of its id, as `turbodmt "
            "models` shows them"
        )
    found = read_all(
        connection, ModelRecord, _SELECT + "WHERE starts_with(model_id, ?) ORDER BY model_id LIMIT 2", [prefix]
    )
    if len(found) != 1:
        what = "more than one registered model" if found else "no registered model"
        raise UsageError(f"{what} has an id that begins with {prefix}; `turbodmt models --json` lists them in full")
    return found[0]


def last_trained(connection: Connection, panel: Panel, *, until: date) -> date | None:
    """Return the newest day, up to `until`, to which a model of the panel was trained, promoted or refused.

    None if there is none. Refused models count, so that one refused yesterday is not fitted again today. A model
    without a verdict does not count: the run that trained it was stopped before the promotion gate.
    """
    select = f"SELECT max(trained_to) FROM registry WHERE {OF_PANEL} AND trained_to <= ? AND state <> ?"  # noqa: S608 - a constant
    return scalar(connection, date, select, [*panel.key, until, str(ModelState.CHALLENGER)])


def judged_on(connection: Connection, panel: Panel, trained_to: date) -> StoredVerdict | None:
    """Return the newest verdict on a model of the panel that was trained up to exactly that day; None if none."""
    model_id = scalar(
        connection,
        str,
        f"SELECT model_id FROM models JOIN verdicts USING (model_id) WHERE {OF_PANEL} AND trained_to = ? "  # noqa: S608 - a constant
        "ORDER BY verdicts.created_at DESC, model_id LIMIT 1",
        [*panel.key, trained_to],
    )
    return promotions.verdicts(connection, model_id)[0] if model_id else None


def records(connection: Connection) -> tuple[ModelRecord, ...]:
    """Return every registered model, oldest training first."""
    return read_all(connection, ModelRecord, _SELECT + "ORDER BY trained_to, created_at, model_id")


def _path(home: Path, model_id: str) -> Path:
    return home / "models" / f"{model_id}.safetensors"
