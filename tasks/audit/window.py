"""Common frame of the audits: the bars that passed the data gate, the answer, and the failure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

import numpy as np
from pydantic import Field

from exchange.ports import BarSource
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.models import champions
from storage.models.panels import Panel
from strategy.audit.lookahead import Checked, Market
from strategy.exit_codes import Exit
from strategy.market.instruments import Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.strategies import Strategy
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.data.used_data import used_sha256
from tasks.run.answers import Answer
from tasks.run.job import Job
from tasks.validation.eligible import Use, remarks, usable
from tasks.validation.gate import inspect

#: The audits that compute twice what must be equal.
Comparison = Literal["lookahead", "parity"]
#: Failed checks that the error message describes; the rest are only counted.
TOLD = 3


class AuditRefused(ValueError):
    """Nothing to audit in the window (exit 2)."""

    exit_code = Exit.USAGE


_AUDITING = Use(failing="nothing can be audited", option="--end-date", refused=AuditRefused)


class AuditFailed(Exception):
    """Two results that must be equal are not (exit 7)."""

    exit_code = Exit.RECONCILIATION


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """The request for an audit: strategies, first day, and how many dates to sample or days to run."""

    strategies: tuple[Strategy, ...]
    start: date | None
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The bars that passed the data gate, up to the job's day, and the account's dates in the window."""

    job: Job
    instruments: Mapping[str, Instrument]
    bars: Market
    dates: tuple[date, ...]
    warnings: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the audited symbols, sorted."""
        return tuple(sorted(self.bars))

    def account_config(self, strategy: Strategy, times: Decimal = Decimal(1)) -> AccountConfig:
        """Return the account config of a strategy on these symbols, with fee and slippage multiplied by `times`."""
        policy = self.job.policy
        policy = replace(policy, strategy=strategy, costs=replace(policy.costs, multiplier=times))
        return policy.account_config(self.job.account, self.symbols, self.instruments)


def audited(job: Job, start: date | None, open_source: Callable[[], BarSource]) -> Audited:
    """Return the market to audit; symbols that the data gate holds back are left out with a warning.

    Raises AuditRefused, NothingPublishable, and what the source and the store raise.
    """
    ingest(job, open_source)
    gate = inspect(job, None)
    symbols = usable(job, gate, _AUDITING)
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, symbols)
    every = account_dates(bars)
    dates = tuple(day for day in every if start is None or start <= day)
    if not dates:
        raise AuditRefused(f"no bar lies between {start} and {job.as_of}; they run from {every[0]} to {every[-1]}")
    return Audited(job=with_series(job), instruments=instruments, bars=bars, dates=dates, warnings=remarks(gate))


def promoted(known: Audited, strategy: Strategy) -> tuple[str | None, tuple[str, ...]]:
    """Return the champion for the job's symbols and no warning, or None and a warning why no model is audited."""
    job = known.job
    if known.symbols != job.symbols:
        return None, (f"a model decides for all of its symbols together, so only the prior of {strategy} was audited",)
    panel = Panel(
        source=job.source,
        symbols=job.symbols,
        strategy=strategy.name,
        strategy_sha256=strategy.version or None,
    )
    with connect(job.home) as store:
        champion = champions.champion(store, panel, trained_until=date.max)
    if champion is None:
        return None, (f"no model of {strategy} is promoted for these symbols, so only its prior was audited",)
    return champion.model_id, ()


def spread(days: Sequence[date], count: int) -> tuple[date, ...]:
    """Return at most `count` of the days, evenly spaced, the last one among them.

    >>> [day.day for day in spread([date(2020, 1, day) for day in range(1, 10)], 3)]
    [1, 5, 9]
    """
    places = np.unique(np.linspace(len(days) - 1, 0, count).round().astype(int))
    return tuple(days[place] for place in places)


class AuditAnswer(Answer):
    """The head of every audit's answer: the data and the code version that it ran on."""

    audit: str
    source: str
    symbols: tuple[str, ...]
    start: date
    end: date
    data_sha256: str
    code_version: str
    seed: int


class CheckAnswer(Answer):
    """A check of an audit, and the first difference that it found."""

    check: str
    strategy: str
    dates: int
    mismatches: int
    first_mismatch: str | None
    passed: bool = Field(validation_alias="pass", serialization_alias="pass")


class ChecksAnswer(AuditAnswer):
    """The answer of `turbodmt audit lookahead` and `parity`."""

    audit: Comparison
    checks: tuple[CheckAnswer, ...]
    passed: bool = Field(validation_alias="pass", serialization_alias="pass")
    warnings: tuple[str, ...]


def answered(
    known: Audited, audit: Comparison, checks: Sequence[Checked], warnings: Sequence[str] = ()
) -> ChecksAnswer:
    """Return the answer of an audit whose checks all passed. Raises AuditFailed, naming the first mismatches."""
    failed = [check for check in checks if not check.passed]
    if failed:
        told = "; ".join(
            f"{check.check} of {check.subject}, {len(check.differences)} mismatches, the first: {check.differences[0]}"
            for check in failed[:TOLD]
        )
        raise AuditFailed(f"{len(failed)} of {len(checks)} checks failed: {told}{'; …' if len(failed) > TOLD else ''}")
    job = known.job
    return ChecksAnswer(
        audit=audit,
        source=job.source,
        symbols=known.symbols,
        start=known.dates[0],
        end=known.dates[-1],
        data_sha256=used_sha256(known.bars, known.job.policy.costs),
        code_version=job.code_version,
        seed=job.policy.recipe.seed,
        checks=tuple(
            CheckAnswer(
                check=check.check,
                strategy=check.subject,
                dates=check.dates,
                mismatches=len(check.differences),
                first_mismatch=check.differences[0] if check.differences else None,
                passed=check.passed,
            )
            for check in checks
        ),
        passed=True,
        warnings=(*known.warnings, *warnings),
    )
