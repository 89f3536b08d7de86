"""Concerns read from the store: overdue accounts, failed runs, missed orders, halts, drift, and symbols held back."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from exchange.sessions.closing_times import closed_by, last_closed
from storage.accounts import digests
from storage.bars import instruments as instrument_store
from storage.bars import quarantine
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, runs
from storage.ledger.runs import RunRecord, RunStatus
from strategy.account.orders import OPEN_STATES, OrderState
from strategy.market.findings import FRESH
from tasks.daily.drift import drift, drift_sentences
from tasks.notices.delistings import silent_symbols
from tasks.notices.missed_orders import missed_among, sentences
from tasks.run.answers import MODEL_FAULTS, Answer
from tasks.run.runs import DAILY

#: An unfinished run that began longer ago than this has died silently.
LEASE = timedelta(hours=6)
#: A run is overdue this long after its bar's close.
PATIENCE = timedelta(hours=12)
#: A day run later than this after its date was a replay, not a live run.
LIVE_WITHIN = timedelta(days=7)
#: A digest that is claimed and not sent after this long has met a fault, or its process has died.
SENT_WITHIN = timedelta(minutes=10)


#: Orders missed on this many of the account's last days with orders are a concern.
MISSED_DAYS, MISSED_OF = 2, 3
#: States of orders that it is too early to judge.
WAITING = OPEN_STATES - {OrderState.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """A concern to be reported once: its key, and a sentence that ends with the remedy."""

    key: str
    text: str


class WatchAnswer(Answer):
    """The answer of `turbodmt watch`."""

    concerns: tuple[Concern, ...]
    warnings: tuple[str, ...]


def look(home: Path, now: datetime, watched: Collection[str] | None = None) -> tuple[Concern, ...]:
    """Return all concerns at the instant, sorted by key; with `watched`, of those accounts alone.

    With None, of the accounts whose newest run was live: a replay is an experiment. Raises StoreError.
    """
    with connect(home) as store:
        return concerns_in(store, now, watched)


def concerns_in(store: Connection, now: datetime, watched: Collection[str] | None = None) -> tuple[Concern, ...]:
    """Return what `look` does, of an open store."""
    found = [
        concern
        for record in runs.newest_runs(store, DAILY)
        if (is_live(record) if watched is None else record.run.account in watched)
        for concern in _of_account(store, record, now)
    ]
    held = [
        Concern(
            key=f"held:{row.source}:{row.finding.symbol}",
            text=f"{row.finding.symbol} of {row.source} is held back: {row.finding.reason}; `turbodmt bars` shows "
            "what; correct the source, or release a bar that is right as it is with `turbodmt import --accept`",
        )
        for row in quarantine.quarantined(store)
        # A bar that is late may still come: the account that waits for it says so when the day's time is over.
        if row.finding.expectation != FRESH
    ]
    once = {concern.key: concern for concern in (*held, *found)}
    return tuple(once[key] for key in sorted(once))


def _of_account(store: Connection, record: RunRecord, now: datetime) -> Iterator[Concern]:
    run, outcome, account = record.run, record.outcome, record.run.account
    if outcome is None and now - run.started_at > LEASE:
        yield Concern(
            key=f"unfinished:{account}",
            text=f"the run of {account} for {run.as_of} began at {run.started_at:%Y-%m-%d %H:%M} UTC and never ended; "
            "run it again: it repairs what was left",
        )
    failed = outcome is not None and outcome.status is RunStatus.FAILED
    # A source that is late is asked again until the time of the day is over.
    late = outcome is not None and outcome.status is RunStatus.LATE and _over(store, record, now)
    if outcome is not None and (failed or late):
        said = outcome.warnings[0] if outcome.warnings else "nothing was said"
        yield Concern(key=f"failed:{account}", text=f"the last run of {account}, for {run.as_of}, failed: {said}")
    if outcome is not None and outcome.status is RunStatus.PARTIAL and _over(store, record, now):
        yield Concern(
            key=f"partial:{account}",
            text=f"{run.as_of} of {account} ended without {', '.join(_waiting(record))}, whose bars did not come in "
            "time or are held back; `turbodmt bars` shows why; their positions are kept until their next bars",
        )
    model_warning = _model_warning(record)
    if model_warning:
        yield Concern(
            key=f"model:{account}",
            text=f"{account} lacks a fresh network: {model_warning}; `turbodmt models` shows the register",
        )
    yield from _orders_missed(store, account)
    yield from _digests_unsent(store, account, now)
    risk = risk_state.load(store, account)
    if risk.halted:
        state = "flattened" if risk.flatten else "halted"
        yield Concern(
            key=f"halted:{account}",
            text=f"{account} has been {state} since {risk.since}: {risk.reason}; once you know why, "
            f"`turbodmt resume --account {account} --reason TEXT`",
        )
    day = _last(store, account)
    if day is not None:
        yield from _of_newest_day(store, account, day)
    if is_live(record):
        expected, last = _expected(store, account, now), _last(store, account)
        if expected is not None and last is not None and last < expected:
            yield Concern(
                key=f"overdue:{account}",
                text=f"{account} stands at {last}, and the bars of {expected} closed more than "
                f"{PATIENCE / timedelta(hours=1):.0f} hours ago; see whether its schedule is active and a worker runs",
            )


def _of_newest_day(store: Connection, account: str, day: date) -> Iterator[Concern]:
    """Yield a concern for each symbol that has gone silent, and one if the account has left its limits."""
    for symbol, said in silent_symbols(store, account, day).items():
        yield Concern(key=f"silent:{account}:{symbol}", text=f"{said}; or leave it out of the account's symbols")
    left = drift_sentences(drift(store, account, day), account)
    if left:
        yield Concern(
            key=f"drift:{account}", text=f"{account} no longer does what its past led to expect: {'; '.join(left)}"
        )


def _over(store: Connection, record: RunRecord, now: datetime) -> bool:
    """Return whether the time of a run's day is over: PATIENCE after the last of its bars closed."""
    run = record.run
    known = instrument_store.find(store, *ledger.newest_panel(store, run.account))
    closes = (closed_by(instrument.calendar, run.as_of) for instrument in known.values())
    return now > max(closes, default=run.started_at) + PATIENCE


def _waiting(record: RunRecord) -> tuple[str, ...]:
    """Return the symbols that a partial day waits for."""
    assert record.outcome is not None, "a partial run has ended"
    return tuple(json.loads(record.outcome.result or "{}").get("waiting", ()))


def _digests_unsent(store: Connection, account: str, now: datetime) -> Iterator[Concern]:
    """Yield a concern if the message on a day may not have arrived, and no later one has."""
    found = digests.unsent(store, account, claimed_after=now - LIVE_WITHIN, claimed_before=now - SENT_WITHIN)
    if found:
        named = ", ".join(str(each.as_of) for each in found)
        yield Concern(
            key=f"digest:{account}",
            text=f"the digest of {named} may not have arrived; `turbodmt digest --account {account} --as-of "
            f"{found[-1].as_of}` prints it; it is not sent again: if that stays so, check the notification block",
        )


def _orders_missed(store: Connection, account: str) -> Iterator[Concern]:
    """Yield a concern if orders miss repeatedly; none once the newest day's orders were taken in full.

    Days without orders do not count, nor does a day whose orders may all still trade, as paper's do until their bar
    arrives.
    """
    source, _ = ledger.newest_panel(store, account)
    days = order_store.days_ordered(store, account, most=MISSED_OF + 1)
    judged = []
    for day in days:
        orders = order_store.orders_on(store, account, day)
        if not all(order.state in WAITING for order in orders if order.state is not OrderState.SKIPPED):
            judged.append(missed_among(store, (account, source or ""), orders))
    judged = judged[:MISSED_OF]
    missed = [orders for orders in judged if orders]
    if judged and judged[0] and len(missed) >= MISSED_DAYS:
        yield Concern(
            key=f"orders:{account}",
            text=f"orders of {account} were not taken as decided on {len(missed)} of the last {len(judged)} days that "
            f"ordered: {sentences(missed[0])[0]}; see the reason, and check the broker's balance, keys and rules; "
            f"`turbodmt explain {missed[0][0].order.order_id}` shows the order's steps",
        )


def is_live(record: RunRecord) -> bool:
    """Return whether the run started soon after its day had ended."""
    return record.run.started_at.date() - record.run.as_of <= LIVE_WITHIN


def _model_warning(record: RunRecord) -> str:
    """Return the run's warning about its model (too old, damaged, or none could be trained); empty if there is none."""
    if record.outcome is None or record.outcome.result is None:
        return ""
    answer = json.loads(record.outcome.result)
    return str(answer["model_reason"]) if answer.get("model_code") in MODEL_FAULTS else ""


def _last(store: Connection, account: str) -> date | None:
    snapshot = position_store.latest_snapshot(store, account)
    return snapshot.account.as_of if snapshot else None


def _expected(store: Connection, account: str, now: datetime) -> date | None:
    """Return the newest day that the account should have reached by now; None if its symbols are unknown."""
    known = instrument_store.find(store, *ledger.newest_panel(store, account))
    return max((last_closed(instrument.calendar, now - PATIENCE) for instrument in known.values()), default=None)
