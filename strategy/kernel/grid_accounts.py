"""Accounts of a sweep, run in parallel by the compiled kernel: the inputs of the points, and their results.

The kernel's account is the exact one without lots, minimum fees, rounding, or limits on turnover and order size, the
share of a bar's volume among them. It does not reserve exposure for positions in closed markets, and a delisted symbol
keeps its last mark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import numpy as np
from numpy.typing import NDArray

from strategy.account.fees_and_slippage import Costs
from strategy.account.risk_free import risk_free
from strategy.account.trading_terms import TradingTerms
from strategy.evaluation.metrics import Metrics, metrics
from strategy.kernel.grid import Point, account_rule
from strategy.kernel.order_charges import FillBars, charges, fill_bars, order_costs
from strategy.kernel.simulate import AccountMarket, rates_between, simulate
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Instrument, account_days_per_year
from strategy.market.panel import side_by_side
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.availability import availability
from strategy.portfolio.estimates import Estimates, PortfolioSizing, estimates, portfolio_sizing
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.portfolio.limited_days import limited_days
from strategy.portfolio.rebalancing import rebalancing_rows
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import Allocation, SizingParams
from strategy.portfolio.sleeves import sleeved_book
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy, sizing_of

#: The limits of an account for which none are given.
DEFAULT_LIMITS = RiskLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRules:
    """What all points of a panel share besides account and strategy; of the limits only `stale_days` is applied.

    `capital` is the money with which each starts, which decides its market impact; None: not known.
    """

    limits: RiskLimits = DEFAULT_LIMITS
    capital: Decimal | None = None
    allocation: Allocation = Allocation.INVERSE_VOL
    estimator: VolatilityEstimator = VolatilityEstimator.EWMA


#: The rules of a panel for which none are given.
DEFAULT_RULES = PanelRules()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepPanel:
    """Inputs shared by all points of one account, strategy, allocation and estimator.

    There are T dates, and S symbols in sorted order. `sizing` holds the estimates at each close, its signal 0 where no
    position is allowed. `tradable` (T, S) marks where a target is followed, `left` (T, S) where that is 0 because the
    symbol has left the universe. `open` and `close` (T, S) are adjusted, NaN without a session, `days` (T,) are the
    calendar days since the previous date. `fills` is what fees per share and impact read of the bars, and `floor` (S,)
    the lowest exposure allowed.
    """

    instruments: tuple[Instrument, ...]
    strategy: Strategy
    allocation: Allocation
    estimator: VolatilityEstimator
    open_time: TimeArray
    sizing: PortfolioSizing
    tradable: NDArray[np.bool_]
    left: NDArray[np.bool_]
    open: FloatArray
    close: FloatArray
    days: FloatArray
    fills: FillBars
    floor: FloatArray

    @property
    def signal(self) -> FloatArray:
        """Return the signals, (T, S); 0 where no position is allowed."""
        return self.sizing.signal

    @property
    def days_per_year(self) -> int:
        """Return the account days in a year."""
        return account_days_per_year(frozenset(instrument.calendar for instrument in self.instruments))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swept:
    """Results of N points: `net` (T − 1, N) are the daily returns above the risk-free rate from the second date on.

    `capped` (N,) are the shares of the T dates on which a limit, not the target or the signals, decided the exposures:
    see `strategy.portfolio.limited_days`.
    """

    points: tuple[Point, ...]
    metrics: tuple[Metrics, ...]
    net: FloatArray
    capped: FloatArray


def sweep_panel(
    bars: Mapping[str, Bars],
    instruments: Mapping[str, Instrument],
    strategy: Strategy,
    first: np.datetime64,
    rules: PanelRules = DEFAULT_RULES,
) -> SweepPanel:
    """Return the panel of raw bars on the account's dates from `first` on; earlier dates are history."""
    panel = side_by_side({symbol: series.open_time for symbol, series in bars.items()})
    ordered = [bars[symbol] for symbol in panel.symbols]
    traded = tuple(instruments[symbol] for symbol in panel.symbols)
    config = AccountConfig(
        strategy=strategy,
        symbols=panel.symbols,
        sizing=SizingParams(allocation=rules.allocation, volatility_estimator=rules.estimator),
        limits=rules.limits,
        terms=TradingTerms(account="sweep", instruments=instruments, costs=Costs()),
    )
    calendars = {instrument.symbol: instrument.calendar for instrument in traded}
    view = aligned_signals(symbol_signals(bars, calendars, strategy), panel.symbols)
    window = slice(int(np.searchsorted(panel.open_time, first)), None)
    known = estimates(view, panel.open_time[window], config.estimator)
    available = availability(known, config)
    sized = available.sized
    rule = _sizing(known, sized, view, config)
    days = np.diff(panel.open_time, prepend=panel.open_time[:1]) / np.timedelta64(1, "D")
    return SweepPanel(
        instruments=traded,
        strategy=strategy,
        allocation=rules.allocation,
        estimator=rules.estimator,
        open_time=panel.open_time[window],
        sizing=replace(rule, signal=np.where(sized, rule.signal, 0.0)),
        tradable=available.ordered,
        left=available.outside,
        open=panel.at_sessions(series.open * series.factor for series in ordered)[window],
        close=panel.at_sessions(series.close * series.factor for series in ordered)[window],
        days=days[window],
        fills=fill_bars(panel, ordered, rules.capital).since(window),
        floor=np.array([-np.inf if instrument.shortable else 0.0 for instrument in traded]),
    )


def _sizing(known: Estimates, sized: NDArray[np.bool_], view: AlignedSignals, config: AccountConfig) -> PortfolioSizing:
    """Return the sizing of the panel; that of sleeves, which the compiled account has not, gives no exposure at all."""
    if not config.strategy.sleeves:
        return portfolio_sizing(known, sized, view, config)
    unknown = np.full_like(known.signal, np.nan)
    return PortfolioSizing(
        symbols=config.symbols,
        sizing=sizing_of(config.strategy),
        signal=sleeved_book(known, sized, view, config).signal,
        multiplier=unknown,
        budgets=unknown,
        volatility=unknown[:, 0],
    )


def return_matrix(parts: Sequence[tuple[TimeArray, FloatArray]]) -> FloatArray:
    """Return the daily returns of several accounts on their common span of dates, (D, N), one column per point.

    Each part holds the dates (T,) of an account and its points' returns (T, N) on them. The dates run from the latest
    start to the earliest end; on a date without a session the return is 0.

    >>> a, b = np.array(["2020-01-03", "2020-01-06"], "M8[us]"), np.array(["2020-01-03", "2020-01-04"], "M8[us]")
    >>> return_matrix([(a, np.array([[1.0], [2.0]])), (b, np.array([[3.0], [4.0]]))]).tolist()
    [[1.0, 3.0], [0.0, 4.0]]
    """
    first, last = max(dates[0] for dates, _ in parts), min(dates[-1] for dates, _ in parts)
    union = np.unique(np.concatenate([dates for dates, _ in parts]))
    union = union[(first <= union) & (union <= last)]
    result = np.zeros((len(union), sum(net.shape[1] for _, net in parts)))
    begin = 0
    for dates, net in parts:
        kept = (first <= dates) & (dates <= last)
        end = begin + net.shape[1]
        result[np.searchsorted(union, dates[kept]), begin:end] = net[kept]
        begin = end
    return result


def swept(panel: SweepPanel, chunk: Sequence[Point]) -> Swept:
    """Run the accounts of a chunk of points, see `chunks`; each starts with cash on the first date.

    Raises ValueError if the points do not share what a chunk shares, if the panel has fewer than two dates, and for
    sleeves, which the exact account alone has.
    """
    if panel.strategy.sleeves:
        raise ValueError(f"{panel.strategy} has sleeves; run its points in the exact account")
    rules = {(point.strategy, account_rule(point), point.costs.financing) for point in chunk}
    symbols = tuple(instrument.symbol for instrument in panel.instruments)
    made_for = {(symbols, panel.strategy, panel.allocation, panel.estimator)}
    asked = {
        (point.symbols, point.strategy, point.sizing.allocation, point.sizing.volatility_estimator) for point in chunk
    }
    if len(rules) != 1 or asked != made_for:
        raise ValueError(f"{len(chunk)} points do not share account, strategy and rules with their panel; cut chunks")
    if len(panel.open_time) < 2:
        raise ValueError(f"{len(panel.open_time)} date gives no return; a sweep needs at least 2")
    aimed, capped = _targets(panel, chunk)
    market = sweep_market(panel, chunk)
    path = simulate(aimed, market, account_rule(chunk[0]))
    before, change = path.equity[:-1], np.diff(path.equity, axis=0)
    # An account without equity earns nothing.
    net = np.divide(change, before, out=np.zeros_like(change), where=before > 0)
    net -= np.where(before > 0, market.riskless[1:], 0.0)
    days_per_year, cash = panel.days_per_year, risk_free(chunk[0].costs.financing, panel.open_time)
    # Days that lie side by side are read several times as fast as those of a column.
    accounts = zip(np.ascontiguousarray(path.equity.T), np.ascontiguousarray(path.turnover.T), strict=True)
    return Swept(
        points=tuple(chunk),
        metrics=tuple(metrics(equity, turnover, days_per_year, cash) for equity, turnover in accounts),
        net=net,
        capped=capped,
    )


def targets(panel: SweepPanel, chunk: Sequence[Point]) -> FloatArray:
    """Return the target exposures before drawdown control, (T, S, N)."""
    return _targets(panel, chunk)[0]


def _targets(panel: SweepPanel, chunk: Sequence[Point]) -> tuple[FloatArray, FloatArray]:
    """Return the targets, and of each point the share of the dates on which a limit decided them, (N,)."""
    result, capped = np.empty((*panel.signal.shape, len(chunk))), np.empty(len(chunk))
    direction, weight = cache(panel.sizing.directions), cache(panel.sizing.weights)
    for number, point in enumerate(chunk):
        sizing = point.sizing
        most, parts = sizing.max_position_size, (direction(sizing.neutral_zone), weight(sizing.target_annual_vol))
        caps = book_caps(sizing, panel.sizing.symbols)
        aimed = np.maximum(portfolio_exposures(*parts, most, caps), panel.floor)
        result[:, :, number] = aimed
        capped[number] = limited_days(panel.sizing, parts[0] * parts[1], sizing).any.mean()
    return result, capped


def sweep_market(panel: SweepPanel, chunk: Sequence[Point]) -> AccountMarket:
    """Return the market of the points' accounts."""
    N = len(chunk)
    due = rebalancing_rows(panel.open_time, chunk[0].sizing.rebalance_every)
    tradable = panel.tradable & (due[:, None] | panel.left)
    costs = [point.costs for point in chunk]
    cost = [[each.fraction(name) for each in costs] for name in panel.instruments]
    return AccountMarket(
        open=np.repeat(panel.open[:, :, None], N, axis=2),
        close=np.repeat(panel.close[:, :, None], N, axis=2),
        tradable=np.repeat(tradable[:, :, None], N, axis=2),
        days=panel.days,
        cost=np.array(cost),
        rates=rates_between(chunk[0].costs.financing, panel.open_time),
        drawdown=np.zeros(N),
        charges=charges(panel.fills.lanes, order_costs(costs, panel.instruments)),
    )
