"""The accounts in the store, and their complete deletion."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from storage.database import Connection, transaction
from storage.typed_rows import column

#: Values of `runs.account` that name a command instead of an account.
_NO_ACCOUNT = ("train", "import", "backtest", "twin", "audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account: the command that writes it, its first and last day (None before its first), and its newest equity."""

    account: str
    command: str
    first: date | None
    last: date | None
    equity: Decimal | None


def names(connection: Connection) -> tuple[str, ...]:
    """Return every account that has a settled day or a run, by name."""
    return column(
        connection,
        "SELECT account FROM account_snapshots UNION SELECT account FROM runs WHERE NOT list_contains(?, account) "
        "ORDER BY account",
        [list(_NO_ACCOUNT)],
    )


def known(connection: Connection) -> tuple[KnownAccount, ...]:
    """Return every account with its span and its newest equity, by name."""
    rows = connection.execute(
        "SELECT account, min(as_of), max(as_of), arg_max(equity, (as_of, pass)) FROM account_snapshots GROUP BY account"
    ).fetchall()
    days = {row[0]: row[1:] for row in rows}
    commands = dict(
        connection.execute("SELECT account, arg_min(command, started_at) FROM runs GROUP BY account").fetchall()
    )
    return tuple(
        KnownAccount(
            account=name,
            command=commands.get(name, "daily"),
            first=days[name][0] if name in days else None,
            last=days[name][1] if name in days else None,
            equity=days[name][2] if name in days else None,
        )
        for name in names(connection)
    )


def forget(connection: Connection, account: str) -> dict[str, int]:
    """Delete the account from every table that has a column for it; return how many rows were deleted, by table.

    Trials belong to symbols and windows, not to accounts: they stay counted.
    """
    return _deleted(connection, "account", account, _tables_with(connection, "account"))


def forget_bars(connection: Connection, source: str) -> dict[str, int]:
    """Delete bars, validations, calendars and universe of a source; return how many rows were deleted, by table.

    Decisions, models, promotions, folds, trials and saved backtests that name the source stay.
    """
    kept = {
        *("decisions", "models", "promotions", "verdicts", "folds", "fold_signals", "trials", "explanations"),
        "saved_backtests",
    }
    tables = tuple(table for table in _tables_with(connection, "source") if table not in kept)
    return _deleted(connection, "source", source, tables)


def deciding(connection: Connection, source: str) -> tuple[str, ...]:
    """Return the accounts that have decided on bars of the source, by name."""
    return column(connection, "SELECT DISTINCT account FROM decisions WHERE source = ? ORDER BY account", [source])


def _tables_with(connection: Connection, name: str) -> tuple[str, ...]:
    """Return the tables that have a column of the name, including those of later migrations."""
    return column(
        connection,
        "SELECT table_name FROM duckdb_columns() WHERE column_name = ? AND schema_name = 'main' AND NOT internal "
        # Views are listed with columns too, but hold no rows of their own.
        "AND table_oid IN (SELECT table_oid FROM duckdb_tables()) ORDER BY table_name",
        [name],
    )


def _deleted(connection: Connection, key: str, value: str, tables: tuple[str, ...]) -> dict[str, int]:
    counts = {}
    with transaction(connection):
        for table in tables:
            found = connection.execute(f'DELETE FROM "{table}" WHERE {key} = ?', [value]).fetchone()  # noqa: S608
            if found and found[0]:
                counts[table] = int(found[0])
    return counts
