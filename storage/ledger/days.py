"""An account's decisions, fills, entries and snapshots by day, each row written once under its natural key."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from storage.database import Connection, transaction
from storage.keyed_rows import insert_once
from storage.ledger.orders import advance
from storage.ledger.row_codec import (
    DECISIONS,
    ENTRIES,
    FILLS,
    FIRST_PASS,
    FX_RATES,
    MOST_PASSES,
    PASSES,
    SNAPSHOTS,
    DayPass,
    Provenance,
    decision_row,
    entry_row,
    fill_row,
    fx_row,
    pass_row,
    select_fills,
    snapshot_row,
    to_pass,
)
from storage.typed_rows import column, read_all, read_first, scalar
from strategy.account.orders import Fill, ReasonCode
from strategy.account.state import Entry, EntryKind
from strategy.backtest.day_loop import Day
from strategy.market.currencies import FxRate
from strategy.portfolio.decision import Decision, Status

Decisions = tuple[Decision, ...]


def record_decisions(
    connection: Connection, account: str, decisions: Sequence[Decision], provenance: Provenance, number: int = 1
) -> int:
    """Record the decisions of the day's pass and return how many were new.

    Raises LedgerConflict if a different one is stored for the same day, pass and symbol.
    """
    rows = [decision_row(account, decision, provenance, number) for decision in decisions]
    with transaction(connection):
        return insert_once(connection, DECISIONS, rows)


def passes_on(connection: Connection, account: str, day: date) -> tuple[DayPass, ...]:
    """Return the passes of a settled day, at least one, in their order; a first one that missed nothing is empty."""
    rows = connection.execute(
        "SELECT pass, symbols, held_back, behind FROM passes WHERE account = ? AND as_of = ? ORDER BY pass",
        [account, day],
    ).fetchall()
    found = tuple(map(to_pass, rows))
    return found if found and found[0].number == 1 else (FIRST_PASS, *found)


def pass_of(connection: Connection, account: str, day: date, symbol: str) -> DayPass:
    """Return the day's last pass that decided the symbol; the first if none did."""
    number = scalar(
        connection,
        int,
        "SELECT max(pass) FROM decisions WHERE account = ? AND as_of = ? AND symbol = ?",
        [account, day, symbol],
    )
    passes = {each.number: each for each in passes_on(connection, account, day)}
    return passes[number or 1]


_DECISION = "as_of, symbol, status, regime, confidence, signal, volatility, exposure, reason, rebalance, sleeves"
_ENTRY = "as_of, kind, symbol, cash, quantity, profit, before_fills"
#: Of several passes the last one counts.
_LAST = "QUALIFY row_number() OVER (PARTITION BY as_of, symbol ORDER BY pass DESC) = 1"


def decisions_on(connection: Connection, account: str, day: date, *, until_pass: int = MOST_PASSES) -> Decisions:
    """Return the day's decisions, sorted by symbol: of each symbol the last one, up to that pass."""
    return read_all(
        connection,
        Decision,
        f"SELECT {_DECISION} FROM decisions WHERE account = ? AND as_of = ? AND pass <= ? {_LAST} "  # noqa: S608
        "ORDER BY symbol",
        [account, day, until_pass],
    )


def decisions_in(connection: Connection, account: str, day: date, number: int) -> Decisions:
    """Return the decisions that the day's pass made, sorted by symbol."""
    return read_all(
        connection,
        Decision,
        f"SELECT {_DECISION} FROM decisions WHERE account = ? AND as_of = ? AND pass = ? ORDER BY symbol",  # noqa: S608
        [account, day, number],
    )


def decisions_until(connection: Connection, account: str, day: date) -> Decisions:
    """Return the account's decisions up to the day, by day and symbol: of each symbol of a day the last one."""
    return read_all(
        connection,
        Decision,
        f"SELECT {_DECISION} FROM decisions WHERE account = ? AND as_of <= ? {_LAST} ORDER BY as_of, symbol",  # noqa: S608
        [account, day],
    )


def equities_decided_at(connection: Connection, account: str, until: date) -> dict[tuple[date, str], Decimal]:
    """Return the equity that the last decision of each day and symbol was made at, of days in several passes alone."""
    rows = connection.execute(
        "SELECT as_of, symbol, equity FROM decisions JOIN account_snapshots USING (account, as_of, pass) "  # noqa: S608
        "WHERE account = $account AND as_of <= $until AND as_of IN "
        f"(SELECT as_of FROM account_snapshots WHERE account = $account AND pass > 1) {_LAST}",
        {"account": account, "until": until},
    ).fetchall()
    return {(as_of, symbol): equity for as_of, symbol, equity in rows}


def has_sleeves(connection: Connection, account: str, day: date) -> bool:
    """Return whether the account's newest decided day up to the day has decisions of sleeves."""
    return bool(
        scalar(
            connection,
            int,
            "SELECT count(sleeves) FROM decisions WHERE account = $account AND as_of = "
            "(SELECT max(as_of) FROM decisions WHERE account = $account AND as_of <= $day)",
            {"account": account, "day": day},
        )
    )


#: What is read of every decision, as a table has it.
DECISION_COLUMNS = (
    *("as_of", "symbol", "status", "regime", "confidence", "signal", "volatility", "exposure", "reason"),
    *("source", "strategy", "model_id"),
)


def decision_rows(connection: Connection, account: str) -> list[tuple[Any, ...]]:
    """Return every decision of the account by day and symbol, as DECISION_COLUMNS."""
    columns = ", ".join(DECISION_COLUMNS)
    select = f"SELECT {columns} FROM decisions WHERE account = ? {_LAST} ORDER BY as_of, symbol"  # noqa: S608
    return connection.execute(select, [account]).fetchall()


def provenance_on(
    connection: Connection, account: str, day: date, *, until_pass: int = MOST_PASSES
) -> Provenance | None:
    """Return the provenance of the day's decisions, those of the last pass up to that one; None if there are none."""
    return read_first(
        connection,
        Provenance,
        "SELECT source, strategy, model_id, data_sha256, strategy_sha256 FROM decisions "
        "WHERE account = ? AND as_of = ? AND pass <= ? ORDER BY pass DESC, symbol LIMIT 1",
        [account, day, until_pass],
    )


def provenance_before(connection: Connection, account: str, day: date) -> Provenance | None:
    """Return the provenance of the account's newest decisions before the day; None if there are none."""
    return read_first(
        connection,
        Provenance,
        "SELECT source, strategy, model_id, data_sha256, strategy_sha256 FROM decisions "
        "WHERE account = ? AND as_of < ? ORDER BY as_of DESC, symbol LIMIT 1",
        [account, day],
    )


def newest_panel(connection: Connection, account: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the source and sorted symbols of the newest day that the account decided; (None, ()) before its first.

    Symbols that were only flattened are left out: the run does not trade them.
    """
    rows = connection.execute(
        "SELECT DISTINCT source, symbol FROM decisions WHERE account = $account AND as_of = "
        "(SELECT max(as_of) FROM decisions WHERE account = $account) AND status <> $beside ORDER BY symbol",
        {"account": account, "beside": str(Status.BESIDE)},
    ).fetchall()
    return rows[0][0] if rows else None, tuple(symbol for _, symbol in rows)


def first_delisted(connection: Connection, source: str, symbol: str) -> tuple[str, date] | None:
    """Return the first account, and its day, that has acted on the symbol's delisting as a person recorded it.

    It has paid a position out, ended an order, or decided the symbol as delisted before its source said so. None if no
    account on the source has.
    """
    row = connection.execute(
        "WITH customers AS (SELECT DISTINCT account FROM decisions WHERE source = $source) "
        "SELECT account, as_of FROM ("
        "SELECT account, as_of FROM entries WHERE kind = $paid AND symbol = $symbol UNION ALL "
        "SELECT account, coalesce(settled_on, as_of) FROM orders WHERE code = $ended AND symbol = $symbol UNION ALL "
        "SELECT account, as_of FROM decisions WHERE status = $status AND symbol = $symbol AND source = $source "
        "AND NOT EXISTS (SELECT 1 FROM instruments stated WHERE stated.source = $source "
        "AND stated.symbol = $symbol AND stated.listed_to < decisions.as_of)"
        ") JOIN customers USING (account) ORDER BY as_of, account LIMIT 1",
        {
            "source": source,
            "symbol": symbol,
            "paid": str(EntryKind.DELISTING),
            "ended": str(ReasonCode.DELISTED),
            "status": str(Status.DELISTED),
        },
    ).fetchone()
    return row and (row[0], row[1])


def record_settlement(connection: Connection, account: str, day: Day, day_pass: DayPass | None = None) -> None:
    """Record the day's snapshot, fills, entries and order states, and its pass, all of them or none.

    Without a pass it is the day's first, which has missed nothing.
    Raises LedgerConflict if the ledger holds different rows for the day.
    """
    snapshot = day.state.snapshot
    as_of = snapshot.account.as_of
    with transaction(connection):
        record_fills(connection, account, day.fills)
        insert_once(connection, ENTRIES, [entry_row(account, entry) for entry in day.entries])
        insert_once(connection, SNAPSHOTS, [snapshot_row(account, snapshot, day_pass.number if day_pass else 1)])
        insert_once(connection, PASSES, [pass_row(account, as_of, day_pass)] if day_pass else [])
        for order in day.settled:
            advance(connection, account, order, as_of)


def record_fills(connection: Connection, account: str, fills: Sequence[Fill]) -> int:
    """Record the fills and return how many were new. Raises LedgerConflict if a stored trade differs."""
    with transaction(connection):
        return insert_once(connection, FILLS, [fill_row(account, fill) for fill in fills])


def fills_on(connection: Connection, account: str, day: date) -> tuple[Fill, ...]:
    """Return the trades of the day, sorted by symbol."""
    return select_fills(connection, "account = ? AND as_of = ?", [account, day])


def fills_after(connection: Connection, account: str, day: date) -> tuple[Fill, ...]:
    """Return the trades of later account days, by day and symbol."""
    return select_fills(connection, "account = ? AND as_of > ?", [account, day])


def fills_of(connection: Connection, account: str, order_ids: Sequence[str]) -> tuple[Fill, ...]:
    """Return the trades of the orders, by day, symbol, order and trade."""
    return select_fills(connection, "account = ? AND list_contains(?, order_id)", [account, list(order_ids)])


def entries_on(connection: Connection, account: str, day: date) -> tuple[Entry, ...]:
    """Return the day's entries (changes without a trade), by kind and symbol."""
    return read_all(
        connection,
        Entry,
        f"SELECT {_ENTRY} FROM entries WHERE account = ? AND as_of = ? ORDER BY kind, symbol",  # noqa: S608
        [account, day],
    )


def entries_until(connection: Connection, account: str, day: date) -> tuple[Entry, ...]:
    """Return the entries up to the day, by day, kind and symbol."""
    return read_all(
        connection,
        Entry,
        f"SELECT {_ENTRY} FROM entries WHERE account = ? AND as_of <= ? ORDER BY as_of, kind, symbol",  # noqa: S608
        [account, day],
    )


def fx_profits(connection: Connection, account: str, until: date) -> tuple[Decimal, Decimal] | None:
    """Return what exchange rates brought on the day, and up to it; None for an account without such an entry."""
    return _on_and_until(connection, account, until, "profit")


def funding_paid(connection: Connection, account: str, until: date) -> tuple[Decimal, Decimal] | None:
    """Return the funding that the account received on the day, and up to it; None for an account without any."""
    return _on_and_until(connection, account, until, "CASE WHEN kind = 'funding' THEN cash END")


def _on_and_until(connection: Connection, account: str, until: date, amount: str) -> tuple[Decimal, Decimal] | None:
    """Return an amount of the entries of the day, and of those up to it; None where no entry has it."""
    row = connection.execute(
        f"SELECT sum({amount}) FILTER (as_of = $until), sum({amount}) FROM entries "  # noqa: S608
        "WHERE account = $account AND as_of <= $until",
        {"account": account, "until": until},
    ).fetchone()
    return None if row is None or row[1] is None else (Decimal(row[0] or 0), Decimal(row[1]))


def record_fx_rates(connection: Connection, account: str, day: date, rates: Sequence[FxRate]) -> None:
    """Record the exchange rates that the account took on the day. Raises LedgerConflict if others are stored."""
    insert_once(connection, FX_RATES, [fx_row(account, day, rate) for rate in rates])


def fx_taken_on(connection: Connection, account: str, day: date) -> tuple[FxRate, ...]:
    """Return the exchange rates that the account took on the day, by unit; none before it has settled it."""
    return read_all(
        connection,
        FxRate,
        "SELECT unit, pair, dated, rate FROM fx_rates WHERE account = ? AND as_of = ? ORDER BY unit",
        [account, day],
    )


def first_day(connection: Connection, account: str) -> date | None:
    """Return the day on which the account opened; None if it has none."""
    return scalar(connection, date, "SELECT min(as_of) FROM account_snapshots WHERE account = ?", [account])


def accounts(connection: Connection) -> tuple[str, ...]:
    """Return the accounts with a settled day, by name."""
    return column(connection, "SELECT DISTINCT account FROM account_snapshots ORDER BY account")


def last_decided(connection: Connection, account: str, *, before: date) -> date | None:
    """Return the newest day before `before` that the account decided; None if there is none."""
    select = "SELECT max(as_of) FROM decisions WHERE account = ? AND as_of < ?"
    return scalar(connection, date, select, [account, before])


def missed_days(connection: Connection, account: str, day: date) -> tuple[date, ...]:
    """Return the settled days before `day` without a decision, back to the newest one that has a decision."""
    return column(
        connection,
        "SELECT DISTINCT as_of FROM account_snapshots WHERE account = $account AND as_of < $day AND as_of > "
        "(SELECT max(as_of) FROM decisions WHERE account = $account AND as_of < $day) ORDER BY as_of",
        {"account": account, "day": day},
    )
