"""Chunks of a sweep, and their accounts, which any worker can make."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

import numpy as np

from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.evaluation.metrics import excess_returns
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Point, chunks
from strategy.kernel.grid_accounts import PanelRules, SweepPanel, Swept, sweep_panel, swept
from strategy.market.bars import Bars
from strategy.market.instruments import Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.limited_days import LimitedDays, limited_days_of
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import Allocation
from strategy.signals.faults import StrategyRefused
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import symbol_signals, warm_up_bars
from strategy.signals.strategies import Strategy
from strategy.work_progress import WorkName, WorkStep, told
from tasks.backtest.measured import cash_of, equity_of, measure
from tasks.data.used_data import used_sha256
from tasks.notices.impact import without_impact
from tasks.notices.missed_orders import cut_orders
from tasks.parallel.runner import Runner
from tasks.run.job import RunConfig
from tasks.strategies.grid_points import at_point
from tasks.strategy_process.parameter_values import described


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """One chunk of points with the panel that they share.

    `exact` is the market of the exact account, where the compiled one lacks what is stated of the instruments; else
    None.
    """

    panel: SweepPanel
    points: tuple[Point, ...]
    exact: "SweepMarket | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMarket:
    """The published bars of all symbols, their instruments, the account and its rules, and the first date traded.

    `own` are the bars as the strategies see them that declare columns of the user's own.
    """

    bars: Mapping[str, Bars]
    instruments: Mapping[str, Instrument]
    account: str
    policy: RunConfig
    start: date
    own: Mapping[Strategy, Mapping[str, Bars]]

    @property
    def limits(self) -> RiskLimits:
        """Return the account's limits."""
        return self.policy.limits

    def of(self, symbols: Sequence[str]) -> dict[str, Bars]:
        """Return the bars of an account."""
        return {symbol: self.bars[symbol] for symbol in symbols}

    def seen_by(self, strategy: Strategy, symbols: Sequence[str]) -> dict[str, Bars]:
        """Return the bars of an account as the strategy sees them."""
        bars = self.own.get(strategy, self.bars)
        return {symbol: bars[symbol] for symbol in symbols}

    def data_sha256(self, strategies: Iterable[Strategy]) -> str:
        """Return the hash of the data as the strategies see it; of all views together if they declare other columns.

        That of one view is a backtest's.
        """
        views = {tuple(sorted(one.columns.items())): self.own.get(one, self.bars) for one in strategies}
        hashes = sorted({used_sha256(view, self.policy.costs) for view in views.values()})
        return hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest()

    def dates(self, symbols: Sequence[str]) -> tuple[date, ...]:
        """Return the dates of an account in the window. Raises UsageError if there are fewer than two."""
        every = account_dates(self.of(symbols))
        dates = tuple(day for day in every if day >= self.start)
        if len(dates) < 2:
            raise UsageError(
                f"{', '.join(symbols)} has {len(dates)} bars from {self.start} on and a sweep needs 2; its bars run "
                f"from {every[0]} to {every[-1]}"
            )
        return dates


#: Most points in a chunk of the exact account, which takes seconds for each: workers share even a small grid.
EXACT_POINTS = 4
#: Each chunk of points is reported when it is done.
SWEEP = WorkName(name="Sweep", unit="points")


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelKey:
    """What the points of a panel share."""

    symbols: tuple[str, ...]
    strategy: Strategy
    allocation: Allocation
    estimator: VolatilityEstimator


def panel_key(point: Point) -> PanelKey:
    """Return what the point shares with the others of its panel."""
    sizing = point.sizing
    return PanelKey(
        symbols=point.symbols,
        strategy=point.strategy,
        allocation=sizing.allocation,
        estimator=sizing.volatility_estimator,
    )


def cut_work(points: Sequence[Point], market: SweepMarket) -> tuple[Work, ...]:
    """Return the points in chunks, of which those that share what a panel is made for have one. Raises UsageError."""
    groups: dict[PanelKey, list[Point]] = {}
    for point in points:
        groups.setdefault(panel_key(point), []).append(point)
    result: list[Work] = []
    for key, members in groups.items():
        panel = _panel(market, key)
        if not panel.tradable.any():
            raise UsageError(
                f"the history of {', '.join(key.symbols)} is too short: {key.strategy} needs "
                f"{warm_up_bars(key.strategy)} bars of a symbol before it trades; choose a later --end-date, or leave "
                "it out of the grid"
            )
        for chunk in chunks(members, len(panel.open_time)):
            stated = all(point.costs.compiled(panel.instruments) for point in chunk)
            if stated and not key.strategy.sleeves:
                result.append(Work(panel=panel, points=chunk))
                continue
            parts = (chunk[first : first + EXACT_POINTS] for first in range(0, len(chunk), EXACT_POINTS))
            result.extend(Work(panel=panel, points=part, exact=market) for part in parts)
    return tuple(result)


def _panel(market: SweepMarket, key: PanelKey) -> SweepPanel:
    """Return the panel of some points. Raises StrategyRefused, with the strategy's parameters."""
    rules = PanelRules(
        limits=market.limits, capital=market.policy.capital, allocation=key.allocation, estimator=key.estimator
    )
    first = np.datetime64(market.dates(key.symbols)[0], "us")
    bars = market.seen_by(key.strategy, key.symbols)
    try:
        return sweep_panel(bars, market.instruments, key.strategy, first, rules)
    except StrategyRefused as error:
        raise at_point(error, described(key.strategy.parameters)) from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Inputs:
    """What the chunks of a sweep share: their panels, and the market where any of them needs the exact account."""

    panels: tuple[SweepPanel, ...]
    market: SweepMarket | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Some points, the number of their panel, and whether they need the exact account."""

    panel: int
    points: tuple[Point, ...]
    exact: bool


def accounts(work: Sequence[Work], run: Runner) -> list[Swept]:
    """Return the accounts of each chunk, compiled if they can be; the runner's workers get a panel once."""
    numbers: dict[int, int] = {}
    for chunk in work:
        numbers.setdefault(id(chunk.panel), len(numbers))
    panels = {id(chunk.panel): chunk.panel for chunk in work}
    market = next((chunk.exact for chunk in work if chunk.exact is not None), None)
    tasks = [
        _Chunk(panel=numbers[id(chunk.panel)], points=chunk.points, exact=chunk.exact is not None) for chunk in work
    ]
    result: list[Swept] = []
    done, total = 0, sum(len(chunk.points) for chunk in work)
    told(WorkStep(work=SWEEP, done=0, total=total))
    with closing(run.map(_traded, tasks, _Inputs(panels=tuple(panels.values()), market=market))) as found:
        for chunk, part in zip(work, found, strict=True):
            result.append(part)
            done += len(chunk.points)
            told(WorkStep(work=SWEEP, done=done, total=total))
    return result


def _traded(inputs: _Inputs, chunk: _Chunk) -> Swept:
    if not chunk.exact:
        return swept(inputs.panels[chunk.panel], chunk.points)
    assert inputs.market is not None, "a chunk needs it"
    return _exactly(inputs.market, chunk.points)


def _exactly(market: SweepMarket, points: tuple[Point, ...]) -> Swept:
    """Return the accounts of points that share symbols and strategy, in Decimal."""
    view = signals_of(market, points[0])
    replays = exact_replays(market, points, view)
    instruments = {symbol: market.instruments[symbol] for symbol in points[0].symbols}
    equity = [equity_of(replayed) for replayed in replays]
    riskless = [cash_of(replayed, point.costs.financing) for point, replayed in zip(points, replays, strict=True)]
    capped = [days.any.mean() for days in points_limited(market, points, view)]
    return Swept(
        points=points,
        metrics=tuple(
            measure(replayed, instruments, point.costs.financing)
            for point, replayed in zip(points, replays, strict=True)
        ),
        net=np.column_stack([excess_returns(one, cash) for one, cash in zip(equity, riskless, strict=True)]),
        capped=np.array(capped),
    )


def exact_replays(market: SweepMarket, points: Sequence[Point], view: AlignedSignals) -> list[Replay]:
    """Return the accounts of points in Decimal, with lots, rounding and limits; they share symbols and strategy."""
    symbols = points[0].symbols
    bars, dates = market.of(symbols), market.dates(symbols)
    result = []
    for point in points:
        config = _config(market, point)
        quotes = fill_quotes(bars, dates[0], dates[-1], config.terms)
        result.append(replay(view, quotes, dates, market.policy.capital, config))
    return result


def fill_warnings(market: SweepMarket, point: Point, replayed: Replay) -> list[str]:
    """Return warnings about a point's orders that were cut to a share of the volume, or have none of their impact.

    The compiled account cuts no order.
    """
    dates, bars, terms = market.dates(point.symbols), market.of(point.symbols), _config(market, point).terms
    unmoved = without_impact(replayed.fills, fill_quotes(bars, dates[0], dates[-1], terms), terms)
    return [*cut_orders({"best point": replayed}, bars), *(f"best point: {sentence}" for sentence in unmoved)]


def points_limited(market: SweepMarket, points: Sequence[Point], view: AlignedSignals) -> list[LimitedDays]:
    """Return the days on which limits decided the exposures of points that share symbols and strategy."""
    dates = market.dates(points[0].symbols)
    return [limited_days_of(view, dates, _config(market, point)) for point in points]


def signals_of(market: SweepMarket, point: Point) -> AlignedSignals:
    """Return the signals of the point's strategy on its symbols."""
    calendars = {symbol: market.instruments[symbol].calendar for symbol in point.symbols}
    seen = market.seen_by(point.strategy, point.symbols)
    return aligned_signals(symbol_signals(seen, calendars, point.strategy), point.symbols)


def _config(market: SweepMarket, point: Point) -> AccountConfig:
    # The costs of a point were stated before the rates of its currencies and its funding were known.
    known = market.policy.costs
    costs = replace(point.costs, currencies=known.currencies, funding=known.funding)
    policy = replace(market.policy, strategy=point.strategy, sizing=point.sizing, costs=costs)
    return policy.account_config(market.account, point.symbols, market.instruments)
