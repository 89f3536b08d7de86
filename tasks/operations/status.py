"""Status of an account on one screen: data, model, positions, risk, the last run."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from pathlib import Path

from pydantic import JsonValue

from storage.accounts import cash_flows as flow_store
from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.database import Connection, connect
from storage.ledger import broker_events, risk_state, runs
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.state import Snapshot
from tasks.daily.account_returns import account_returns
from tasks.daily.drift import DriftAnswer, drift
from tasks.notices.left_over import left_over
from tasks.operations.cash_flows import CashFlowAnswer
from tasks.run.account_sleeves import account_sleeves
from tasks.run.answers import (
    Answer,
    Exact,
    LeftOverAnswer,
    OrderAnswer,
    SleeveAnswer,
    order_answer,
    positions_of,
    sleeve_answers,
)
from tasks.run.job import PAPER
from tasks.run.kept_terms import newest_terms, terms_on


class NewestBarAnswer(Answer):
    """The date of a symbol's newest bar."""

    source: str
    symbol: str
    last: date


class LastRunAnswer(Answer):
    """The account's newest run, daily or backfill."""

    command: str
    as_of: date
    started_at: str
    status: str
    warnings: tuple[str, ...]


class StatusAnswer(Answer):
    """The answer of `turbodmt status`; an account without a day has no equity and no terms.

    `terms` are those of its last day, `next_terms` those from its next day on; `twr` is the time-weighted return
    since it opened, `mwr` the money-weighted one a year. `waiting_flows` are booked with the account's next days.
    `left_over` is what an account that is flattened (`flatten`) still holds. `sleeves` is what those of an account with
    several strategies have earned. `drift` says whether the account still does what its past led to expect; null before
    its first day is reported.
    """

    account: str
    broker: str
    as_of: date | None
    equity: Exact | None
    cash: Exact | None
    positions: dict[str, Exact]
    exposures: dict[str, float]
    sleeves: tuple[SleeveAnswer, ...] = ()
    drawdown: float | None
    open_orders: tuple[OrderAnswer, ...]
    strategy: str | None
    model_id: str | None
    halted: bool
    halted_since: date | None
    halted_reason: str | None
    flatten: bool = False
    left_over: tuple[LeftOverAnswer, ...] = ()
    data: tuple[NewestBarAnswer, ...]
    held_back: tuple[str, ...]
    last_run: LastRunAnswer | None
    terms: dict[str, JsonValue] | None = None
    next_terms: dict[str, JsonValue] | None = None
    twr: float | None = None
    mwr: float | None = None
    waiting_flows: tuple[CashFlowAnswer, ...] = ()
    next_runs: tuple[str, ...] = ()
    drift: DriftAnswer | None = None
    warnings: tuple[str, ...] = ()


def account_status(home: Path, account: str) -> StatusAnswer:
    """Return the answer of `turbodmt status`, without the runs to come, which the store does not know."""
    with connect(home) as store:
        snapshot = position_store.latest_snapshot(store, account)
        orders = order_store.open_orders(store, account)
        day = snapshot.account.as_of if snapshot else None
        provenance = ledger.provenance_on(store, account, day) if day else None
        risk = risk_state.load(store, account)
        source, decided = ledger.newest_panel(store, account)
        symbols = {*decided, *(snapshot.account.positions if snapshot else ())}
        data = _newest_bars(store, symbols, source)
        held = [bar.finding.symbol for bar in quarantine.quarantined(store, source) if bar.finding.symbol in symbols]
        broker = broker_events.broker_of(store, account) or PAPER
        last = _last_run(store, account)
        terms = terms_on(store, account, day) if day else None
        next_terms = newest_terms(store, account)
        returns = account_returns(store, account, day) if day else None
        flows = flow_store.waiting(store, account)
        left, sleeves = left_over(store, account), account_sleeves(store, account, day or date.min)
        drifted = drift(store, account, day) if day else None
    answer = StatusAnswer(
        account=account,
        broker=broker,
        as_of=day,
        equity=snapshot.equity if snapshot else None,
        cash=snapshot.account.cash if snapshot else None,
        positions=positions_of(snapshot),
        exposures=_exposures(snapshot),
        drawdown=snapshot.drawdown if snapshot else None,
        open_orders=tuple(map(order_answer, orders)),
        strategy=provenance.strategy if provenance else None,
        model_id=provenance.model_id if provenance else None,
        halted=risk.halted,
        halted_since=risk.since if risk.halted else None,
        halted_reason=risk.reason if risk.halted else None,
        flatten=risk.flatten,
        left_over=left,
        data=data,
        held_back=tuple(sorted(set(held))),
        last_run=last,
        terms=terms,
        next_terms=next_terms,
        twr=returns.twr if returns else None,
        mwr=returns.mwr if returns else None,
        waiting_flows=tuple(map(CashFlowAnswer.model_validate, flows)),
        drift=drifted,
    )
    return answer.model_copy(update={"sleeves": sleeve_answers(sleeves)}) if sleeves else answer


def _newest_bars(store: Connection, symbols: Collection[str], source: str | None) -> tuple[NewestBarAnswer, ...]:
    """Return the newest bar of each symbol, of all sources unless one is named."""
    return tuple(
        NewestBarAnswer(source=series.source, symbol=series.symbol, last=series.last)
        for series in bar_store.published_counts(store)
        if series.symbol in symbols and (source is None or series.source == source)
    )


def _exposures(snapshot: Snapshot | None) -> dict[str, float]:
    """Return the signed value of each position over equity."""
    if snapshot is None or snapshot.equity <= 0:
        return {}
    held = sorted(snapshot.account.positions.items())
    return {symbol: snapshot.exposure(symbol) for symbol, position in held if position.quantity != Decimal(0)}


def _last_run(store: Connection, account: str) -> LastRunAnswer | None:
    """Return the account's newest run, daily or backfill; None if it never had one."""
    newest = runs.runs(store, account=account, last=1)
    if not newest:
        return None
    run, outcome = newest[0].run, newest[0].outcome
    return LastRunAnswer(
        command=run.command,
        as_of=run.as_of,
        started_at=run.started_at.isoformat(timespec="seconds"),
        status=outcome.status if outcome else "running or killed",
        warnings=outcome.warnings if outcome else (),
    )
