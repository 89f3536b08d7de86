"""Funding of perpetual futures: each payment is written once, and settled days never see another."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from storage.database import Connection, transaction
from storage.typed_rows import records
from strategy.market.funding_rates import (
    Funding,
    FundingFault,
    FundingRate,
    FundingRefused,
    FundingSeries,
    told,
)

_CHUNK = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def keep(connection: Connection, source: str, rates: Mapping[str, Sequence[FundingRate]]) -> None:
    """Store the payments that are new, by symbol: sorted, each instant once.

    Raises FundingRefused for a stored payment that has changed, and for a new one among the stored ones; then nothing
    is stored.
    """
    rows = [
        (source, symbol, rate.at, rate.rate, rate.mark)
        for symbol, series in rates.items()
        for rate in _new(source, symbol, series, _stored(connection, source, symbol))
    ]
    with transaction(connection):
        for start in range(0, len(rows), _CHUNK):
            columns = [list(column) for column in zip(*rows[start : start + _CHUNK], strict=True)]
            connection.execute(
                "INSERT INTO funding_rates SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
                "unnest(?::TIMESTAMPTZ[]), unnest(?::DECIMAL(38, 12)[]), unnest(?::DECIMAL(38, 12)[])",
                columns,
            )


def load(connection: Connection, source: str, symbols: Sequence[str]) -> Funding:
    """Return the stored payments of the symbols; one without any is absent."""
    found = {symbol: tuple(_stored(connection, source, symbol).values()) for symbol in sorted(symbols)}
    return Funding(
        series={symbol: FundingSeries(symbol=symbol, rates=rates) for symbol, rates in found.items() if rates}
    )


def newest(connection: Connection, source: str, symbols: Sequence[str]) -> dict[str, datetime]:
    """Return the instant of the newest stored payment of each symbol; one without any is absent."""
    rows = records(
        connection,
        "SELECT symbol, max(paid_at) AS newest FROM funding_rates WHERE source = ? AND list_contains(?, symbol) "
        "GROUP BY symbol ORDER BY symbol",
        [source, list(symbols)],
    )
    return {row["symbol"]: row["newest"].astimezone(UTC) for row in rows}


def _new(
    source: str, symbol: str, rates: Sequence[FundingRate], known: Mapping[datetime, FundingRate]
) -> list[FundingRate]:
    first, last = min(known, default=None), max(known, default=None)
    fresh = []
    for rate in rates:
        if rate.at in known:
            _demand_same(source, symbol, known[rate.at], rate)
        elif first is not None and last is not None and first < rate.at < last:
            raise FundingRefused(
                FundingFault.CHANGED,
                f"{source} has a new funding rate of {symbol} at {told(rate.at)}, before {told(last)}, the newest that "
                "is stored",
                "accounts were settled without it; remove it, or give the completed bars and rates another name",
            )
        else:
            fresh.append(rate)
    return fresh


def _demand_same(source: str, symbol: str, known: FundingRate, rate: FundingRate) -> None:
    """Raise FundingRefused if the payment differs from the stored one; a mark that is left out does not."""
    if rate.rate != known.rate or (rate.mark is not None and rate.mark != known.mark):
        raise FundingRefused(
            FundingFault.CHANGED,
            f"{source} had the funding rate {_both(known)} of {symbol} at {told(known.at)} and now has {_both(rate)}",
            "accounts were settled on the first; restore it, or give the corrected bars and rates another name",
        )


def _both(rate: FundingRate) -> str:
    return f"{rate.rate.normalize():f}" + (f" at the mark {rate.mark.normalize():f}" if rate.mark else "")


def _stored(connection: Connection, source: str, symbol: str) -> dict[datetime, FundingRate]:
    # As whole microseconds: zoned instants come back far more slowly.
    rows = connection.execute(
        "SELECT epoch_us(paid_at), rate, mark FROM funding_rates WHERE source = ? AND symbol = ? ORDER BY paid_at",
        [source, symbol],
    ).fetchall()
    stamps = (_EPOCH + timedelta(microseconds=stamp) for stamp, _, _ in rows)
    return {at: FundingRate(at=at, rate=rate, mark=mark) for at, (_, rate, mark) in zip(stamps, rows, strict=True)}
