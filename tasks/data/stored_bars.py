"""The bars in the store, and those that the data gate holds back."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

from pydantic import Field

from storage.bars import published as bar_store
from storage.bars import quarantine as quality
from storage.database import connect
from tasks.run.answers import Answer


class FindingAnswer(Answer):
    """A reason for which the gate holds a symbol back; the date is null if it is not of one bar."""

    symbol: str
    open_time: date | None = Field(validation_alias="date", serialization_alias="date")
    value: str
    limit: str
    reason: str


class HeldBarAnswer(Answer):
    """A finding of the gate, and the source that it is about."""

    source: str
    symbol: str
    open_time: date | None = Field(validation_alias="date", serialization_alias="date")
    value: str
    limit: str
    reason: str


class SeriesAnswer(Answer):
    """The published bars of a symbol."""

    source: str
    symbol: str
    rows: int
    first: date
    last: date
    revisions: int


class BarsAnswer(Answer):
    """The answer of `turbodmt bars`."""

    published: tuple[SeriesAnswer, ...]
    quarantined: tuple[HeldBarAnswer, ...]


def stored_bars(home: Path) -> BarsAnswer:
    """Return the answer of `turbodmt bars`."""
    with connect(home) as store:
        published, held = bar_store.published_counts(store), quality.quarantined(store)
    return BarsAnswer(
        published=tuple(map(SeriesAnswer.model_validate, published)),
        quarantined=tuple(
            HeldBarAnswer.model_validate({"source": bar.source, **asdict(bar.finding)}, extra="ignore") for bar in held
        ),
    )
