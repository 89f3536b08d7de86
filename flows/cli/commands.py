"""Bodies of commands, run after their options are read: settings, source, job, answer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from flows.cli.console import quiet_logs
from flows.config.settings import NAMED_SOURCES, load
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source, source_factory
from flows.planning.plan import (
    Request,
    RequestRefused,
    day,
    plan,
)

Json = dict[str, Any]
Given = Mapping[str, object]


def run_import(given: Given, file: str, release: tuple[Sequence[str], str | None]) -> Json:
    """Return what the data gate published of a file or a named source, and what it holds back.

    Raises NothingPublishable if nothing is left.
    """
    if file in NAMED_SOURCES:
        settings = load({**given, "source": file})
    else:
        # Ignore the configured symbols: import whatever the file contains.
        path = file.removeprefix("file:")
        settings = load({**given, "source": f"file:{path}", "symbols": given.get("symbols") or ()})
    source = open_source(settings)
    accepted = tuple(_acceptance(text) for text in release[0])
    if accepted and not (release[1] or "").strip():
        raise RequestRefused("--accept needs a --reason; say why the bar is right as it is")
    if release[1] and not accepted:
        raise RequestRefused(f"--reason is {release[1]!r} without --accept; name the bar that is right, as SYMBOL:DATE")
    job = plan(settings, source, Request(account="import", as_of=None, clock=clock()))
    quiet_logs()
    from tasks.operations.import_bars import import_bars

    return import_bars(replace(job, now=clock()), source_factory(settings), (accepted, release[1] or ""))


def _acceptance(text: str) -> tuple[str, date]:
    symbol, _, when = text.rpartition(":")
    if not symbol:
        raise RequestRefused(f"--accept is {text!r}; it must be SYMBOL:DATE, such as GOOGL:2008-09-30")
    accepted = day(when, "--accept")
    assert accepted is not None, "a text was given"
    return symbol, accepted


def run_bars(given: Given) -> Json:
    """Return the bars in the store, and those that the data gate holds back."""
    from storage.bars import published as bar_store
    from storage.bars import quarantine as quality
    from storage.database import connect

    with connect(load(given).home) as store:
        published, held = bar_store.published_counts(store), quality.quarantined(store)
    return {
        "published": [{**asdict(one), "first": str(one.first), "last": str(one.last)} for one in published],
        "quarantined": [
            {
                "source": one.source,
                "symbol": one.finding.symbol,
                "date": str(one.finding.open_time) if one.finding.open_time else None,
                "value": one.finding.value,
                "limit": one.finding.limit,
                "reason": one.finding.reason,
            }
            for one in held
        ],
    }
