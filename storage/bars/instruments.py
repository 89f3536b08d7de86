"""Instruments by source: lots, ticks, limits, calendar and listing dates of each symbol."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from storage.bars import universe
from storage.database import Connection, transaction
from storage.typed_rows import read_all
from strategy.account.money import quantised
from strategy.market.instruments import Instrument

_COLUMNS = (
    "symbol, calendar, lot, tick, shortable, listed_from, listed_to, min_quantity, max_quantity, min_notional, "
    "max_notional, base, quote, currency, perpetual"
)

#: What a person says of a delisting rules over what the source says.
_READ = (
    _COLUMNS.replace("listed_to", "coalesce(delistings.day, listed_to) AS listed_to")
    + ", delistings.price AS last_price FROM instruments LEFT JOIN delistings USING (source, symbol)"
)


def save(connection: Connection, source: str, instruments: Sequence[Instrument]) -> None:
    """Store the source's instruments as given, replacing those of the same symbols.

    The end of one of which a person has recorded the delisting stays as the source has stated it.
    """
    with transaction(connection):
        symbols = [instrument.symbol for instrument in instruments]
        known = set(map(_row, _known(connection, source, symbols)))
        own = _stated_ends(connection, source, symbols)
        for instrument in instruments:
            told = instrument.last_price is not None
            stated = replace(instrument, listed_to=own.get(instrument.symbol), last_price=None) if told else instrument
            row = _row(stated)
            if row not in known:
                connection.execute(
                    f"INSERT OR REPLACE INTO instruments (source, {_COLUMNS}) "  # noqa: S608 - names of this module alone
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [source, *row],
                )


def load(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, Instrument]:
    """Return the source's instrument of each symbol, with its universe memberships; unknown symbols are absent.

    The delisting that a person has recorded rules over that of the source.
    """
    known = {instrument.symbol: instrument for instrument in _known(connection, source, symbols)}
    kept = universe.load(connection, source)
    if kept is None:
        return known
    return {symbol: replace(instrument, memberships=kept.get(symbol, ())) for symbol, instrument in known.items()}


def find(connection: Connection, source: str | None, symbols: Sequence[str]) -> dict[str, Instrument]:
    """Return the source's instrument of each symbol, or else that of the first other source by name that has it.

    With source None the first source by name counts. Unknown symbols are absent.
    """
    found = read_all(
        connection,
        Instrument,
        f"SELECT {_READ} "  # noqa: S608 - names of this module alone
        "WHERE list_contains(?, symbol) QUALIFY row_number() OVER "
        "(PARTITION BY symbol ORDER BY source IS DISTINCT FROM ?, source) = 1 ORDER BY symbol",
        [list(symbols), source],
    )
    return {instrument.symbol: instrument for instrument in found}


def paid_out(connection: Connection, source: str) -> dict[str, Instrument]:
    """Return the source's instruments of whose delisting a person has said the price, by symbol."""
    select = f"SELECT {_READ} WHERE source = ? AND delistings.price IS NOT NULL ORDER BY symbol"
    return {instrument.symbol: instrument for instrument in read_all(connection, Instrument, select, [source])}


def bases(connection: Connection, symbols: Sequence[str]) -> dict[str, str]:
    """Return the base asset of each symbol, from whichever source's instrument names one; others are absent."""
    rows = connection.execute(
        "SELECT symbol, max(base) FROM instruments WHERE list_contains(?, symbol) AND base IS NOT NULL GROUP BY symbol "
        "ORDER BY symbol",
        [list(symbols)],
    ).fetchall()
    return dict(rows)


def quote(connection: Connection, source: str, symbols: Sequence[str]) -> str:
    """Return the asset in which the source's symbols are paid; empty if none of them names one, or they differ."""
    rows = connection.execute(
        "SELECT DISTINCT quote FROM instruments WHERE source = ? AND list_contains(?, symbol) AND quote IS NOT NULL",
        [source, list(symbols)],
    ).fetchall()
    return str(rows[0][0]) if len(rows) == 1 else ""


def _stated_ends(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, date | None]:
    """Return the end of each known symbol as the source itself has stated it."""
    rows = connection.execute(
        "SELECT symbol, listed_to FROM instruments WHERE source = ? AND list_contains(?, symbol)",
        [source, list(symbols)],
    ).fetchall()
    return dict(rows)


def _known(connection: Connection, source: str, symbols: Sequence[str]) -> tuple[Instrument, ...]:
    return read_all(
        connection,
        Instrument,
        f"SELECT {_READ} WHERE source = ? AND list_contains(?, symbol) ORDER BY symbol",
        [source, list(symbols)],
    )


def _row(instrument: Instrument) -> tuple[Any, ...]:
    """Return the instrument as a row, in the order of the columns."""
    most, dearest = (
        None if size is None else quantised(size) for size in (instrument.max_quantity, instrument.max_notional)
    )
    return (
        *(
            instrument.symbol,
            str(instrument.calendar),
            quantised(instrument.lot),
            quantised(instrument.tick),
            instrument.shortable,
        ),
        *(
            instrument.listed_from,
            instrument.listed_to,
            quantised(instrument.min_quantity),
            most,
            quantised(instrument.min_notional),
            dearest,
        ),
        *(instrument.base or None, instrument.quote or None, instrument.currency, instrument.perpetual),
    )
