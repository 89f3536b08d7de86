"""Returns of an account whose owner pays in and out: time-weighted, free of the flows, and money-weighted."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from storage.accounts import cash_flows as flow_store
from storage.accounts.cash_flows import RecordedFlow
from storage.database import Connection
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.cash_flows import FlowRefusal, free_equity
from strategy.evaluation.money_weighted import money_weighted_return
from tasks.report.backtest_tables import FEWEST_ANNUALISED_DAYS
from tasks.report.markup import exactly, money, share


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReturns:
    """Returns since the account opened: `twr` in all, `mwr` a year, from FEWEST_ANNUALISED_DAYS account days on.

    `paid_in` is what deposits and transfers brought, less withdrawals. A return is None where it is not defined; at an
    external broker both are, as a takeover moves money without a flow.
    """

    twr: float | None
    mwr: float | None
    paid_in: Decimal


def account_returns(store: Connection, account: str, day: date) -> AccountReturns:
    """Return the returns of the account up to a settled day of it.

    TWR = U[T]/U[0] − 1 with the unit value U; MWR is the rate at which capital and flows would have grown to E[T].
    """
    flows = booked_flows(store, account, day)
    paid_in = sum((flow.value or Decimal(0) for flow in flows), Decimal(0))
    opened = ledger.first_day(store, account)
    if opened is None or broker_events.broker_of(store, account) is not None:
        return AccountReturns(twr=None, mwr=None, paid_in=paid_in)
    (first,) = position_store.snapshots(store, account, until=opened, last_days=1)
    lived = position_store.snapshots(store, account, until=day, last_days=FEWEST_ANNUALISED_DAYS + 1)
    last, annualised = lived[-1], len(lived) > FEWEST_ANNUALISED_DAYS
    dated = [(opened, float(first.equity))]
    dated += [(flow.settled_on, float(flow.value)) for flow in flows if flow.settled_on and flow.value is not None]
    return AccountReturns(
        twr=float(last.unit_value / first.unit_value - 1) if first.unit_value > 0 else None,
        mwr=money_weighted_return(dated, float(last.equity), last.account.as_of) if annualised else None,
        paid_in=paid_in,
    )


def booked_flows(store: Connection, account: str, day: date) -> tuple[RecordedFlow, ...]:
    """Return the flows that were booked up to the day, in their order."""
    return tuple(
        flow
        for flow in flow_store.every(store, account)
        if flow.settled_on is not None and flow.settled_on <= day and flow.value is not None
    )


def refused_flows(store: Connection, account: str, after: date, until: date) -> tuple[str, ...]:
    """Return a sentence on each flow that a day after `after`, up to `until`, did not book, and the remedy."""
    return tuple(
        f"the {_told(flow)} of account {account} was not booked on {flow.settled_on}: "
        f"{_beyond(store, account, flow) if flow.refusal is FlowRefusal.BEYOND_FREE else _WHY[flow.refusal]}"
        for flow in flow_store.every(store, account)
        if flow.refusal is not None and flow.settled_on is not None and after < flow.settled_on <= until
    )


def _beyond(store: Connection, account: str, refused: RecordedFlow) -> str:
    """Return why a withdrawal exceeded what was free, and how much that was."""
    assert refused.settled_on is not None, "a day has refused it"
    (snapshot,) = position_store.snapshots(store, account, until=refused.settled_on, last_days=1)
    of_day = flow_store.due(store, account, refused.settled_on)
    # The day's snapshot is after all of its flows: those booked after this one are not counted.
    later = of_day[of_day.index(refused) + 1 :]
    came = sum((flow.flow.signed_cash for flow in later if flow.value is not None), Decimal(0))
    free = exactly(free_equity(snapshot.account, -came))
    return f"it exceeds {free}, the equity less long and short positions at that close; ask for no more"


_WHY = {
    FlowRefusal.WORTHLESS: "nothing is left of the account; open another with --account",
    FlowRefusal.NO_CLOSE: "no close of it is known; import its bars and ask again",
}


def _told(flow: RecordedFlow) -> str:
    """Return the flow in words, such as `deposit of 500`."""
    moved = f"{exactly(flow.quantity)} {flow.symbol}" if flow.symbol else exactly(flow.cash)
    return f"{flow.kind} of {moved}"


def flow_facts(store: Connection, account: str, day: date) -> tuple[tuple[str, str], ...]:
    """Return what a day's report says of flows, exchange rates and funding, as names and values; empty without any."""
    brought = {
        "FX profit of the day, and since it opened": ledger.fx_profits(store, account, day),
        "Funding of the day, and since it opened; negative if paid": ledger.funding_paid(store, account, day),
    }
    told = tuple((name, " and ".join(map(money, both))) for name, both in brought.items() if both)
    flows = booked_flows(store, account, day)
    if not flows:
        return told
    returns = account_returns(store, account, day)
    today = ", ".join(_told(flow) for flow in flows if flow.settled_on == day)
    return (
        *told,
        *((("Booked from outside on the day", today),) if today else ()),
        ("Paid in since it opened", money(returns.paid_in)),
        ("Money-weighted return per year", share(returns.mwr)),
    )
