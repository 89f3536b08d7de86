"""Accounts on a panel of real bars: those that follow a signal, and the product's `hold`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.risk_free import risk_free
from strategy.backtest.day_loop import turnovers
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD
from strategy.evaluation.metrics import drawdowns, excess_returns
from strategy.kernel.simulate import kernel_inputs, rule_of, run
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import account_days_per_year
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.sizing import VOLATILITY_CAP
from strategy.signals.outlook import symbol_signals
from strategy.training.rollout import exposures
from strategy.training.training_panel import TrainingPanel

CAPITAL = Decimal(10_000)
#: No exposure is as large.
BOUNDLESS = 1e9
#: Exposures within this relative distance of a limit are at it: they are rounded.
NEAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traded:
    """An account after all costs: its equity (D + 1,), and on each date but the first (D,) its return above the rate.

    `turnover` is the traded notional over equity, per year; `exposure` the mean gross exposure at the closes.
    """

    dates: TimeArray
    equity: FloatArray
    net: FloatArray
    turnover: float
    exposure: float
    days_per_year: int

    @property
    def deepest_loss(self) -> float:
        """The largest fall of the equity from its highest value before."""
        return float(drawdowns(self.equity).max())

    @property
    def volatility(self) -> float:
        """The yearly volatility of the returns above the rate."""
        return float(self.net.std(ddof=1) * np.sqrt(self.days_per_year))


def followed(
    departure: FloatArray, panel: TrainingPanel, span: range, config: AccountConfig, cost_multiplier: float = 1.0
) -> Traded:
    """The account that follows the prior plus a departure (D, S) on the span's dates."""
    market = panel.rebalanced(span, cost_multiplier)
    ledger = run(kernel_inputs(exposures(departure, panel, span), market), rule_of(panel.sizing), 1)
    equity, held = ledger.equity[:, 0], ledger.held[:, :, 0]
    traded = (np.abs(np.diff(held, axis=0)) * market.opening[1:, :, 0]).sum(axis=1) / equity[:-1]
    gross = np.abs(held * market.mark[:, :, 0]).sum(axis=1) / equity
    dates = panel.open_time[span.start : span.stop + 1]
    return _account(dates, equity, (float(traded.mean()), float(gross.mean())), config)


def held(bars: Mapping[str, Bars], dates: TimeArray, config: AccountConfig) -> Traded:
    """The account that buys every symbol once with an equal share of the capital, by the exact day loop."""
    own = replace(config, strategy=HOLD)
    calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in bars}
    days: list[date] = dates.astype("datetime64[D]").tolist()
    view = aligned_signals(symbol_signals(bars, calendars, HOLD), config.symbols)
    replayed = replay(view, fill_quotes(bars, days[0], days[-1], config.terms), days, CAPITAL, own)
    equity = np.array([float(snapshot.equity) for snapshot in replayed.snapshots])
    gross = [
        sum(abs(snapshot.exposure(symbol)) for symbol in snapshot.account.positions) for snapshot in replayed.snapshots
    ]
    return _account(dates, equity, (float(np.mean(turnovers(replayed)[1:])), float(np.mean(gross))), config)


def limited(departure: FloatArray, panel: TrainingPanel, span: range, multiplier: FloatArray) -> float:
    """The share of dates on which a limit, not the target, decided.

    It is the cap on the gross exposure or the largest volatility multiplier. `multiplier` (D, S) is that of the regime.
    """
    rows = slice(span.start, span.stop)
    uncapped = replace(panel, sizing=replace(panel.sizing, max_position_size=BOUNDLESS))
    gross = np.abs(exposures(departure, uncapped, span)[:-1, :, 0]).sum(axis=1)
    scale = (panel.weight[rows] / multiplier).sum(axis=1)
    at_limit = (gross > panel.sizing.max_position_size * (1 + NEAR)) | (scale >= VOLATILITY_CAP * (1 - NEAR))
    return float(((gross > 0) & at_limit).mean())


def _account(dates: TimeArray, equity: FloatArray, daily: tuple[float, float], config: AccountConfig) -> Traded:
    turnover, exposure = daily
    calendars = frozenset(config.terms.instruments[symbol].calendar for symbol in config.symbols)
    year = account_days_per_year(calendars)
    cash = risk_free(config.terms.costs.financing, dates)
    return Traded(
        dates=dates[1:],
        equity=equity,
        net=excess_returns(equity, cash),
        turnover=turnover * year,
        exposure=exposure,
        days_per_year=year,
    )
