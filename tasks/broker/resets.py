"""Detection of a broker's reset: only the absence of everything proves it, and a single survivor refutes it.

A testnet's reset deletes pending and executed orders and grants fresh balances, about once a month and without notice:
https://developers.binance.com/docs/binance-spot-api-docs/testnet/general-info. One order or trade that is not reported
proves nothing by itself.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from exchange.ports import Broker
from storage.database import connect
from storage.ledger import broker_events, resets
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import OrderState, ReasonCode
from tasks.broker.account_books import account_now
from tasks.run.job import Job

#: Every venue reports an order that ended without a trade for at least this long; futures forget it after three days.
#: https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Order
TOLD_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a reset: `reset` (also if the account can have nothing there), and the evidence for or against."""

    reset: bool
    words: str
    met: bool = True
    """False where nothing of the account can be there, whatever has happened."""

    @property
    def reason(self) -> str:
        """Return why a new baseline is recorded."""
        return "the venue was reset" if self.met else "the balances changed before an order had left"


def judged(job: Job, broker: Broker, baseline: BrokerBaseline, doubted: Collection[str] = ()) -> Verdict:
    """Return whether the broker, whose balances differ from those expected, was reset.

    It was if it has none of the orders that it took since its last reset and must remember, and reports none of our
    trades. The absence of orders that are `doubted`, by their ids, shows nothing. If no order was ever sent and nothing
    is held, no mismatch can be ours. Raises BrokerUnavailable.
    """
    with connect(job.home) as store:
        since = resets.remembers_from(store, job.account, broker.name) or baseline.adopted_at
        confirmed = evidence.evidence_since(store, job.account, broker.name, since)
        traded = {
            (execution.symbol, execution.trade_id): execution
            for execution in broker_events.executions_since(store, job.account, since)
        }
        orders = {sent.order_id: order_store.read_order(store, job.account, sent.order_id) for sent in confirmed}
        ever = broker_events.last_sent_at(store, job.account) is not None
        now = account_now(store, job.account)
    if not ever and not (now and now.positions):
        return Verdict(
            reset=True, words=f"account {job.account} holds no position and has never sent an order there", met=False
        )
    with_trades = {execution.order_id for execution in traded.values()}
    proofs = 0
    for sent in reversed(confirmed):
        order = orders[sent.order_id]
        found = broker.enquire(replace(order, state=OrderState.SENT, reason="", code=None), sent.venue.transacted_at)
        if found.order.code is ReasonCode.FORGOTTEN:
            continue
        if found.order.code is not ReasonCode.UNSEEN:
            return Verdict(reset=False, words=f"it was not reset: it still has order {sent.order_id} of {order.as_of}")
        remembered = sent.order_id in with_trades or broker.now() - sent.venue.transacted_at < TOLD_FOR
        proofs += remembered and sent.order_id not in doubted
    if not proofs:
        return Verdict(
            reset=False, words="nothing shows that it was reset: it has taken no order since that it would still know"
        )
    for symbol in sorted({order.symbol for order in orders.values()} | {symbol for symbol, _ in traded}):
        for trade in broker.all_trades(symbol):
            ours = traded.get((symbol, trade.trade_id))
            if ours is not None and ours.executed_at == trade.executed_at:
                words = f"it was not reset: it still reports trade {trade.trade_id} of order {ours.order_id}"
                return Verdict(reset=False, words=words)
    return Verdict(
        reset=True,
        words=f"it has none of the {proofs} orders that it had taken and must remember, and reports none of our "
        f"{len(traded)} trades",
    )
