"""The sleeves of an account that runs several strategies: what each has earned, by the account's own ledger."""

from datetime import date

from storage.database import Connection
from storage.ledger import bulk
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.backtest.day_loop import Replay
from strategy.sleeves.results import SleeveResults, sleeve_results

#: More account days than any history has.
MOST_DAYS = 1_000_000


def account_sleeves(store: Connection, account: str, day: date) -> SleeveResults | None:
    """Return what the account's sleeves have earned up to the close of the day; None if it runs a single strategy."""
    if not ledger.has_sleeves(store, account, day):
        return None
    record = Replay(
        snapshots=position_store.snapshots(store, account, until=day, last_days=MOST_DAYS),
        decisions=ledger.decisions_until(store, account, day),
        orders=order_store.orders_until(store, account, day),
        fills=bulk.fills(store, account, day),
        entries=ledger.entries_until(store, account, day),
    )
    return sleeve_results(record, ledger.equities_decided_at(store, account, day))
