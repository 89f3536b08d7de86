"""Series of interest rates: each rate is written once, and settled days never see another."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from storage.database import Connection, transaction
from strategy.account.dated_rates import DatedRate, RateFault, RatesRefused
from strategy.account.interest_rates import RateSeries

_CHUNK = 5_000


def keep(connection: Connection, series: str, rates: Sequence[DatedRate]) -> None:
    """Store the rates that are new: sorted, each date once.

    A new rate dated after all stored ones, but before a day that an account has already settled, applies from that day
    on, so that no settled day changes. Raises RatesRefused for a stored rate that has changed, and for a new one among
    the stored dates.
    """
    known = _published(connection, series)
    newest = max(known, default=date.min)
    for rate in rates:
        if rate.day in known and known[rate.day] != rate.rate:
            raise RatesRefused(
                RateFault.CHANGED,
                f"{series} had the rate {known[rate.day].normalize():f} on {rate.day} and now has {rate.rate}",
                "accounts were settled on the first; restore it, or give the corrected file another name",
            )
        if rate.day not in known and min(known, default=date.max) < rate.day < newest:
            raise RatesRefused(
                RateFault.CHANGED,
                f"{series} has a new rate on {rate.day}, before {newest}, the newest that is stored",
                "accounts were settled without it; remove it, or give the completed file another name",
            )
    settled = _last_settled(connection)
    rows = [
        (series, rate.day, max(rate.day, settled) if known and rate.day > newest else rate.day, rate.rate)
        for rate in rates
        if rate.day not in known
    ]
    with transaction(connection):
        for start in range(0, len(rows), _CHUNK):
            columns = [list(column) for column in zip(*rows[start : start + _CHUNK], strict=True)]
            connection.execute(
                "INSERT INTO rates SELECT unnest(?::VARCHAR[]), unnest(?::DATE[]), unnest(?::DATE[]), "
                "unnest(?::DECIMAL(38, 12)[])",
                columns,
            )


def load(connection: Connection, series: str) -> RateSeries | None:
    """Return the stored series; None if there is none. Of several rates from one day on, the newest counts."""
    found = connection.execute(
        "SELECT day, rate FROM rates WHERE series = ? "
        "QUALIFY row_number() OVER (PARTITION BY day ORDER BY published DESC) = 1 ORDER BY day",
        [series],
    ).fetchall()
    if not found:
        return None
    return RateSeries(name=series, dates=tuple(day for day, _ in found), rates=tuple(rate for _, rate in found))


def newest_published(connection: Connection, series: str) -> date | None:
    """Return the date of the newest rate as its source dates it; None without any."""
    return max(_published(connection, series), default=None)


def _published(connection: Connection, series: str) -> dict[date, Decimal]:
    rows = connection.execute("SELECT published, rate FROM rates WHERE series = ?", [series]).fetchall()
    return dict(rows)


def _last_settled(connection: Connection) -> date:
    row = connection.execute("SELECT max(as_of) FROM account_snapshots").fetchone()
    return row[0] if row and row[0] else date.min
