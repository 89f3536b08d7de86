"""The account as the ledger remembers it, and the rules it is run by: what every later step starts from."""

from datetime import date

from storage import instruments as instrument_store
from storage import ledger
from storage.database import Connection
from strategy.backtest import Standing
from strategy.decision import Mandate
from tasks.job import Job


def mandate_of(store: Connection, job: Job) -> Mandate:
    """The job's mandate, with the instruments of its symbols and of everything its account holds."""
    known = instrument_store.load(store, job.source, job.symbols)
    snapshot = ledger.latest_snapshot(store, job.account)
    held = tuple(sorted(set(snapshot.account.positions) - set(known))) if snapshot else ()
    outside = instrument_store.find(store, held)
    return job.policy.mandate(job.account, job.symbols, {**outside, **known})


def standing_at(store: Connection, job: Job, day: date) -> Standing | None:
    """The account at its last settled day up to `day`, with the orders open then; None if it has none."""
    snapshots = ledger.snapshots(store, job.account, until=day, last_days=job.policy.sizing.lookback_period)
    if not snapshots:
        return None
    account = snapshots[-1].account
    return Standing(
        account=account,
        open_orders=ledger.orders_open_at(store, job.account, account.as_of),
        equities=tuple(snapshot.equity for snapshot in snapshots),
    )
