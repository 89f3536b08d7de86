"""The account's positions: its snapshots at the close of settled days, and since when it holds what it holds."""

from datetime import date

from storage.database import Connection
from storage.ledger.row_codec import MOST_PASSES, to_snapshot
from strategy.account.state import Snapshot


def snapshots(
    connection: Connection, account: str, *, until: date, last_days: int, until_pass: int = MOST_PASSES
) -> tuple[Snapshot, ...]:
    """Return the newest `last_days` snapshots up to `until`, included, oldest first: of each day the last pass's.

    Of the day `until` itself it is that of the last pass up to `until_pass`.
    """
    rows = connection.execute(
        "SELECT as_of, cash, equity, drawdown, positions, unit_value FROM account_snapshots "
        "WHERE account = $account AND (as_of < $until OR as_of = $until AND pass <= $until_pass) "
        "QUALIFY row_number() OVER (PARTITION BY as_of ORDER BY pass DESC) = 1 ORDER BY as_of DESC LIMIT $last_days",
        {"account": account, "until": until, "until_pass": until_pass, "last_days": last_days},
    ).fetchall()
    return tuple(to_snapshot(row) for row in reversed(rows))


def held_since(connection: Connection, account: str, *, last_days: int) -> dict[str, date]:
    """Return by symbol the first day of the position that the account holds, at most `last_days` account days ago."""
    past = snapshots(connection, account, until=date.max, last_days=last_days)
    found: dict[str, date] = {}
    held = set(past[-1].account.positions) if past else set()
    for snapshot in reversed(past):
        held &= set(snapshot.account.positions)
        found.update(dict.fromkeys(held, snapshot.account.as_of))
    return found


def latest_snapshot(connection: Connection, account: str) -> Snapshot | None:
    """Return the account at its last settled day; None if there is none."""
    newest = snapshots(connection, account, until=date.max, last_days=1)
    return newest[0] if newest else None
