"""Flattening at a broker: which symbols a run closes besides its own, on which terms, and what it cancels before."""

from dataclasses import replace
from decimal import Decimal

from storage.bars import instruments as instrument_store
from storage.database import Connection, connect
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.portfolio.account_config import AccountConfig
from tasks.run.job import FUTURES, PAPER, Job

#: Reason text of an order that was still open when the account was flattened.
CANCELLED = "the account is flattened"


def with_held_beside(job: Job) -> Job:
    """Return the job with the symbols that its account holds besides the job's own, if it is to be flattened.

    Symbols that the source does not know are left out: they are closed without new bars.
    """
    with connect(job.home) as store:
        if not risk_state.load(store, job.account).flatten:
            return job
        snapshot = position_store.latest_snapshot(store, job.account)
        held = sorted(set(snapshot.account.positions) - set(job.symbols)) if snapshot else []
        known = instrument_store.load(store, job.source, held)
    return replace(job, besides=tuple(sorted(known)))


def closing_config(config: AccountConfig, broker: str) -> AccountConfig:
    """Return the configuration on which positions are closed at the broker.

    The futures venue has no least value of orders that only reduce a position.
    https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code#-4164-min_notional
    """
    if broker != FUTURES:
        return config
    instruments = {
        symbol: replace(instrument, min_notional=Decimal(0)) for symbol, instrument in config.terms.instruments.items()
    }
    return replace(config, terms=replace(config.terms, instruments=instruments))


def cancelled(order: Order) -> Order:
    """Return the order as cancelled by a flattening."""
    return replace(order, state=OrderState.CANCELLED, reason=CANCELLED, code=ReasonCode.FLATTENED)


def cancel_waiting(store: Connection, job: Job) -> None:
    """Cancel the paper orders of earlier days that still wait for a bar: the orders of the day close it all.

    At an external broker nothing of an earlier day is open by then but what is of unknown outcome.
    """
    if job.broker != PAPER:
        return
    waiting = [order for order in order_store.open_orders(store, job.account) if order.as_of < job.as_of]
    order_store.update_orders(store, job.account, list(map(cancelled, waiting)), day=job.as_of)
