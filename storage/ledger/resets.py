"""The resets of a broker that an account has met: what happened there before the newest one, the broker cannot know."""

from datetime import UTC, datetime

from storage.database import Connection


def record_reset(connection: Connection, account: str, broker: str, number: int, met_at: datetime) -> None:
    """Record that the adoption of that number was made because the broker had been reset; once."""
    connection.execute(
        "INSERT INTO resets (account, broker, number, met_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [account, broker, number, met_at],
    )


def remembers_from(connection: Connection, account: str, broker: str) -> datetime | None:
    """Return since when the broker can know of the account's orders: its newest reset, or the first adoption.

    None where the account never adopted it.
    """
    row = connection.execute(
        "SELECT max(began) FROM (SELECT met_at AS began FROM resets WHERE account = $account AND broker = $broker "
        "UNION ALL SELECT adopted_at AS began FROM adoptions WHERE account = $account AND broker = $broker "
        "AND number = 1 AND symbol = '')",
        {"account": account, "broker": broker},
    ).fetchone()
    return row[0].astimezone(UTC) if row and row[0] is not None else None
