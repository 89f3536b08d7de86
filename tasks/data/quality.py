"""The history of the data gate: what was checked on which day, what failed, and what a person has accepted."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import Field

from storage.bars import quarantine
from storage.database import connect
from tasks.data.stored_bars import HeldBarAnswer
from tasks.run.answers import Answer


class FailedCheckAnswer(Answer):
    """An expectation that a symbol's bars broke on a day of checks: the symbol was held back for it."""

    symbol: str
    expectation: str
    findings: int


class CheckedDayAnswer(Answer):
    """The checks of one day, in UTC, on the bars of one source: symbols, checks made, and those that failed."""

    day: date
    source: str
    symbols: int
    checks: int
    failed: tuple[FailedCheckAnswer, ...]


class AcceptedBarAnswer(Answer):
    """A bar that a person has confirmed, and why."""

    source: str
    symbol: str
    day: date = Field(validation_alias="date", serialization_alias="date")
    reason: str
    accepted_at: str


class QualityAnswer(Answer):
    """The answer of `turbodmt quality`: the newest days of checks, newest first, and what is held back now."""

    days: tuple[CheckedDayAnswer, ...]
    held_back: tuple[HeldBarAnswer, ...]
    accepted: tuple[AcceptedBarAnswer, ...]
    warnings: tuple[str, ...]


def quality(home: Path, source: str | None, symbols: Sequence[str] | None, last: int) -> QualityAnswer:
    """Return the answer of `turbodmt quality`: of one source or all, of some symbols or all, `last` days at most."""
    with connect(home) as store:
        checked = quarantine.checked_days(store, source, symbols, last)
        failed = quarantine.failed_checks(
            store, source, symbols, since=min((each.day for each in checked), default=None)
        )
        held = quarantine.quarantined(store, source)
        accepted = quarantine.acceptances(store, source, symbols)
    return QualityAnswer(
        days=tuple(
            CheckedDayAnswer(
                day=each.day,
                source=each.source,
                symbols=each.symbols,
                checks=each.checks,
                failed=tuple(
                    FailedCheckAnswer(symbol=one.symbol, expectation=one.expectation, findings=one.findings)
                    for one in failed
                    if (one.day, one.source) == (each.day, each.source)
                ),
            )
            for each in checked
        ),
        held_back=tuple(
            HeldBarAnswer(
                source=bar.source,
                symbol=bar.finding.symbol,
                open_time=bar.finding.open_time,
                value=bar.finding.value,
                limit=bar.finding.limit,
                reason=bar.finding.reason,
            )
            for bar in held
            if symbols is None or bar.finding.symbol in symbols
        ),
        accepted=tuple(
            AcceptedBarAnswer(
                source=one.source,
                symbol=one.symbol,
                day=one.day,
                reason=one.reason,
                accepted_at=one.accepted_at.isoformat(timespec="seconds"),
            )
            for one in accepted
        ),
        warnings=(),
    )
