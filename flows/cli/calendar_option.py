"""`--calendar NAME`: the calendar of the symbols, for this run and all later ones."""

from collections.abc import Mapping
from datetime import date

from exchange.ports import BarRequest, BarSource
from exchange.sessions.calendars import calendar_named
from exchange.sessions.weekdays import observed
from flows.config.settings import load
from flows.config.spelling import NAMED_SOURCES
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source
from flows.planning.plan import RequestRefused, wanted_symbols
from storage.bars import instruments as instrument_store
from storage.bars.named_calendars import forget_calendars, keep_calendars
from storage.database import connect
from strategy.market.instruments import OBSERVED, Calendar

#: Value of --calendar that goes back to the calendar the source knows, or its dates suggest.
INFERRED = "inferred"


def with_calendar(given: Mapping[str, object], name: str | None) -> Mapping[str, object]:
    """Store the calendar for the symbols of the options, unless it is None, and return the options unchanged.

    Raises RequestRefused for an unknown name, and what the source raises.
    """
    if name is None:
        return given
    try:
        calendar = None if name.strip().lower() == INFERRED else calendar_named(name)
    except ValueError as error:
        raise RequestRefused(f"--calendar is {name!r}: {error}; {INFERRED} takes a name back") from error
    settings = load(given)
    source = open_source(settings)
    symbols = wanted_symbols(settings, source)
    # Refuse a symbol that the source does not have before anything is stored.
    source.instruments(symbols)
    named = {} if calendar is None else _of_each(source, symbols, calendar)
    with connect(settings.home) as store:
        forget_calendars(store, source.name, symbols)
        keep_calendars(store, source.name, named, clock())
    # A reopened source uses the new calendars; a streaming source is not queried again for known symbols.
    fresh = open_source(settings).instruments(symbols)
    with connect(settings.home) as store:
        instrument_store.save(store, source.name, fresh)
    return given


def file_options(given: Mapping[str, object], file: str) -> Mapping[str, object]:
    """Return the options for what `turbodmt import FILE` reads; configured symbols do not apply to a file."""
    if file in NAMED_SOURCES:
        return {**given, "source": file}
    return {**given, "source": f"file:{file.removeprefix('file:')}", "symbols": given.get("symbols") or ()}


def _of_each(source: BarSource, symbols: tuple[str, ...], calendar: Calendar) -> dict[str, Calendar]:
    """Return the calendar of each symbol; for observed dates, by how many days of the week have bars."""
    if calendar.value != OBSERVED:
        return dict.fromkeys(symbols, calendar)
    bars = source.fetch(BarRequest(since=dict.fromkeys(symbols), until=date.max, now=clock()))
    dates = {symbol: rows["open_time"].dropna() for symbol, rows in bars.groupby("symbol")}
    lacking = [symbol for symbol in symbols if symbol not in dates or not len(dates[symbol])]
    if lacking:
        raise RequestRefused(f"--calendar is {OBSERVED!r}, and {source.name} has no dated bar of {lacking[0]}")
    return {symbol: observed(dates[symbol].to_numpy().astype("datetime64[D]")) for symbol in symbols}
