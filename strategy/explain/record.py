"""Explanation of an order: every number between the bars of a day and its orders, as it was used."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.money import QUANTUM
from strategy.account.orders import Order
from strategy.account.quotes import quotes_by_date
from strategy.backtest.day_loop import AccountState, plan_orders
from strategy.backtest.pretrade import pretrade_views
from strategy.explain.forecasts import Evidence, Forecast, explained_forecast, explained_regime
from strategy.explain.sizes import (
    Banded,
    Limited,
    Restrained,
    Sized,
    SleeveStep,
    banded,
    limited,
    restrained,
    sized,
    sleeve_steps,
)
from strategy.market.bars import Bars
from strategy.market.data_hash import data_sha256
from strategy.market.session_dates import session_date
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals
from strategy.portfolio.decision import Decision, LaterPass, decided
from strategy.signals.forecaster import Forecaster, SignalParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The bars of a symbol that were used, from `first` to `last`, and the newest close with its adjustment factor.

    `bars` is their number, at most the `look_back_bars` that the decision uses of any symbol. `columns` are those of
    the user's own that the strategy reads, with their lag in days.
    """

    first: date
    last: date
    bars: int
    look_back_bars: int
    close: float
    factor: float
    columns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The planned order: exposure, equity and mark give the change of the position, rounded down to whole lots.

    `change` and `quantity` are signed. `fx_rate` converts the mark, of prices in `currency`, into that of the account;
    both are None if that is its own. A halt, which is not part of the decision, may cut the order further.
    """

    exposure: float
    equity: Decimal
    mark: Decimal
    held: Decimal
    change: Decimal
    lot: Decimal
    quantity: Decimal
    reason: str
    currency: str | None = None
    fx_rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Every number behind the order of one symbol; each part starts from the result of the previous one."""

    as_of: date
    symbol: str
    strategy: str
    window: Window
    evidence: Evidence
    forecast: Forecast
    sized: Sized | None
    restrained: Restrained
    banded: Banded | None = None
    limited: Limited
    planned: Planned
    sleeves: tuple[SleeveStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """All inputs of a day's decisions, including the model (None: no model trades).

    `state` is the account at the close, `bars` are the look-back windows and `view` the signals on them; `later` is the
    pass of the day if it is not the first.
    """

    state: AccountState
    bars: Mapping[str, Bars]
    view: AlignedSignals
    config: AccountConfig
    held_back: Mapping[str, str]
    model: Forecaster | None
    later: LaterPass | None = None

    @property
    def as_of(self) -> date:
        """Return the day of the decisions."""
        return self.state.account.as_of

    @property
    def data_sha256(self) -> str:
        """Return the hash of the bars, and of the closes that convert their prices."""
        return data_sha256(self.bars, self.config.terms.costs.currencies.fx)


def explanations(day: Judgement) -> tuple[Explanation, ...]:
    """Return the explanation of each of the day's orders, sorted by symbol; symbols without an order are absent.

    Every number comes from the functions that decide: a rule's effect is shown by deciding with and without it.
    """
    snapshot, config = day.state.snapshot, day.config
    (seen,) = pretrade_views(day.view, [day.as_of], config, day.held_back)
    view = seen.in_pass(day.later, config.symbols)
    decisions = decided(view, snapshot, config)
    orders = _orders(day, decisions, config)
    if not orders:
        return ()
    changes = _orders(day, decisions, _unrounded(config))
    asked = day.model if config.strategy.learner else None
    parts = {} if asked is None else asked.parts(day.bars, np.datetime64(day.as_of, "us"))
    steps = zip(
        decisions,
        sized(day.view, view, config),
        restrained(view, snapshot, config),
        banded(view, snapshot, config),
        limited(view, snapshot, config),
        sleeve_steps(day.view, view, decisions, config),
        strict=True,
    )
    return tuple(
        Explanation(
            as_of=day.as_of,
            symbol=decision.symbol,
            strategy=str(config.strategy),
            window=_window(day, decision.symbol),
            evidence=explained_regime(day.bars[decision.symbol], decision),
            forecast=_forecast(day, decision, parts.get(decision.symbol)),
            sized=size,
            restrained=restraint,
            banded=band,
            limited=limit,
            planned=_planned(day, orders[decision.symbol], changes[decision.symbol], limit.exposure),
            sleeves=sleeves,
        )
        for decision, size, restraint, band, limit, sleeves in steps
        if decision.symbol in orders
    )


def _forecast(day: Judgement, decision: Decision, parts: SignalParts | None) -> Forecast:
    return explained_forecast(day.bars, decision, day.config.strategy, parts)


def _orders(day: Judgement, decisions: tuple[Decision, ...], config: AccountConfig) -> dict[str, Order]:
    """Return the orders that carry out the decisions, by symbol."""
    quotes = quotes_by_date(day.bars, day.as_of, day.as_of).on(day.as_of)
    return {order.symbol: order for order in plan_orders(day.state, decisions, quotes, config)}


def _unrounded(config: AccountConfig) -> AccountConfig:
    """Return the account's configuration as if every quantity could be traded."""
    free = {
        symbol: replace(
            instrument,
            lot=QUANTUM,
            min_quantity=Decimal(0),
            max_quantity=None,
            min_notional=Decimal(0),
            max_notional=None,
        )
        for symbol, instrument in config.terms.instruments.items()
    }
    return replace(config, terms=replace(config.terms, instruments=free))


def _window(day: Judgement, symbol: str) -> Window:
    bars = day.bars[symbol]
    return Window(
        first=session_date(bars.open_time[0]),
        last=session_date(bars.open_time[-1]),
        bars=len(bars),
        look_back_bars=max(len(series) for series in day.bars.values()),
        close=float(bars.close[-1]),
        factor=float(bars.factor[-1]),
        columns={name: lag.days for name, lag in day.config.strategy.columns.items()},
    )


def _planned(day: Judgement, order: Order, unrounded: Order, exposure: float) -> Planned:
    quotes = quotes_by_date({order.symbol: day.bars[order.symbol]}, day.as_of, day.as_of).on(day.as_of)
    terms = day.config.terms
    instrument = terms.instruments[order.symbol]
    foreign = terms.costs.currencies.foreign(instrument)
    return Planned(
        exposure=exposure,
        equity=day.state.equity,
        mark=quotes[order.symbol].close,
        held=day.state.account.quantity(order.symbol),
        change=unrounded.signed_quantity,
        lot=instrument.lot,
        quantity=order.signed_quantity,
        reason=order.reason,
        currency=instrument.money if foreign else None,
        fx_rate=terms.rate(order.symbol, day.as_of) if foreign else None,
    )
