"""Resets of a broker, as an account noticed them: the broker has no record of anything before the newest one."""

from datetime import datetime

from storage.database import Connection
from storage.typed_rows import scalar


def record_reset(connection: Connection, account: str, broker: str, number: int, met_at: datetime) -> None:
    """Record that the takeover of that number followed a reset of the broker. Recording it again is a no-op."""
    connection.execute(
        "INSERT INTO resets (account, broker, number, met_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [account, broker, number, met_at],
    )


def remembers_from(connection: Connection, account: str, broker: str) -> datetime | None:
    """Return the instant from which the broker has records of the account: its newest reset, or the first takeover.

    None if the account never took it over.
    """
    return scalar(
        connection,
        datetime,
        "SELECT max(began) FROM (SELECT met_at AS began FROM resets WHERE account = $account AND broker = $broker "
        "UNION ALL SELECT adopted_at AS began FROM adoptions WHERE account = $account AND broker = $broker "
        "AND number = 1 AND symbol = '')",
        {"account": account, "broker": broker},
    )
