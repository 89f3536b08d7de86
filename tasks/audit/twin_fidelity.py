"""Fidelity of the twin: fit the synthetic paths to the history of the symbols and compare their stylised facts."""

from collections.abc import Callable

from exchange.ports import BarSource
from storage.bars import published as bar_store
from storage.database import connect
from strategy.exit_codes import Exit
from strategy.market.data_hash import data_sha256
from strategy.twin.fidelity import LEVEL, Fact, facts
from strategy.twin.generator import fit
from tasks.data.ingest import ingest
from tasks.run.job import Job
from tasks.validation.eligible import Use, remarks, usable
from tasks.validation.gate import inspect

#: Enough for a median: its standard error is a twelfth of the paths' spread.
PATHS = 200


class TwinRefused(ValueError):
    """Too little history in common to fit a twin to (exit 2)."""

    exit_code = Exit.USAGE


_FITTING = Use(failing="no twin can be fitted", option="--as-of", refused=TwinRefused)


def twin(job: Job, open_source: Callable[[], BarSource], paths: int = PATHS) -> dict[str, object]:
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
    return {
        "as_of": job.as_of.isoformat(),
        "source": job.source,
        "symbols": list(symbols),
        "start": fitted.first.isoformat(),
        "end": fitted.last.isoformat(),
        "rows": len(fitted),
        "paths": paths,
        "level": LEVEL,
        "seed": seed,
        "facts": [_fact_json(fact) for fact in found],
        "data_sha256": data_sha256(bars),
        "code_version": job.code_version,
        "warnings": [*remarks(gate), *_undefined(unknown)],
    }


def _fact_json(fact: Fact) -> dict[str, object]:
    return {
        "name": fact.name,
        "symbol": fact.symbol,
        "real": fact.real,
        "low": fact.low,
        "high": fact.high,
        "twin": fact.twin,
        "pass": fact.passed,
    }


def _undefined(symbols: list[str]) -> list[str]:
    """Return a warning for symbols with a fact that has no band."""
    if not symbols:
        return []
    return [f"some facts of {', '.join(symbols)} are undefined: a price does not move or too few days are shared"]
