"""Build bar sources and brokers from settings. Factories are passed on, never open connections."""

from functools import lru_cache, partial
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from flows.config.instrument_file import SYMBOLS, InstrumentFileRefused, calendars_of
from flows.config.paths import expanded
from flows.config.settings import Settings
from flows.config.wall_clock import clock
from flows.planning.api_keys import testnet_keys
from strategy.market.instrument_terms import INSTRUMENT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from exchange.ports import BarSource, Broker
    from strategy.market.instruments import Calendar


def open_source(settings: Settings) -> "BarSource":
    """Return the bar source that the settings name, with the calendars and delistings that a person has stated.

    A calendar named with --calendar rules over that of instruments.toml. Raises SourceRefused, InstrumentFileRefused.
    """
    from exchange.sessions.known_delistings import KnownDelistings
    from exchange.sessions.named_calendars import NamedCalendars
    from storage.bars.instruments import paid_out
    from storage.bars.named_calendars import load_calendars
    from storage.database import DATABASE_NAME, connect

    source: BarSource = _adapter(settings)
    named = _stated_calendars(settings)
    if (settings.home / DATABASE_NAME).is_file():
        with connect(settings.home) as store:
            named |= load_calendars(store, source.name)
            delisted = paid_out(store, source.name)
        source = KnownDelistings(behind=source, delisted=delisted) if delisted else source
    return NamedCalendars(behind=source, calendars=named) if named else source


def _stated_calendars(settings: Settings) -> "dict[str, Calendar]":
    """Return the calendars that instruments.toml states. Raises InstrumentFileRefused for an unknown one."""
    if not (stated := calendars_of(settings.instruments)):
        return {}
    from exchange.sessions.calendars import calendar_named

    named = {}
    for symbol, name in stated.items():
        try:
            named[symbol] = calendar_named(name)
        except ValueError as error:
            raise InstrumentFileRefused(
                f"{INSTRUMENT_FILE}: {SYMBOLS}.{symbol}: calendar is {name!r}", str(error)
            ) from error
    return named


def _adapter(settings: Settings) -> "BarSource":
    """Return the source's adapter, imported here so that unused adapters cost no start-up time."""
    if settings.source == "sample":
        from exchange.bars.sample import SampleBars

        return SampleBars()
    if settings.source == "binance":
        from exchange.bars.binance_klines import BinanceBars

        return BinanceBars()
    if settings.source == "binance-futures":
        from exchange.bars.binance_futures_klines import BinanceFutures

        return BinanceFutures()
    if settings.source == "yahoo":
        from exchange.bars.yahoo import YahooBars

        return YahooBars()
    path, symbol = _file_of(settings), settings.symbols[0] if len(settings.symbols) == 1 else None
    try:
        found = path.stat()
    except OSError:
        # The adapter says what is wrong with the path.
        return _file_bars(path, symbol, None)
    return _file_bars(path, symbol, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=1)
def _file_bars(path: Path, symbol: str | None, version: "tuple[int, ...] | None") -> "BarSource":  # noqa: ARG001
    """Return the adapter of the file as it is now: planning and fetching read a file of many symbols once.

    Raises SourceRefused.
    """
    from exchange.bars.files import FileBars

    return FileBars(path, symbol)


def _file_of(settings: Settings) -> Path:
    """Return the path of the file as the user names it, which is its name in the store.

    Older versions named a file behind a linked folder by its resolved path; it keeps that name if the store has bars of
    it and none of the other. A path that is itself a link is not resolved: it may point to another file tomorrow.
    """
    named = Path(normpath(expanded(Path(settings.source.removeprefix("file:")))))
    led_to = named.resolve()
    if led_to == named or named.is_symlink():
        return named
    from storage.bars.published import is_known
    from storage.database import DATABASE_NAME, connect

    if not (settings.home / DATABASE_NAME).is_file():
        return named
    with connect(settings.home) as store:
        goes_on = is_known(store, f"file:{led_to}") and not is_known(store, f"file:{named}")
    return led_to if goes_on else named


def broker_factory(settings: Settings) -> "Callable[[datetime], Broker]":
    """Return a factory of the broker that the settings name. Raises KeysMissing, PrefectUnreachable."""
    if settings.broker == "paper":
        from exchange.brokers.paper import PaperBroker

        return PaperBroker
    from exchange.brokers.testnet_client import Wire

    keys, wire = testnet_keys(settings.home), Wire(clock=clock)
    if settings.broker == "testnet-spot":
        from exchange.brokers.binance_spot import SpotTestnet

        return lambda _: SpotTestnet(keys, wire)
    from exchange.brokers.binance_futures import FuturesTestnet

    return lambda _: FuturesTestnet(keys, wire, leverage=int(settings.max_position_size) + 1)


def source_factory(settings: Settings) -> "Callable[[], BarSource]":
    """Return a factory of the settings' source, for a task to call."""
    return partial(open_source, settings)
