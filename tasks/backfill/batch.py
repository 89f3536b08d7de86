"""A batch of account days decided by one champion: simulated in memory, then written in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

import numpy as np

from exchange.ports import Broker
from storage.database import Connection, connect, transaction
from storage.ledger import bulk, risk_state
from storage.ledger import days as ledger
from storage.ledger.bulk import SimulatedDay
from storage.ledger.row_codec import DayPass, Provenance
from strategy.account.orders import Order, OrderState
from strategy.account.quotes import QuotesByDate
from strategy.account.state import Entry
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import AccountState, Day, opening, plan_orders, settle_day, unseen, with_orders
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.halted_orders import only_reducing
from strategy.backtest.pretrade import decide
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars
from strategy.market.currencies import FxSeries
from strategy.market.data_hash import data_sha256
from strategy.market.session_dates import session_date
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Decision
from strategy.portfolio.drawdown_halt import RiskState, update_halt
from strategy.signals.forecaster import Forecaster
from strategy.signals.outlook import look_back, symbol_signals
from tasks.daily.account_state import account_config, state_at
from tasks.daily.restatement import Restated, restated
from tasks.models.load import forecaster
from tasks.run.job import Job
from tasks.run.kept_terms import open_with_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBatch:
    """Consecutive account days, oldest first, of which the job's `as_of` is the last, decided by one model or none.

    `bars` hold the whole known history; each day sees only those dated that day or earlier. `barred` names by day the
    symbols that must not trade, with the reason.
    """

    job: Job
    days: tuple[date, ...]
    model_id: str | None
    bars: Mapping[str, Bars]
    barred: Mapping[date, Mapping[str, str]]


def run_batch(batch: DayBatch, open_broker: Callable[[datetime], Broker]) -> None:
    """Simulate the batch and write its days to the ledger, all of them or none.

    Every day settles, decides and orders as a daily run does, on its look-back window alone.
    """
    job = batch.job
    model = forecaster(job.home, job.policy.strategy, batch.model_id)
    with connect(job.home) as store:
        simulated, risk = _simulated(store, batch, model, open_broker(job.now))
        with transaction(store):
            if ledger.first_day(store, job.account) is None:
                open_with_terms(store, job, batch.days[0])
            bulk.record(store, job.account, simulated, risk, job.now)


def _simulated(
    store: Connection, batch: DayBatch, model: Forecaster | None, broker: Broker
) -> tuple[list[SimulatedDay], RiskState]:
    job = batch.job
    config, risk = account_config(store, job), risk_state.load(store, job.account)
    state = state_at(store, job, date.max)
    if state is not None and state.account.as_of >= batch.days[0]:
        raise UsageError(
            f"account {job.account} has come to {state.account.as_of} while {batch.days[0]} was to be filled; "
            "another run fills it too: wait until that ends"
        )
    moved: tuple[Entry, ...] = ()
    if state is not None:
        found = restated(store, job, state)
        _demand_known_units(found, job)
        state, moved = found.state, found.entries(batch.days[0])
    quotes, currencies = _quotes(batch, state, config.terms), config.terms.costs.currencies
    simulated: list[SimulatedDay] = []
    for as_of in batch.days:
        settled = _settled(job, state, quotes, as_of, config)
        if as_of == batch.days[0]:
            settled = replace(settled, entries=(*moved, *settled.entries))
        state = settled.state
        risk = update_halt(risk, state.snapshot, job.policy.limits)
        window = look_back(partial(newest, batch.bars, as_of), job.policy.strategy, model, config.estimator)
        calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in window}
        seen = symbol_signals(window, calendars, job.policy.strategy, model, since=np.datetime64(as_of, "us"))
        view = aligned_signals(seen, job.symbols)
        rules = config.at_once if risk.halted else config
        decisions = decide(view, state.snapshot, rules, batch.barred.get(as_of))
        planned = _planned(state, decisions, quotes, config, risk)
        orders = tuple(
            broker.submit(order, job.now).order if order.state is OrderState.INTENDED else order for order in planned
        )
        state = with_orders(state, orders)
        simulated.append(
            SimulatedDay(
                settled=settled,
                decisions=decisions,
                provenance=_provenance(batch, window, currencies.fx),
                orders=orders,
                day_pass=_first_pass(batch, as_of),
                fx=currencies.taken_on(as_of),
            )
        )
    return simulated, risk


def _provenance(batch: DayBatch, window: Mapping[str, Bars], fx: Mapping[str, FxSeries]) -> Provenance:
    strategy = batch.job.policy.strategy
    return Provenance(
        source=batch.job.source,
        strategy=strategy.name,
        model_id=batch.model_id,
        data_sha256=data_sha256(window, fx),
        strategy_sha256=strategy.version or None,
    )


def _first_pass(batch: DayBatch, as_of: date) -> DayPass | None:
    """Return what the day's first pass has missed; None if no symbol is held back."""
    held_back = batch.barred.get(as_of)
    if not held_back:
        return None
    last = {symbol: session_date(bars.open_time[-1]) for symbol, bars in newest(batch.bars, as_of, 1).items()}
    behind = {symbol: last.get(symbol) for symbol in batch.job.symbols if last.get(symbol) != as_of}
    return DayPass(symbols=batch.job.symbols, held_back=held_back, behind=behind)


def _demand_known_units(found: Restated, job: Job) -> None:
    """Raise UsageError if the past of a symbol that the account holds was restated without one certain ratio."""
    for symbol, change in sorted(found.doubtful.items()):
        raise UsageError(
            f"{symbol}: its close of {change.on} was {change.old.normalize():f} when account {job.account} was filled "
            f"and is {change.new.normalize():f} now, by no ratio that five bars agree on; fill another account with "
            "--account"
        )


def _quotes(batch: DayBatch, state: AccountState | None, terms: TradingTerms) -> QuotesByDate:
    """Return the quotes of the batch, in which the account has not settled yet."""
    last = batch.days[-1]
    known = {symbol: bars.until(np.datetime64(last, "us")) for symbol, bars in batch.bars.items()}
    if state is None:
        return fill_quotes(known, batch.days[0], last, terms)
    return unseen(state, known, last, terms)


def _settled(job: Job, state: AccountState | None, quotes: QuotesByDate, as_of: date, config: AccountConfig) -> Day:
    if state is None:
        return Day(state=opening(as_of, job.policy.capital), fills=(), entries=(), settled=())
    return settle_day(state, quotes.on(as_of), as_of, config)


def _planned(
    state: AccountState,
    decisions: tuple[Decision, ...],
    quotes: QuotesByDate,
    config: AccountConfig,
    risk: RiskState,
) -> tuple[Order, ...]:
    """Return the orders of the day; those of a halted account only reduce positions."""
    planned = plan_orders(state, decisions, quotes.on(state.account.as_of), config)
    if not risk.halted:
        return planned
    return only_reducing(planned, state, config)


def newest(bars: Mapping[str, Bars], as_of: date, count: int) -> dict[str, Bars]:
    """Return the newest bars up to the day, at most `count` of each symbol; those without any are absent."""
    stops = {
        symbol: int(np.searchsorted(series.open_time, np.datetime64(as_of, "us"), side="right"))
        for symbol, series in bars.items()
    }
    return {symbol: bars[symbol].rows(max(0, stop - count), stop) for symbol, stop in sorted(stops.items()) if stop}
