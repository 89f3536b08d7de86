"""What an account that is flattened still holds, and why: dust, a symbol that cannot be sold, an order on its way."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state
from strategy.account.orders import OPEN_STATES, Order, OrderState, ReasonCode
from strategy.portfolio.decision import Decision
from strategy.portfolio.flattening import is_flattened
from tasks.report.markup import exactly
from tasks.run.answers import LeftOverAnswer


class LeftOver(StrEnum):
    """Why a position of a flattened account is not closed yet.

    DECISION: the next day's run closes it. ORDER: its order waits for the next open. REST: its order closes a part, as
    the market's lots or largest order have it. DUST: it is below the market's least order. BARRED: no order can be sent
    in its symbol. NOT_SOLD: its order did not leave, was refused, or ended without having closed it.
    All are tried again with each day's run.
    """

    DECISION = "decision"
    ORDER = "order"
    REST = "rest"
    DUST = "dust"
    BARRED = "barred"
    NOT_SOLD = "not_sold"


#: Why a position is left that no order has been decided for.
UNDECIDED = (LeftOver.DECISION, "the next day's run decides the order that closes it")
#: What a person should read of: the others take their course.
_TOLD = frozenset({LeftOver.DUST, LeftOver.BARRED, LeftOver.NOT_SOLD})


def left_over(store: Connection, account: str) -> tuple[LeftOverAnswer, ...]:
    """Return what the account held at its last close and has not closed since, by symbol; empty unless flattened."""
    snapshot = position_store.latest_snapshot(store, account)
    if snapshot is None or not risk_state.load(store, account).flatten:
        return ()
    day = snapshot.account.as_of
    decisions = {decision.symbol: decision for decision in ledger.decisions_on(store, account, day)}
    orders = {order.symbol: order for order in order_store.orders_on(store, account, day)}
    flattened = is_flattened(tuple(decisions.values()))
    found = []
    for symbol, position in sorted(snapshot.account.positions.items()):
        decision, order = decisions.get(symbol), orders.get(symbol)
        why = _why(decision, order, position.quantity) if flattened else UNDECIDED
        if why is not None:
            code, reason = why
            left = LeftOverAnswer(symbol=symbol, quantity=position.quantity, code=str(code), reason=reason)
            found.append(left)
    return tuple(found)


def left_over_warnings(left: Sequence[LeftOverAnswer]) -> tuple[str, ...]:
    """Return a warning of each position that a flattening could not close on the day."""
    return tuple(
        f"the account is flattened, and {exactly(each.quantity)} {each.symbol} are left ({each.code}): {each.reason}; "
        "the next day's run tries again"
        for each in left
        if each.code in _TOLD
    )


def _why(decision: Decision | None, order: Order | None, held: Decimal) -> tuple[LeftOver, str] | None:
    """Return why the position is left, as a code and in words; None if its order has closed it."""
    if order is None:
        barred = decision is not None and decision.exposure is None
        return (LeftOver.BARRED, decision.reason) if decision is not None and barred else UNDECIDED
    if order.state is OrderState.SKIPPED:
        dust = order.code is ReasonCode.TOO_SMALL
        return LeftOver.DUST if dust else LeftOver.NOT_SOLD, order.reason
    if order.state in OPEN_STATES:
        return LeftOver.ORDER, order.reason or "its order waits for the next open"
    if order.state is not OrderState.FILLED:
        return LeftOver.NOT_SOLD, order.reason
    if held + order.signed_quantity:
        return LeftOver.REST, f"its order closed {exactly(order.quantity)} of it"
    return None
