"""Import: all bars of a source through the data gate, and bars that a person releases by hand."""

from collections.abc import Callable, Sequence
from datetime import date

from exchange.ports import BarSource, SourceRefused
from storage.bars import quarantine
from storage.bars.own_columns import changed_columns
from storage.bars.quarantine import Acceptance
from storage.database import connect
from tasks.data.ingest import ingest_all
from tasks.data.stored_bars import FindingAnswer
from tasks.run.answers import Answer
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable, in_words, inspect


class ImportAnswer(Answer):
    """The answer of `turbodmt import`: rows published by symbol, and every finding that holds a symbol back.

    `columns` counts the new and changed values of columns of the user's own, by symbol and column.
    """

    published: dict[str, int]
    columns: dict[str, dict[str, int]]
    quarantined: tuple[FindingAnswer, ...]
    warnings: tuple[str, ...]


def import_bars(
    job: Job, open_source: Callable[[], BarSource], release: tuple[Sequence[tuple[str, date]], str]
) -> ImportAnswer:
    """Return the answer of `turbodmt import`: rows published per symbol, and every finding that holds a symbol back.

    `release` names bars (symbol, date) that are right as they are, and the reason. Bars dated after today are staged
    too, so that the gate can report them. Raises NothingPublishable if no symbol of the source has published bars
    afterwards.
    """
    accepted, reason = release
    for symbol, _ in accepted:
        if symbol not in job.symbols:
            raise SourceRefused(
                f"--accept names {symbol}, which is not among the symbols imported, {', '.join(job.symbols[:5])}; "
                "name it with --symbols"
            )
    with connect(job.home) as store:
        for symbol, day in accepted:
            quarantine.accept(
                store, Acceptance(source=job.source, symbol=symbol, day=day, reason=reason, accepted_at=job.now)
            )
    ingest_all(job, open_source)
    gate = inspect(job, None)
    if len(gate.held_back) == len(job.symbols):
        first = in_words(gate.findings[0])
        rest = len(gate.findings) - 1
        raise NothingPublishable(
            f"no symbol passed the gate, so no bar was published; {first}"
            + (f"; and {rest} more, see `turbodmt bars`" if rest else "")
        )
    with connect(job.home) as store:
        columns = changed_columns(store, job.source, job.now)
    return ImportAnswer(
        columns=columns,
        published={symbol: gate.published.get(symbol, 0) for symbol in job.symbols if symbol not in gate.held_back},
        quarantined=tuple(map(FindingAnswer.model_validate, gate.findings)),
        warnings=tuple(gate.warnings),
    )
