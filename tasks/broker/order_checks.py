"""The checks of an order just before it leaves, as things stand in the store by then."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import risk_state, takeovers
from storage.models import registry as model_store
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.account.quotes import quotes_by_date
from strategy.backtest.day_loop import AccountState
from strategy.exit_codes import UsageError
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.pretrade_checks import PreTradeState, PreTradeViolation, not_sent, pretrade_violation
from tasks.broker.takeover_plan import UNSENT
from tasks.run.job import Job

#: States of orders at an external broker in which it is unknown whether they have traded.
_DOUBTFUL = frozenset({OrderState.SENT, OrderState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBooks:
    """The account at the close of the day, its rules, and the day's closes by symbol, read once for all orders."""

    state: AccountState
    config: AccountConfig
    closes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What orders are checked against: their state, those of unknown outcome, and whether the books have changed."""

    state: PreTradeState
    doubtful: tuple[Order, ...]
    overtaken: bool


def day_books(job: Job, account: tuple[AccountState, AccountConfig]) -> DayBooks:
    """Return the books of the job's day for the account."""
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=1)
    quotes = quotes_by_date(bars, job.as_of, job.as_of).on(job.as_of)
    state, config = account
    return DayBooks(state=state, config=config, closes={symbol: quote.close for symbol, quote in quotes.items()})


def standing(store: Connection, job: Job, books: DayBooks) -> Standing:
    """Return what the day's orders are checked against now."""
    config = books.config
    state = PreTradeState(
        account=books.state.account,
        marks=books.closes,
        today=order_store.orders_on(store, job.account, job.as_of),
        instruments=config.terms.instruments,
        limits=config.limits,
        max_position_size=config.sizing.max_position_size,
        halted=risk_state.load(store, job.account).halted,
        model_age_bars=_model_age_bars(store, job),
        model_max_age_bars=job.policy.recipe.model_max_age_bars,
        fx_rates={symbol: config.terms.rate(symbol, job.as_of) for symbol in books.closes},
    )
    waiting = order_store.open_orders(store, job.account)
    return Standing(
        state=state,
        doubtful=tuple(order for order in waiting if order.state in _DOUBTFUL),
        overtaken=bool(takeovers.entries_after(store, job.account, job.as_of)),
    )


def refusal(job: Job, order: Order, found: Standing, now: datetime) -> PreTradeViolation | None:
    """Return why the order may not be sent after all; None if it may. One that closes a position needs no close."""
    if order.as_of != job.as_of:
        return not_sent(f"decided for {order.as_of}, which is over")
    if job.sends_until is not None and now > job.sends_until:
        return not_sent(f"too late at {now:%Y-%m-%d %H:%M} UTC, orders leave until {job.sends_until:%Y-%m-%d %H:%M}")
    for other in found.doubtful:
        if other.symbol == order.symbol and other.order_id != order.order_id:
            return not_sent(f"it is not known yet what became of order {other.order_id} of {other.as_of}")
    if found.overtaken:
        # It was decided on books that have changed since.
        return PreTradeViolation(code=ReasonCode.OVERTAKEN, reason=UNSENT)
    state = found.state
    if order.reduce_only:
        held = {symbol: position.mark for symbol, position in state.account.positions.items()}
        state = replace(state, marks={**held, **state.marks})
    return pretrade_violation(order, state)


def _model_age_bars(store: Connection, job: Job) -> int | None:
    """Return the account days since the deciding model was trained; None if no registered model decided."""
    provenance = ledger.provenance_on(store, job.account, job.as_of)
    if provenance is None or provenance.model_id is None:
        return None
    try:
        trained_to = model_store.find(store, provenance.model_id).trained_to
    except UsageError:
        # An audit decides days with models of walk-forward folds, which are not in the registry.
        return None
    return len(bar_store.session_dates(store, job.source, job.symbols, after=trained_to, until=job.as_of))
