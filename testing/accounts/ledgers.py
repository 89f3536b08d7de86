"""The content of the store, read back whole for comparison."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Fill, Order, OrderState
from strategy.account.state import Entry
from strategy.backtest.day_loop import Replay

#: Tables that are the same after any history of crashes and repetitions, and their columns that may differ.
TABLES = {
    "instruments": (),
    "bars": ("ingested_at",),
    "bars_staged": ("owner", "ingested_at"),
    "bar_columns": ("ingested_at",),
    "bar_columns_staged": ("owner",),
    "bars_quarantine": ("run_id", "quarantined_at"),
    "acceptances": ("accepted_at",),
    "decisions": (),
    "orders": (),
    "fills": (),
    "entries": (),
    "account_snapshots": (),
    "fx_rates": (),
    "passes": (),
    "account_terms": (),
    "cash_flows": (),
    "risk_state": (),
    "funding_rates": (),
    "models": ("created_at",),
    "verdicts": ("created_at",),
    "promotions": ("promoted_at",),
}

Rows = dict[str, list[tuple[object, ...]]]


def contents(home: Path) -> Rows:
    """Every row of TABLES, sorted, without run ids and times of day."""
    with connect(home) as store:
        return {
            table: store.execute(
                f"SELECT * EXCLUDE ({', '.join(left_out)}) FROM {table} ORDER BY ALL"
                if left_out
                else f"SELECT * FROM {table} ORDER BY ALL"
            ).fetchall()
            for table, left_out in TABLES.items()
        }


def replayed(home: Path, account: str, days: Sequence[date]) -> Replay:
    """The account's ledger as a replay would have given it: an order that a broker took is still intended there."""
    with connect(home) as store:
        return Replay(
            snapshots=position_store.snapshots(store, account, until=date.max, last_days=10_000),
            decisions=tuple(decision for day in days for decision in ledger.decisions_on(store, account, day)),
            orders=in_order(
                replace(order, state=OrderState.INTENDED) if order.state is OrderState.ACKNOWLEDGED else order
                for day in days
                for order in order_store.orders_on(store, account, day)
            ),
            fills=by_day(fill for day in days for fill in ledger.fills_on(store, account, day)),
            entries=by_kind(entry for day in days for entry in ledger.entries_on(store, account, day)),
        )


def in_order(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(sorted(orders, key=lambda order: (order.as_of, order.symbol)))


def by_day(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.as_of, fill.symbol, fill.order_id)))


def by_kind(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.as_of, entry.kind, entry.symbol)))


def tidied(replay: Replay) -> Replay:
    """The replay with what happened on a day sorted as `replayed` sorts it."""
    return replace(replay, orders=in_order(replay.orders), fills=by_day(replay.fills), entries=by_kind(replay.entries))
