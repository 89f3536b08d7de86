"""The record of an account as tables, read and never written."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pandas as pd

from storage.database import DATABASE_NAME, connect
from storage.ledger import accounts as account_store
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.state import Snapshot
from strategy.exit_codes import UsageError

POSITION_COLUMNS = ("symbol", "quantity", "mark", "marked_on", "value", "weight")
EQUITY_COLUMNS = ("as_of", "equity", "unit_value", "cash", "drawdown")
ORDER_COLUMNS = ("as_of", "order_id", "symbol", "side", "quantity", "state", "reason", "code")
#: More account days than there are.
ALL_DAYS = 10**9


def demand_recorded(home: Path, account: str) -> None:
    """Raise UsageError, naming the accounts of the home, if it has none of that name; the home is not created."""
    names: tuple[str, ...] = ()
    if (home / DATABASE_NAME).is_file():
        with connect(home) as store:
            names = account_store.names(store)
    if account not in names:
        held = f"{home} holds {', '.join(names)}; name one of these" if names else f"{home} holds no account"
        raise UsageError(f"there is no account {account!r}: {held}, or another --home")


def equity_table(home: Path, account: str) -> pd.DataFrame:
    """Return one row per settled day: as_of, equity, unit_value, cash and drawdown (from the highest of the look-back).

    The unit value is the equity without what was deposited and withdrawn; returns and drawdown are of it.
    """
    rows = [
        (day.account.as_of, float(day.equity), float(day.unit_value), float(day.account.cash), float(day.drawdown))
        for day in _snapshots(home, account)
    ]
    return pd.DataFrame(rows, columns=list(EQUITY_COLUMNS))


def positions_table(home: Path, account: str) -> pd.DataFrame:
    """Return one row per symbol held at the close of the last settled day; `weight` is its value over equity."""
    with connect(home) as store:
        newest = position_store.latest_snapshot(store, account)
    held = sorted(newest.account.positions.items()) if newest else []
    rows = [
        (
            symbol,
            float(position.quantity),
            float(position.mark),
            position.marked_on,
            float(position.value),
            newest.exposure(symbol) if newest and newest.equity > 0 else float("nan"),
        )
        for symbol, position in held
    ]
    return pd.DataFrame(rows, columns=list(POSITION_COLUMNS))


def decisions_table(home: Path, account: str) -> pd.DataFrame:
    """Return one row per day and symbol: what was decided, and by which strategy and model, on which source's bars."""
    with connect(home) as store:
        rows = ledger.decision_rows(store, account)
    return pd.DataFrame(rows, columns=list(ledger.DECISION_COLUMNS))


def orders_table(home: Path, account: str) -> pd.DataFrame:
    """Return one row per order, by the day that decided it, in its present state; quantities as float64."""
    with connect(home) as store:
        orders = order_store.orders_since(store, account, date.min)
    rows = [{**asdict(order), "quantity": float(order.quantity), "state": str(order.state)} for order in orders]
    table = pd.DataFrame(rows, columns=list(ORDER_COLUMNS))
    return table.assign(side=table["side"].astype("str"), code=table["code"].map(lambda code: code and str(code)))


def _snapshots(home: Path, account: str) -> Sequence[Snapshot]:
    with connect(home) as store:
        return position_store.snapshots(store, account, until=date.max, last_days=ALL_DAYS)
