"""`turbodmt import`: pass the bars of a file or a source through the data gate."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import listed, quiet_logs, run_command, sections, warned
from flows.cli.data.held_back import shown_held_back
from flows.cli.options import AsJson, Calendar, Home

if TYPE_CHECKING:
    from tasks.operations.import_bars import ImportAnswer


def import_bars(
    file: Annotated[str, typer.Argument(help="A csv or parquet file of daily bars, or sample, binance or yahoo.")],
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbol", "--symbols", metavar="A,B", help="Which symbols; the one of a file that has no column of them."
        ),
    ] = None,
    accept: Annotated[list[str] | None, typer.Option(metavar="SYMBOL:DATE", help="Release a bar by hand.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is released.")] = None,
    calendar: Calendar = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Pass bars through the gate: published whole per symbol, or quarantined with the reasons."""
    from flows.cli.calendar_option import file_options, with_calendar

    def answer() -> "ImportAnswer":
        given = {"symbols": symbols, "home": home}
        with_calendar(file_options(given, file), calendar)
        return run_import(given, file, (accept or [], reason))

    run_command(answer, shown_import, as_json)


def run_import(given: Mapping[str, object], file: str, release: tuple[Sequence[str], str | None]) -> "ImportAnswer":
    """Return what the data gate published of a file or a named source, and what it holds back.

    Raises NothingPublishable if nothing is left.
    """
    from dataclasses import replace

    from flows.cli.calendar_option import file_options
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source, source_factory
    from flows.planning.plan import Request, outline
    from tasks.operations.import_bars import import_bars as import_job

    settings = load(file_options(given, file))
    source = open_source(settings)
    accepted = _accepted(*release)
    job = outline(settings, source, Request(account="import", as_of=None, clock=clock()))
    quiet_logs()
    return import_job(replace(job, now=clock()), source_factory(settings), (accepted, release[1] or ""))


def _accepted(texts: Sequence[str], reason: str | None) -> tuple[tuple[str, date], ...]:
    """Return the bars to release. Raises RequestRefused for a bar without a reason, or a reason without a bar."""
    from flows.planning.plan import RequestRefused

    accepted = tuple(_acceptance(text) for text in texts)
    if accepted and not (reason or "").strip():
        raise RequestRefused("--accept needs a --reason; say why the bar is right as it is")
    if reason and not accepted:
        raise RequestRefused(f"--reason is {reason!r} without --accept; name the bar that is right, as SYMBOL:DATE")
    return accepted


def _acceptance(text: str) -> tuple[str, date]:
    from flows.planning.plan import RequestRefused, day

    symbol, _, when = text.rpartition(":")
    if not symbol:
        raise RequestRefused(f"--accept is {text!r}; it must be SYMBOL:DATE, such as GOOGL:2008-09-30")
    accepted = day(when, "--accept")
    assert accepted is not None, "a text was given"
    return symbol, accepted


def shown_import(answer: "ImportAnswer") -> str:
    """Return an import in words: the bars published and those held back."""
    published = [{"symbol": symbol, "rows": rows} for symbol, rows in answer.published.items() if rows]
    columns = [
        {"symbol": symbol, "column": name, "values": count}
        for symbol, found in answer.columns.items()
        for name, count in found.items()
    ]
    idle = [symbol for symbol, rows in answer.published.items() if not rows and symbol not in answer.columns]
    return sections(
        listed("Published", published, ("symbol", "rows")),
        listed("New or changed in columns of yours", columns, ("symbol", "column", "values")),
        f"Nothing new of {', '.join(idle)}; published before." if idle else "",
        shown_held_back([(finding.symbol, finding) for finding in answer.quarantined]),
        warned(answer),
    )
