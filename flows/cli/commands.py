"""Bodies of commands, run after their options are read: settings, source, job, answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from flows.cli.console import quiet_logs, tell
from flows.cli.prefect_run import prepare_run
from flows.config.paths import expanded
from flows.config.settings import NAMED_SOURCES, load
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source, source_factory
from flows.planning.plan import (
    Request,
    RequestRefused,
    between,
    day,
    plan,
    strategies_named,
    wanted_symbols,
)
from flows.server.availability import served
from strategy.signals.outlook import Strategy

Json = dict[str, Any]
Given = Mapping[str, object]


def run_train(given: Given, as_of: str | None) -> Json:
    """Run the training flow under Prefect and return its answer."""
    wanted = day(as_of, "--as-of")
    settings = load(given)
    plan(settings, open_source(settings), Request(account="train", as_of=wanted, clock=clock()))
    prepare_run(settings.home)
    from flows.runs.training_progress import training_told
    from flows.train import train

    symbols = list(settings.symbols) or None
    with served(settings.home), training_told():
        text = train(as_of=wanted, source=settings.source, symbols=symbols, home=settings.home)
    return dict(json.loads(text))


def run_models(given: Given) -> Json:
    """Return the registry, filtered by the options; the settings do not filter it."""
    settings = load(given)
    from tasks.operations.promote import Filter, Panel, models_json

    wanted = Filter(
        source=open_source(settings).name if given.get("source") else None,
        symbols=settings.symbols if given.get("symbols") else None,
    )
    return models_json(settings.home, wanted, Panel(source=settings.source, symbols=settings.symbols))


def run_promote(given: Given, model: str, reason: str) -> Json:
    """Promote a model, which has its symbols on record, or the prior for the symbols of the settings."""
    settings = load(given)
    from tasks.operations.promote import Panel, promote, promote_prior

    if model == "prior":
        source = open_source(settings)
        panel = Panel(source=source.name, symbols=wanted_symbols(settings, source))
        return promote_prior(settings.home, panel, reason, clock())
    if given.get("source") or given.get("symbols"):
        raise RequestRefused(f"model {model} knows its source and symbols; leave out --source and --symbols")
    return promote(settings.home, model, reason, clock())


def run_twin(given: Given, as_of: str | None) -> Json:
    """Return how faithful the twin of the symbols is, judged on bars up to the day; without Prefect or an account."""
    wanted = day(as_of, "--as-of")
    settings = load(given)
    job = plan(settings, open_source(settings), Request(account="twin", as_of=wanted, clock=clock()))
    quiet_logs()
    from tasks.audit.twin_fidelity import twin

    return twin(job, source_factory(settings))


def run_backtest(given: Given, window: tuple[str | None, str | None, str | None], folder: str | None) -> Json:
    """Return the answer of a backtest; without Prefect server or account."""
    names, request = window[0], between("backtest", window[1], window[2])
    settings = load(given)
    strategies = _strategies(settings.strategy if names is None else names)
    settings = load({**given, "strategy": strategies[0]})
    job = plan(settings, open_source(settings), request)
    results = None if folder is None else results_folder(folder)
    # The answer holds all warnings of the steps.
    quiet_logs()
    from flows.runs.training_progress import training_told
    from tasks.backtest.answer import backtest_json
    from tasks.backtest.export import save
    from tasks.backtest.run import Window, backtest

    with training_told():
        tested = backtest(job, Window(strategies=strategies, start=request.since), source_factory(settings), tell)
    return backtest_json(tested, save(tested, results) if results is not None else ())


def results_folder(text: str) -> Path:
    """Create the folder if needed and check that it is writable; raise RequestRefused before anything is computed."""
    from storage.errors import StoreReadOnly
    from storage.files import temporary_beside, write_whole

    if not text:
        raise RequestRefused("--save-results is ''; it must be the path of a folder")
    folder = expanded(Path(text))
    try:
        # An existing folder proves nothing: only writing a file shows that more files can be created.
        write_whole(temporary_beside(folder / "writable"), b"").unlink()
    except (StoreReadOnly, OSError) as error:
        raise RequestRefused(f"--save-results is {text!r}, which cannot be written; name a writable folder") from error
    return folder


def _strategies(names: str) -> tuple[Strategy, ...]:
    """Return the named strategies, with buy and hold added beside a single one."""
    wanted = list(strategies_named(names))
    return tuple(wanted if len(wanted) > 1 or wanted == [Strategy.HOLD] else [*wanted, Strategy.HOLD])


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
