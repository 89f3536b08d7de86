"""Backtest: the day loop of the live account over history, with every cost, beside its benchmarks."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from exchange.ports import BarSource
from storage import bars as bar_store
from storage import instruments as instrument_store
from storage import models as model_store
from storage import trials
from storage.database import connect
from storage.trials import Trial
from strategy.backtest import Replay, replay, turnovers
from strategy.bars import Bars
from strategy.decision import Panorama, Status, panorama
from strategy.execution import NO_COSTS, Costs
from strategy.instruments import Calendar, Instrument, account_days_per_year
from strategy.market import account_dates, data_sha256, tape
from strategy.metrics import Metrics, metrics
from strategy.risk import halt_date
from strategy.signals import Forecaster, Strategy, outlooks, warm_up_bars
from tasks.forecast import forecaster
from tasks.ingest import ingest
from tasks.job import Job
from tasks.validate import NothingPublishable, inspect


class WindowRefused(ValueError):
    """The window cannot be tested: empty, too little history, or known to the model (exit 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What to test: the strategies, the first being the subject, from `start` to the job's `as_of`, both included."""

    strategies: tuple[Strategy, ...]
    start: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One account over the window, and its metrics."""

    label: str
    replay: Replay
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A finished backtest; `gross` pays nothing, `net_2x_cost` pays twice the fee and slippage.

    `benchmarks` are net. `trials` counts the configurations tried on these symbols in an overlapping window; None for a
    baseline, which is no trial. `would_halt_on` is the day on which the drawdown limit would have halted the account.
    """

    job: Job
    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    gross: Tested
    net: Tested
    net_2x_cost: Tested
    benchmarks: Mapping[str, Tested]
    data_sha256: str
    model_id: str | None
    trials: int | None
    would_halt_on: date | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """What is traded: instruments, bars up to the end, and the account's dates in the window.

    `known` holds the published bars of all symbols asked for, with their `calendars`: a model also sees those that the
    gate holds back.
    """

    instruments: Mapping[str, Instrument]
    bars: Mapping[str, Bars]
    known: Mapping[str, Bars]
    calendars: Mapping[str, Calendar]
    dates: tuple[date, ...]


def backtest(job: Job, window: Window, open_source: Callable[[], BarSource]) -> Backtest:
    """The subject with no, single and double cost, and the benchmarks net, on the same bars.

    Nothing dated after `as_of` is fetched or validated; symbols that the gate holds back are dropped with a warning.
    Raises WindowRefused, NothingPublishable, and what the source and the store raise.
    """
    ingest.fn(job, open_source)
    gate = inspect(job, None)
    symbols = tuple(symbol for symbol in job.symbols if symbol not in gate.held_back)
    if all(finding.expectation == "bars" for finding in gate.findings) and not symbols:
        raise WindowRefused(
            f"no bar of {', '.join(job.symbols)} is dated {job.as_of} or earlier; choose a later --end-date"
        )
    if not symbols:
        raise NothingPublishable(f"nothing can be tested: {'; '.join(sorted(gate.held_back.values())[:3])}")
    subject = window.strategies[0]
    model_id, model_warnings = _model(job, window)
    market = _market(job, symbols, window)
    model = forecaster(job.home, model_id)
    views = {one: _view(one, symbols, market, model) for one in window.strategies}
    accounts = _Accounts(job=job, symbols=symbols, market=market, views=views)
    costs = job.policy.costs
    net = accounts.run(subject, "net", costs)
    _demand_a_decision(net.replay, subject, market)
    benchmarks = {str(one): accounts.run(one, str(one), costs) for one in window.strategies[1:]}
    gone = tuple(f"{reason}; it is left out" for _, reason in sorted(gate.held_back.items()))
    return Backtest(
        job=job,
        symbols=symbols,
        dates=market.dates,
        gross=accounts.run(subject, "gross", NO_COSTS),
        net=net,
        net_2x_cost=accounts.run(subject, "net at twice the cost", replace(costs, multiplier=Decimal(2))),
        benchmarks=benchmarks,
        data_sha256=data_sha256(market.bars),
        model_id=model_id,
        would_halt_on=halt_date(net.replay.snapshots, job.policy.limits),
        trials=_count_trial(job, subject, symbols, market.dates),
        warnings=(*gone, *gate.warnings, *model_warnings),
    )


def _market(job: Job, symbols: tuple[str, ...], window: Window) -> _Market:
    with connect(job.home) as store:
        known = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
    calendars = {symbol: instruments[symbol].calendar for symbol in known}
    bars = {symbol: one for symbol, one in known.items() if symbol in symbols}
    every = account_dates(bars)
    start = window.start or every[0]
    dates = tuple(day for day in every if start <= day)
    if not dates:
        raise WindowRefused(
            f"no bar of {', '.join(symbols)} lies between {start} and {job.as_of}; they run from {every[0]} to "
            f"{every[-1]}"
        )
    traded = {symbol: one for symbol, one in instruments.items() if symbol in symbols}
    return _Market(instruments=traded, bars=bars, known=known, calendars=calendars, dates=dates)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accounts:
    """The accounts of one backtest, which differ in strategy and cost alone."""

    job: Job
    symbols: tuple[str, ...]
    market: _Market
    views: Mapping[Strategy, Panorama]

    def run(self, strategy: Strategy, label: str, costs: Costs) -> Tested:
        """The account of a strategy at these costs."""
        market, job = self.market, self.job
        policy = replace(job.policy, strategy=strategy, costs=costs)
        mandate = policy.mandate(job.account, self.symbols, market.instruments)
        quotes = tape(market.bars, market.dates[0], market.dates[-1])
        replayed = replay(self.views[strategy], quotes, market.dates, job.policy.capital, mandate)
        return Tested(label=label, replay=replayed, metrics=measure(replayed, market.instruments))


def _view(strategy: Strategy, symbols: Sequence[str], market: _Market, model: Forecaster | None) -> Panorama:
    """What the strategy sees; a network is asked about the window alone, since a year of it takes seconds."""
    seen = outlooks(market.known, market.calendars, strategy, model, since=np.datetime64(market.dates[0], "us"))
    return panorama(seen, symbols)


def measure(replayed: Replay, instruments: Mapping[str, Instrument]) -> Metrics:
    """The metrics of an account, annualised by its account days."""
    equity = [float(snapshot.equity) for snapshot in replayed.snapshots]
    days_per_year = account_days_per_year(frozenset(one.calendar for one in instruments.values()))
    return metrics(equity, turnovers(replayed), days_per_year)


def _model(job: Job, window: Window) -> tuple[str | None, tuple[str, ...]]:
    """The model that may be tested in the window, None for the prior, and what to warn of."""
    if Strategy.TURBO not in window.strategies:
        return None, ()
    with connect(job.home) as store:
        known = model_store.champion(store, job.source, job.symbols, trained_until=date.max)
    if known is None:
        return None, ("no model of these symbols is promoted: turbo trades its prior; `turbodmt models` says why",)
    if window.start is None or window.start <= known.trained_to:
        since = window.start or "the first bar"
        raise WindowRefused(
            f"the window from {since} overlaps the training of model {known.model_id[:12]}, which saw bars up to "
            f"{known.trained_to}; start after that day, or use --strategy rules"
        )
    return known.model_id, (
        f"one model, trained up to {known.trained_to}, trades the whole window without a retraining",
    )


def _demand_a_decision(replayed: Replay, strategy: Strategy, market: _Market) -> None:
    """None; refuses a window in which no symbol ever had history enough to be traded."""
    if any(decision.status is Status.TRADED for decision in replayed.decisions):
        return
    most = max(len(bars) for bars in market.bars.values())
    raise WindowRefused(
        f"the history is too short: {strategy} needs {warm_up_bars(strategy)} bars of a symbol before it trades, and "
        f"by {market.dates[-1]} there are {most}; choose a later --end-date or a source with more history"
    )


def _count_trial(job: Job, subject: Strategy, symbols: Sequence[str], dates: Sequence[date]) -> int | None:
    """The trials on these symbols and days with this one; None for a baseline."""
    if subject not in (Strategy.TURBO, Strategy.RULES):
        return None
    config = json.dumps({**json.loads(job.policy.config), "strategy": str(subject)})
    trial = Trial(symbols=tuple(symbols), start=dates[0], end=dates[-1], config=config, recorded_at=job.now)
    with connect(job.home) as store:
        return trials.record(store, trial)


def backtest_json(tested: Backtest, files: Sequence[str]) -> dict[str, object]:
    """The answer of `turbodmt backtest`."""
    job = tested.job
    return {
        "symbols": list(tested.symbols),
        "start": tested.dates[0].isoformat(),
        "end": tested.dates[-1].isoformat(),
        "bars": len(tested.dates),
        "strategy": str(job.policy.strategy),
        "gross": asdict(tested.gross.metrics),
        "net": asdict(tested.net.metrics),
        "net_2x_cost": asdict(tested.net_2x_cost.metrics),
        "benchmarks": {name: {"net": asdict(one.metrics)} for name, one in tested.benchmarks.items()},
        "significance": None,
        "data_sha256": tested.data_sha256,
        "code_version": job.code_version,
        "config": json.loads(job.policy.config),
        "model_id": tested.model_id,
        "seed": job.policy.recipe.seed,
        "trials": tested.trials,
        "would_halt_on": tested.would_halt_on.isoformat() if tested.would_halt_on else None,
        "files": list(files),
        "warnings": list(tested.warnings),
    }
