"""What a digest tells of an account's day, read from the ledger."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from storage.accounts import cash_flows as flow_store
from storage.accounts.cash_flows import RecordedFlow
from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, runs
from storage.ledger.runs import RunRecord, RunStatus
from strategy.account.orders import Fill, Order
from strategy.portfolio.decision import Status
from strategy.portfolio.drawdown_halt import HaltEvent, HaltKind
from strategy.portfolio.flattening import is_flattened
from tasks.run.runs import DAILY

#: The equity is drawn over so many account days: about a month of trading.
DAYS_DRAWN = 20
#: A number that is no part of a date or a name.
_NUMBER = re.compile(r"(?<![\w-])\d[\d.,]*(?![\w-])")


class DayKind(StrEnum):
    """How an account's day has come out.

    DONE: every symbol is decided, or its time was up. PARTIAL: symbols are not decided. HALTED: a halt withheld orders.
    FAILED: no run of it ended well. UNFINISHED: a run began and has not ended. MISSED: no run of it began.
    """

    DONE = "done"
    PARTIAL = "partial"
    HALTED = "halted"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Equity:
    """The equity at an account day's close; `gain` and `change` (a fraction) since the account day before, flows aside.

    Both are None on the account's first day. `curve` are the unit values of the last days, oldest first, and `drawdown`
    is the distance below the highest unit value of the look-back, a fraction.
    """

    day: date
    value: Decimal
    gain: Decimal | None
    change: float | None
    curve: tuple[float, ...]
    drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """A day of an account. `equity` is that of its last settled day; None for an account without one.

    `failure` says why it is FAILED; `flattened`: its orders close every position. `held_back` has the reason of each
    symbol that is not decided, `late` the symbols that a later pass decided, `halt` the halt in force, if any.
    `warnings` are those that its day before did not have; `repeated` counts the others.
    """

    account: str
    as_of: date
    kind: DayKind
    equity: Equity | None
    decided: bool = False
    flattened: bool = False
    failure: str = ""
    fills: tuple[Fill, ...] = ()
    orders: tuple[Order, ...] = ()
    flows: tuple[RecordedFlow, ...] = ()
    held_back: Mapping[str, str] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    halt: HaltEvent | None = None
    warnings: tuple[str, ...] = ()
    repeated: int = 0


def day_facts(store: Connection, account: str, as_of: date) -> DayFacts:
    """Return the facts of the account's day, whether or not a run has come through it."""
    decisions = ledger.decisions_on(store, account, as_of)
    held_back = {each.symbol: each.reason for each in decisions if each.status is Status.QUARANTINED}
    records = tuple(each for each in runs.runs_on(store, account, as_of, DAILY) if each.outcome is not None)
    kind = kind_on(store, account, as_of)
    said = records[0].outcome.warnings if records and records[0].outcome else ()
    well = next((each.outcome.warnings for each in records if _ended_well(each) and each.outcome), ())
    fresh = tuple(each for each in well if not {each} & set(held_back.values()))
    before = _warnings_before(store, account, as_of)
    new = tuple(each for each in fresh if not {_but_numbers(each)} & before)
    return DayFacts(
        account=account,
        as_of=as_of,
        kind=kind,
        equity=equity_on(store, account, as_of),
        decided=bool(decisions),
        flattened=is_flattened(decisions),
        failure=" ".join(said) if kind is DayKind.FAILED else "",
        fills=ledger.fills_on(store, account, as_of),
        orders=order_store.orders_on(store, account, as_of),
        flows=tuple(
            flow
            for flow in flow_store.due(store, account, as_of)
            if flow.settled_on == as_of and flow.value is not None
        ),
        held_back=held_back,
        late=_late(store, account, as_of) if decisions else (),
        halt=_halt(store, account, as_of),
        warnings=new,
        repeated=len(fresh) - len(new),
    )


def equity_on(store: Connection, account: str, as_of: date, days_drawn: int = DAYS_DRAWN) -> Equity | None:
    """Return the equity at the close of the account's last settled day up to `as_of`; None if there is none."""
    past = position_store.snapshots(store, account, until=as_of, last_days=days_drawn)
    if not past:
        return None
    last, before = past[-1], past[-2] if len(past) > 1 else None
    day = last.account.as_of
    moved = sum(
        (flow.value for flow in flow_store.due(store, account, day) if flow.settled_on == day and flow.value),
        Decimal(0),
    )
    return Equity(
        day=day,
        value=last.equity,
        gain=last.equity - before.equity - moved if before else None,
        change=float(last.unit_value / before.unit_value - 1) if before and before.unit_value > 0 else None,
        curve=tuple(float(snapshot.unit_value) for snapshot in past),
        drawdown=last.drawdown,
    )


def kind_on(store: Connection, account: str, as_of: date) -> DayKind:
    """Return how the day has come out so far; a later pass that failed leaves it partial."""
    statuses = [
        each.outcome.status if each.outcome else RunStatus.RUNNING
        for each in runs.runs_on(store, account, as_of, DAILY)
    ]
    if not statuses:
        return DayKind.MISSED
    for status, kind in (
        (RunStatus.DONE, DayKind.DONE),
        (RunStatus.HALTED, DayKind.HALTED),
        (RunStatus.PARTIAL, DayKind.PARTIAL),
    ):
        if status in statuses:
            return kind
    return DayKind.UNFINISHED if statuses[0] is RunStatus.RUNNING else DayKind.FAILED


def _ended_well(record: RunRecord) -> bool:
    return record.outcome is not None and record.outcome.status in {RunStatus.DONE, RunStatus.PARTIAL}


def _halt(store: Connection, account: str, as_of: date) -> HaltEvent | None:
    """Return the halt in force on the day, as far as it has not been resumed since; None without one."""
    events = [each for each in risk_state.events(store, account) if each.since is None or each.since <= as_of]
    return events[-1] if events and events[-1].kind is not HaltKind.RESUME else None


def _late(store: Connection, account: str, as_of: date) -> tuple[str, ...]:
    """Return the symbols that a pass after the first has decided."""
    return tuple(
        symbol for each in ledger.passes_on(store, account, as_of) if each.number > 1 for symbol in each.symbols
    )


def _warnings_before(store: Connection, account: str, as_of: date) -> set[str]:
    """Return the warnings of the account's day before that has an answer, as `_but_numbers` has them."""
    last = runs.last_done(store, account, DAILY, before=as_of)
    return {*map(_but_numbers, last.outcome.warnings)} if last and last.outcome else set()


def _but_numbers(warning: str) -> str:
    """Return a warning without its numbers, dates aside: with other numbers it is no news on the day after.

    >>> _but_numbers("2 orders of 2020-06-12 were cut to 8.2%")
    '# orders of 2020-06-12 were cut to #%'
    """
    return _NUMBER.sub("#", warning)
