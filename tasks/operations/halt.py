"""Halt, flatten and resume by hand: a halted account settles, decides and reports, but only reduces positions."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from exchange.ports import Broker, BrokerRefused, BrokerUnavailable
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events, risk_state, runs
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Order, OrderState
from strategy.exit_codes import UsageError
from strategy.portfolio.drawdown_halt import RiskState
from tasks.broker.unknown_orders import sync_orders
from tasks.daily.flattening import cancelled
from tasks.notices.left_over import left_over
from tasks.report.markup import exactly
from tasks.run.account_names import none_of
from tasks.run.answers import Answer, LeftOverAnswer, OrderAnswer, order_answer
from tasks.run.job import PAPER, BrokerCustomer
from tasks.run.runs import BACKFILL


class HaltEventAnswer(Answer):
    """A halt, flattening or resumption: the account's day then, and when; null for halts of older versions."""

    kind: str
    since: date | None
    reason: str
    recorded_at: datetime | None


class HaltAnswer(Answer):
    """The answer of `turbodmt halt` and `resume`: the account's state, since when, and whether that is new.

    `flatten`: it closes every position. `cancelled` are the orders that this has cancelled, `left_over` is what it
    still holds, `events` are all halts and resumptions, oldest first.
    """

    account: str
    halted: bool
    since: date | None
    reason: str
    changed: bool
    flatten: bool = False
    cancelled: tuple[OrderAnswer, ...] = ()
    left_over: tuple[LeftOverAnswer, ...] = ()
    events: tuple[HaltEventAnswer, ...] = ()
    warnings: tuple[str, ...] = ()


def demand_reason(reason: str) -> None:
    """Raise UsageError for a blank reason."""
    if not reason.strip():
        raise UsageError(f"--reason is {reason!r}; say in a few words why, for whoever reads it later")


def halt(home: Path, account: str, reason: str, now: datetime) -> HaltAnswer:
    """Halt the account until it is resumed; return the answer of `turbodmt halt`.

    An account that is flattened stays so. Raises UsageError.
    """
    with connect(home) as store, transaction(store):
        before = _known_state(store, account, reason)
        if not before.halted:
            state = RiskState(
                halted=True, since=_day(store, account), reason=reason.strip(), peak_equity=before.peak_equity
            )
            risk_state.save(store, account, state, now)
        return _answer(store, account, before)


def flatten(
    home: Path, account: str, reason: str, now: datetime, open_broker: Callable[[str, datetime], Broker]
) -> HaltAnswer:
    """Halt the account, cancel its open orders, and have its daily runs close every position until it is resumed.

    The halt is recorded first: a broker that cannot be reached now is a warning, and the next run cancels what rests.
    Return the answer of `turbodmt halt --flatten`. Raises UsageError, also for an account that backfills write.
    """
    with connect(home) as store, transaction(store):
        before = _known_state(store, account, reason)
        _demand_daily(store, account)
        if not before.flatten:
            since = _day(store, account)
            state = RiskState(
                halted=True, since=since, reason=reason.strip(), peak_equity=before.peak_equity, flatten=True
            )
            risk_state.save(store, account, state, now)
        open_before = order_store.open_orders(store, account)
        broker = broker_events.broker_of(store, account) or PAPER
        _cancel_unsent(store, BrokerCustomer(home=home, account=account, broker=broker, now=now))
    warnings = _cancel_sent(
        BrokerCustomer(home=home, account=account, broker=broker, now=now), open_before, open_broker
    )
    with connect(home) as store:
        ended = [order_store.read_order(store, account, order.order_id) for order in open_before]
        answer = _answer(store, account, before)
    gone = tuple(order_answer(order) for order in ended if order.state is OrderState.CANCELLED)
    return answer.model_copy(update={"cancelled": gone, "warnings": warnings})


def resume(home: Path, account: str, reason: str, now: datetime) -> HaltAnswer:
    """Resume trading, with the drawdown counted from today's equity; return the answer of `turbodmt resume`.

    What a flattened account still holds is named in a warning: the strategy has it again. Raises UsageError.
    """
    with connect(home) as store, transaction(store):
        before = _known_state(store, account, reason)
        left = left_over(store, account)
        if before.halted:
            snapshot = position_store.latest_snapshot(store, account)
            peak = snapshot.unit_value if snapshot else None
            state = RiskState(since=_day(store, account), reason=reason.strip(), peak_equity=peak)
            risk_state.save(store, account, state, now)
        answer = _answer(store, account, before)
    still = tuple(
        f"{exactly(each.quantity)} {each.symbol} are still held ({each.code}): from the next day on the strategy has "
        "them"
        for each in left
    )
    return answer.model_copy(update={"left_over": left, "warnings": still})


def _known_state(store: Connection, account: str, reason: str) -> RiskState:
    """Return the account's state before the command. Raises UsageError for a blank reason or an unknown account."""
    demand_reason(reason)
    _demand_known(account, ledger.accounts(store))
    return risk_state.load(store, account)


def _answer(store: Connection, account: str, before: RiskState) -> HaltAnswer:
    after = risk_state.load(store, account)
    return HaltAnswer(
        account=account,
        halted=after.halted,
        since=after.since,
        reason=after.reason,
        changed=after.kind is not before.kind,
        flatten=after.flatten,
        left_over=left_over(store, account),
        events=tuple(map(HaltEventAnswer.model_validate, risk_state.events(store, account))),
    )


def _day(store: Connection, account: str) -> date | None:
    snapshot = position_store.latest_snapshot(store, account)
    return snapshot.account.as_of if snapshot else None


def _cancel_unsent(store: Connection, customer: BrokerCustomer) -> None:
    """Cancel the orders that have not left, and on paper those that wait for their bar, as of the last settled day."""
    for order in order_store.open_orders(store, customer.account):
        # Flattened again, it keeps the orders by which it closes what it holds.
        if order.reduce_only:
            continue
        if customer.broker == PAPER or order.state is OrderState.INTENDED:
            day = _day(store, customer.account)
            order_store.update_orders(store, customer.account, [cancelled(order)], day=day)
            if customer.broker != PAPER:
                broker_events.record_step(store, customer.account, cancelled(order), customer.now)


def _cancel_sent(
    customer: BrokerCustomer, orders: Sequence[Order], open_broker: Callable[[str, datetime], Broker]
) -> tuple[str, ...]:
    """Cancel what rests at an external broker; return warnings of what could not be cancelled, or is unknown."""
    sent = [order for order in orders if order.state is not OrderState.INTENDED]
    if customer.broker == PAPER or not sent:
        return ()
    try:
        unknown = sync_orders(customer, open_broker(customer.broker, customer.now), date.max)
    except (BrokerUnavailable, BrokerRefused) as error:
        named = ", ".join(order.order_id for order in sent)
        return (
            f"orders that were sent could not be cancelled now ({named}): {error}; the next daily run cancels them",
        )
    return tuple(
        f"it is not known what became of order {order.order_id} of {order.as_of} ({order.reason}); {order.symbol} is "
        "closed once it is"
        for order in unknown
    )


def _demand_daily(store: Connection, account: str) -> None:
    """Raise UsageError for an account that backfills write: no daily run would close its positions."""
    if runs.first_run(store, account, BACKFILL) is not None:
        raise UsageError(
            f"account {account} is filled by backfills, and no daily run would close its positions; halt it without "
            "--flatten"
        )


def _demand_known(account: str, known: tuple[str, ...]) -> None:
    if account not in known:
        held = none_of(known, account, "no account has settled a day yet")
        raise UsageError(f"--account is {account!r}, and {held}")
