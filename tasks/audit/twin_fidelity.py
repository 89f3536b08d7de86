"""Fidelity of the twin: fit the synthetic paths to the history of the symbols and compare their stylised facts."""

from collections.abc import Callable
from datetime import date

from pydantic import Field

from exchange.ports import BarSource
from storage.bars import published as bar_store
from storage.database import connect
from strategy.exit_codes import Exit
from strategy.market.data_hash import data_sha256
from strategy.twin.fidelity import LEVEL, facts
from strategy.twin.generator import fit
from tasks.data.ingest import ingest
from tasks.run.answers import Answer
from tasks.run.job import Job
from tasks.validation.eligible import Use, remarks, usable
from tasks.validation.gate import inspect

#: Enough for a median: its standard error is a twelfth of the paths' spread.
PATHS = 200


class TwinRefused(ValueError):
    """Too little history in common to fit a twin to (exit 2)."""

    exit_code = Exit.USAGE


_FITTING = Use(failing="no twin can be fitted", option="--as-of", refused=TwinRefused)


class FactAnswer(Answer):
    """A stylised fact of a symbol, or of a pair A/B; null where it is undefined."""

    name: str
    symbol: str
    real: float | None
    low: float | None
    high: float | None
    twin: float | None
    passed: bool | None = Field(validation_alias="pass", serialization_alias="pass")


class TwinAnswer(Answer):
    """The answer of `turbodmt twin`."""

    as_of: date
    source: str
    symbols: tuple[str, ...]
    start: date
    end: date
    rows: int
    paths: int
    level: float
    seed: int
    facts: tuple[FactAnswer, ...]
    data_sha256: str
    code_version: str
    warnings: tuple[str, ...]


def twin(job: Job, open_source: Callable[[], BarSource], paths: int = PATHS) -> TwinAnswer:
    """Return the answer of `turbodmt twin`: every stylised fact, real and synthetic, on bars dated `as_of` or earlier.

    Symbols that the data gate holds back are left out with a warning. Raises TwinRefused, NothingPublishable, and what
    the source and the store raise.
    """
    ingest(job, open_source)
    gate = inspect(job, None)
    symbols = usable(job, gate, _FITTING)
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, symbols, until=job.as_of)
    seed = job.policy.recipe.seed
    try:
        fitted = fit(bars)
    except ValueError as error:
        raise TwinRefused(str(error)) from error
    found = facts(bars, fitted, paths=paths, seed=seed)
    unknown = sorted({fact.symbol for fact in found if fact.passed is None})
    return TwinAnswer(
        as_of=job.as_of,
        source=job.source,
        symbols=tuple(symbols),
        start=fitted.first,
        end=fitted.last,
        rows=len(fitted),
        paths=paths,
        level=LEVEL,
        seed=seed,
        facts=tuple(map(FactAnswer.model_validate, found)),
        data_sha256=data_sha256(bars),
        code_version=job.code_version,
        warnings=(*remarks(gate), *_undefined(unknown)),
    )


def _undefined(symbols: list[str]) -> list[str]:
    """Return a warning for symbols with a fact that has no band."""
    if not symbols:
        return []
    return [f"some facts of {', '.join(symbols)} are undefined: a price does not move or too few days are shared"]
