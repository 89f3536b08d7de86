"""Training panel: inputs, prior, sizing and prices of all symbols, i.e. everything but the network's own signal."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from strategy.account.interest_rates import RateArrays
from strategy.kernel.forward_pass import Charges
from strategy.kernel.order_charges import FillBars, OrderCosts, charges, fill_bars, order_costs
from strategy.kernel.simulate import AccountMarket, rates_between
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Instrument, account_days_per_year
from strategy.market.panel import Panel, side_by_side
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals, in_base_currency
from strategy.portfolio.availability import availability
from strategy.portfolio.estimates import estimates, portfolio_sizing
from strategy.portfolio.rebalancing import Frequency, rebalancing_rows
from strategy.portfolio.sizing import SizingParams
from strategy.signals.features import FEATURE_BARS
from strategy.signals.network_inputs import inputs
from strategy.signals.outlook import symbol_signals
from strategy.signals.prior import PRIOR_BARS

#: A symbol's own row from which inputs and prior are both known.
FIRST_ROW = max(FEATURE_BARS, PRIOR_BARS) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingPanel:
    """Symbols (S) on the account's dates (U): estimates at each close, and the prices at which they are traded.

    `inputs` holds float32 (T, F) of each symbol's own rows, which `dates.row` numbers. `prior` (U, S) is 0 where
    unknown; `weight` (U, S) is g·b·k, which turns a signal into an exposure, 0 where no position is allowed. `tradable`
    (U, S) marks where a target is followed, `left` (U, S) where it is 0 because the symbol has left the universe.
    `open` and `close` (U, S) are adjusted, NaN without a session; `days` (U,) are calendar days since the previous
    account date; `cost` (S,) is what trading costs as a fraction of the traded notional, `order_costs` (S, 1) what
    orders cost besides, given their `fills`, and `floor` (S,) the lowest exposure allowed. Prices in another currency
    are converted at the rate of their own session.
    """

    dates: Panel
    inputs: tuple[NDArray[np.float32], ...]
    prior: FloatArray
    weight: FloatArray
    tradable: NDArray[np.bool_]
    left: NDArray[np.bool_]
    open: FloatArray
    close: FloatArray
    days: FloatArray
    cost: FloatArray
    order_costs: OrderCosts
    fills: FillBars
    floor: FloatArray
    sizing: SizingParams
    rates: RateArrays
    days_per_year: int

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def unbanded(self) -> SizingParams:
        """Return the sizing of the accounts that are trained on: they rebalance daily, without a band.

        Within a band a target has no gradient.
        """
        return replace(self.sizing, rebalance_band=0.0, rebalance_every=Frequency.DAILY)

    @property
    def open_time(self) -> TimeArray:
        """Return the account's dates, (U,)."""
        return self.dates.open_time

    def market(self, first: NDArray[np.int64], count: int, cost_multiplier: float) -> AccountMarket:
        """Return the market of N accounts on `count` dates from each of `first` (N,) on; they start at their peak."""
        rows = first[None, :] + np.arange(count)[:, None]
        return AccountMarket(
            open=np.ascontiguousarray(np.moveaxis(self.open[rows], 2, 1)),
            close=np.ascontiguousarray(np.moveaxis(self.close[rows], 2, 1)),
            tradable=np.ascontiguousarray(np.moveaxis(self.tradable[rows], 2, 1)),
            days=self.days[rows],
            cost=np.repeat(cost_multiplier * self.cost[:, None], len(first), axis=1),
            rates=RateArrays(**{each.name: getattr(self.rates, each.name)[rows] for each in fields(RateArrays)}),
            drawdown=np.zeros(len(first)),
            charges=self._charges(rows, cost_multiplier),
        )

    def _charges(self, rows: NDArray[np.int64], cost_multiplier: float) -> Charges | None:
        if self.order_costs.none:
            return None
        return charges(self.fills.of_accounts(rows), self.order_costs.times(cost_multiplier))

    def rebalanced(self, span: range, cost_multiplier: float) -> AccountMarket:
        """Return the market of one account on the span's dates and the one after, with targets followed when due."""
        market = self.market(np.array([span.start]), len(span) + 1, cost_multiplier)
        if self.sizing.rebalance_every is Frequency.DAILY:
            return market
        rows = slice(span.start, span.stop + 1)
        due = rebalancing_rows(self.open_time[rows], self.sizing.rebalance_every)[:, None] | self.left[rows]
        return replace(market, tradable=market.tradable & due[:, :, None])


def training_panel(bars: Mapping[str, Bars], config: AccountConfig) -> TrainingPanel:
    """Return the panel of raw bars, sized as the configured account sizes all these symbols together.

    Limits on turnover and order size are not applied. Raises ValueError if there is no symbol, RatesMissing
    for dates without a rate.
    """
    if not bars:
        raise ValueError("training was given no symbol; give at least one")
    panel = side_by_side({symbol: series.open_time for symbol, series in bars.items()}, config.limits.stale_days)
    account = replace(config, symbols=panel.symbols)
    instruments = [config.terms.instruments[symbol] for symbol in panel.symbols]
    ordered = [_in_base(bars[instrument.symbol], instrument, config) for instrument in instruments]
    costs, sizing = config.terms.costs, config.sizing
    calendars = {instrument.symbol: instrument.calendar for instrument in instruments}
    view = in_base_currency(aligned_signals(symbol_signals(bars, calendars, account.strategy), panel.symbols), account)
    known = estimates(view, panel.open_time, account.estimator)
    available = availability(known, account)
    sized = available.sized
    rule = portfolio_sizing(known, sized, view, account)
    scale = rule.scale(sizing.target_annual_vol)
    seen = inputs(bars)
    return TrainingPanel(
        dates=panel,
        inputs=tuple(seen[symbol].astype(np.float32) for symbol in panel.symbols),
        prior=np.where(sized, rule.signal, 0.0),
        weight=np.where(sized, rule.multiplier * rule.budgets * scale[:, None], 0.0),
        tradable=available.ordered,
        left=available.outside,
        open=panel.at_sessions(series.open * series.factor for series in ordered),
        close=panel.at_sessions(series.close * series.factor for series in ordered),
        days=np.diff(panel.open_time, prepend=panel.open_time[:1]) / np.timedelta64(1, "D"),
        cost=np.array([costs.fraction(instrument) for instrument in instruments]),
        order_costs=order_costs([costs], instruments),
        fills=fill_bars(panel, ordered, config.capital),
        floor=np.array([-np.inf if instrument.shortable else 0.0 for instrument in instruments]),
        sizing=sizing,
        rates=rates_between(costs.financing, panel.open_time),
        days_per_year=account_days_per_year(frozenset(calendars.values())),
    )


def _in_base(bars: Bars, instrument: Instrument, config: AccountConfig) -> Bars:
    series = config.terms.costs.currencies.of(instrument)
    return bars if series is None else series.converted(bars)
