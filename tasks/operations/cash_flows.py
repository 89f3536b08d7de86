"""Deposits, withdrawals and transferred positions: asked for once under a key, booked with the account's next day."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from storage.accounts import cash_flows as flow_store
from storage.accounts.cash_flows import RecordedFlow
from storage.bars import published as bar_store
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events, runs
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.cash_flows import CashFlow, FlowKind, Holding, free_equity
from strategy.account.state import Snapshot
from strategy.exit_codes import UsageError
from tasks.report.markup import exactly
from tasks.run.answers import Answer, Exact
from tasks.run.runs import BACKFILL


class CashFlowAnswer(Answer):
    """A flow: it waits until a day has settled it, which booked its `value` or refused it for a reason."""

    flow_key: str
    kind: str
    symbol: str
    cash: Exact
    quantity: Exact
    cost: Exact | None
    not_before: date
    reason: str
    settled_on: date | None
    value: Exact | None
    refusal: str | None


class CashFlowsAnswer(Answer):
    """The answer of `turbodmt deposit`, `withdraw` and `positions import`; `recorded` is false for a known key."""

    account: str
    key: str
    flows: tuple[CashFlowAnswer, ...]
    recorded: bool
    warnings: tuple[str, ...]


class CancelledFlowsAnswer(Answer):
    """The answer of `turbodmt cancel`: the flows that waited under the key, and are not booked."""

    account: str
    key: str
    flows: tuple[CashFlowAnswer, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRequest:
    """What a person asks for: flows to be booked on `day` or the first account day after it (None: the next one).

    `what` names them in the key of a request without one: the same again for the same day is the same request.
    """

    account: str
    flows: tuple[CashFlow, ...]
    costs: tuple[Decimal | None, ...]
    what: str
    day: date | None
    reason: str
    key: str | None
    at: datetime


def cash_request(kind: FlowKind, amount: Decimal, request: FlowRequest) -> FlowRequest:
    """Return the request with a deposit or withdrawal of the amount."""
    flow = CashFlow(kind=kind, cash=amount)
    return replace(request, flows=(flow,), costs=(None,), what=f"{kind} {exactly(amount)}")


def transfer_request(holdings: tuple[Holding, ...], request: FlowRequest) -> FlowRequest:
    """Return the request with a transfer of the positions."""
    return replace(
        request,
        flows=tuple(
            CashFlow(kind=FlowKind.TRANSFER, symbol=holding.symbol, quantity=holding.quantity) for holding in holdings
        ),
        costs=tuple(holding.cost for holding in holdings),
        what="transfer " + ", ".join(f"{exactly(holding.quantity)} {holding.symbol}" for holding in holdings),
    )


def request_flows(home: Path, request: FlowRequest) -> CashFlowsAnswer:
    """Record the flows under their key, which is done once; return the answer of the command.

    They are booked after the marks of the first day that is not settled yet, before it is decided.
    Raises UsageError for an account that has none of its own, a key of other flows, a withdrawal beyond what is free,
    and a position without a published close.
    """
    with connect(home) as store, transaction(store):
        snapshot = _demand_paper(store, request.account)
        last = snapshot.account.as_of
        wanted = request.day or last + timedelta(days=1)
        not_before = max(wanted, last + timedelta(days=1))
        key = request.key or f"{request.what} {wanted}"
        known = flow_store.with_key(store, request.account, key)
        if known:
            _demand_same(request, key, known)
            again = f"nothing was recorded: {key!r} is known already; give another --key to book the same once more"
            return _answer(request, key, known, recorded=False, warnings=(again,))
        _demand_free(store, request, snapshot, not_before)
        _demand_closes(store, request)
        fresh = tuple(
            RecordedFlow(
                flow_key=key,
                kind=flow.kind,
                symbol=flow.symbol,
                cash=flow.cash,
                quantity=flow.quantity,
                cost=cost,
                not_before=not_before,
                reason=request.reason.strip(),
                asked_at=request.at,
            )
            for flow, cost in zip(request.flows, request.costs, strict=True)
        )
        warnings = () if request.key else _equal(store, request, wanted)
        flow_store.record(store, request.account, fresh)
    late = f"{wanted} is settled already, so it is booked on the account's next day, the first after {last}"
    return _answer(request, key, fresh, recorded=True, warnings=(*([late] if wanted <= last else []), *warnings))


def cancel_flows(home: Path, account: str, key: str) -> CancelledFlowsAnswer:
    """Delete the flows that wait under the key; return the answer of the command.

    Raises UsageError for a key of none, and for flows that a day has settled.
    """
    with connect(home) as store, transaction(store):
        _demand_paper(store, account)
        known = flow_store.with_key(store, account, key)
        waits = dict.fromkeys(flow.flow_key for flow in flow_store.waiting(store, account))
        if not known:
            held = f"these wait: {', '.join(map(repr, waits))}; name one of them" if waits else "nothing waits"
            raise UsageError(f"KEY is {key!r}, under which account {account} has no request; {held}")
        if key not in waits:
            raise UsageError(_settled(account, key, known))
        flow_store.cancel(store, account, key)
    return CancelledFlowsAnswer(
        account=account, key=key, flows=tuple(map(CashFlowAnswer.model_validate, known)), warnings=()
    )


def _settled(account: str, key: str, known: tuple[RecordedFlow, ...]) -> str:
    """Return why flows of a key cannot be cancelled any more, and what undoes them."""
    day, value = known[0].settled_on, sum((flow.value or Decimal(0) for flow in known), Decimal(0))
    if not value:
        return f"KEY is {key!r}, which {day} did not book; nothing is left to cancel"
    opposite = "withdraw" if value > 0 else "deposit"
    return (
        f"KEY is {key!r}, which {day} has booked, and a settled day never changes; `turbodmt {opposite} "
        f"{exactly(abs(value)).replace(',', '')} --account {account}` books the opposite"
    )


def _answer(
    request: FlowRequest, key: str, flows: tuple[RecordedFlow, ...], *, recorded: bool, warnings: tuple[str, ...]
) -> CashFlowsAnswer:
    return CashFlowsAnswer(
        account=request.account,
        key=key,
        flows=tuple(map(CashFlowAnswer.model_validate, flows)),
        recorded=recorded,
        warnings=warnings,
    )


def _demand_paper(store: Connection, account: str) -> Snapshot:
    """Return the account's last day. Raises UsageError unless it is a paper account of daily runs that has opened."""
    snapshot = position_store.latest_snapshot(store, account)
    if snapshot is None:
        known = ledger.accounts(store)
        held = (
            f"the accounts with a day are {', '.join(known)}; name one of these, or" if known else "none has a day yet;"
        )
        raise UsageError(
            f"--account is {account!r}, and {held} open it first with `turbodmt daily --account {account}`, whose "
            "--capital it starts with"
        )
    broker = broker_events.broker_of(store, account)
    if broker is not None:
        raise UsageError(
            f"account {account} trades at {broker}, whose balances rule; move the money there, then `turbodmt adopt "
            f"--account {account} --reason TEXT` takes it over"
        )
    if runs.first_run(store, account, BACKFILL) is not None:
        raise UsageError(
            f"account {account} is filled by backfills, which replay one capital; name an account of `turbodmt daily`"
        )
    return snapshot


def _demand_same(request: FlowRequest, key: str, known: tuple[RecordedFlow, ...]) -> None:
    asked = {(flow.kind, flow.symbol, flow.cash, flow.quantity) for flow in request.flows}
    kept = {(flow.kind, flow.symbol, flow.cash, flow.quantity) for flow in known}
    if asked != kept:
        first = known[0]
        moved = f"{exactly(first.quantity)} {first.symbol}" if first.symbol else exactly(first.cash)
        raise UsageError(
            f"--key is {key!r}, under which account {request.account} has another request already, a {first.kind} of "
            f"{moved}; give another --key"
        )


def _equal(store: Connection, request: FlowRequest, wanted: date) -> tuple[str, ...]:
    """Return a warning if an equal request waits for about the same day, or that day or the next has booked one.

    Its key names another date: of a weekend and the session after it, which are one day of the account.
    """
    asked = {(flow.kind, flow.symbol, flow.cash, flow.quantity) for flow in request.flows}
    for flow in flow_store.every(store, request.account):
        day = flow.settled_on or flow.not_before
        near = flow.refusal is None and abs(day - wanted) <= _SAME_DAY
        if near and (flow.kind, flow.symbol, flow.cash, flow.quantity) in asked:
            state = f"was booked on {day}" if flow.settled_on else f"waits to be booked from {day} on"
            return (
                f"an equal {flow.kind} {state}, under the key {flow.flow_key!r}; if they are the same, cancel this one "
                "with `turbodmt cancel`, and if not, give each its --key",
            )
    return ()


#: Longest time between sessions within which two dates may mean the same one.
_SAME_DAY = timedelta(days=4)


def _demand_free(store: Connection, request: FlowRequest, snapshot: Snapshot, not_before: date) -> None:
    """Raise UsageError for a withdrawal beyond what is free once the flows that are dated no later are booked."""
    taken = sum((flow.cash for flow in request.flows if flow.kind is FlowKind.WITHDRAWAL), Decimal(0))
    if not taken:
        return
    earlier = [flow for flow in flow_store.waiting(store, request.account) if flow.not_before <= not_before]
    pending = sum((flow.flow.signed_cash for flow in earlier), Decimal(0))
    free = free_equity(snapshot.account, pending)
    if taken > free:
        waits = f", with {exactly(pending)} of requests that wait, dated {not_before} or earlier" if pending else ""
        raise UsageError(
            f"AMOUNT is {exactly(taken)}, and account {request.account} can pay out {exactly(free)} at the close of "
            f"{snapshot.account.as_of}, its equity of {exactly(snapshot.equity)} less its long and short positions"
            f"{waits}; {_remedy(snapshot.equity, taken, pending, free)}"
        )


def _remedy(equity: Decimal, taken: Decimal, pending: Decimal, free: Decimal) -> str:
    """Return how to free the amount: by days on a smaller exposure, which sell what is above it.

    With the exposure X of the equity E, E·(1 − X) is free; a part of E more covers costs and the next open. What is
    pending may be booked before those days decide, or after.
    """
    base = max(equity, equity + pending)
    most = (equity + pending - base * (_LEAST_EXPOSURE + _MARGIN)).quantize(Decimal("0.01"), ROUND_DOWN)
    if most <= free:
        return "nothing more can be freed; withdraw less, or deposit first"
    left = (equity + pending - min(taken, most)) / base - _MARGIN
    exposure = left.quantize(_LEAST_EXPOSURE, ROUND_DOWN)
    days = f"run its next two days with `--set max_position_size={exposure}` added, which sell"
    if taken <= most:
        return f"withdraw less, or {days}, and withdraw it then"
    return f"{days}, and withdraw at most {exactly(most)} then"


#: The smallest exposure that is named, and the part of the equity that stays beside it.
_LEAST_EXPOSURE = Decimal("0.01")
_MARGIN = Decimal("0.05")


def _demand_closes(store: Connection, request: FlowRequest) -> None:
    """Raise UsageError for positions without a published close on the account's source."""
    moved = sorted(flow.symbol for flow in request.flows if flow.symbol)
    if not moved:
        return
    source, _ = ledger.newest_panel(store, request.account)
    known = {row.symbol for row in bar_store.published_counts(store) if row.source == source}
    absent = [symbol for symbol in moved if symbol not in known]
    if absent:
        raise UsageError(
            f"{', '.join(absent)} cannot be valued: {source} has no published bar of it; import its bars with "
            "`turbodmt import`, or leave it out"
        )
