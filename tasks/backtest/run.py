"""Backtest: the day loop of the live account over history, with every cost, beside its benchmarks."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from exchange.ports import BarSource
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from strategy.account.fees_and_slippage import Costs, without_costs
from strategy.account.quotes import QuotesByDate
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Leg, Replay
from strategy.backtest.fill_quotes import fill_quotes, impacted
from strategy.backtest.pretrade import PreTradeDays, pretrade_days
from strategy.backtest.replay import curve_alone, replay_legs
from strategy.evaluation.costs import Charges, Rates, charges, rates
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.robustness import RobustnessReport
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars
from strategy.market.instruments import Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.drawdown_halt import halt_date
from strategy.portfolio.limited_days import limited_days_of
from strategy.signals.outlook import symbol_signals, warm_up_bars
from strategy.signals.strategies import Strategy
from strategy.sleeves.results import SleeveResults, sleeve_results
from strategy.training.walk_forward import overlaid
from tasks.backtest.measured import days_per_year, equity_of, measure
from tasks.backtest.robustness import judged
from tasks.backtest.walk_forward import HERE, FoldAnswer, Walk, left_to_the_prior, refused_signals, walk
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.data.own_columns import seen_by
from tasks.data.universe import chosen_in_hindsight
from tasks.data.used_data import used_sha256
from tasks.models.fold_models import History
from tasks.notices.excess_rates import above_zero
from tasks.notices.exposure_limits import limits_decided_often
from tasks.notices.high_rates import high_rates
from tasks.notices.impact import without_impact
from tasks.notices.maker_fees import unused_maker_fees
from tasks.notices.missed_orders import cut_orders
from tasks.notices.ranges import without_ranges
from tasks.parallel.runner import Runner
from tasks.performance.assessment import Assessment, Conditions, Rival, assess
from tasks.performance.symbol_benchmark import closes_on
from tasks.run.job import Job
from tasks.strategies.audit_gate import Subject, proven
from tasks.validation.eligible import Use, remarks, usable
from tasks.validation.gate import Gate, inspect
from tasks.validation.standing_warnings import LOOK_BACK

log = logging.getLogger(__name__)

#: What is called with a sentence on what is about to begin.
Notify = Callable[[str], None]

TESTING = Use(failing="nothing can be tested", option="--end-date", refused=UsageError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The requested backtest: strategies, the first being the subject, from `start` to the job's `as_of`, inclusive.

    `beside` is a symbol that the subject is assessed beside, None for the first of the other strategies.
    """

    strategies: tuple[Strategy, ...]
    start: date | None
    beside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One account over the window, with its metrics."""

    label: str
    replay: Replay
    metrics: Metrics


#: The capitals of a capacity curve.
CAPITALS = tuple(Decimal(10) ** power for power in range(4, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The net Sharpe ratio of the subject's account with this capital; None if it never traded."""

    capital: Decimal
    sharpe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A finished backtest; `gross` pays no cost and no spread, `net_2x_cost` pays twice the fee and slippage.

    `benchmarks` are net. `folds` list which model or the prior traded which days of the first strategy that learns, if
    there is one.
    `trials` counts the configurations tried on these symbols in an overlapping window; None for a baseline, which is no
    trial. `charges` are what the net account paid, at `rates`. `robustness` is None where equity moves on too few days
    to judge. `assessment` is of the net account, beside the first benchmark. `would_halt_on` is the day on which the
    drawdown limit would have halted the account. `bar_warnings` are the warnings about bars, also among `warnings`.
    `capacity` is empty without market impact. `sleeves` is what each sleeve of the net account has earned, None if it
    runs a single strategy.
    """

    job: Job
    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    gross: Tested
    net: Tested
    net_2x_cost: Tested
    benchmarks: Mapping[str, Tested]
    data_sha256: str
    folds: tuple[FoldAnswer, ...]
    trials: int
    robustness: RobustnessReport | None
    would_halt_on: date | None
    warnings: tuple[str, ...]
    bar_warnings: tuple[str, ...]
    charges: Charges
    rates: Rates
    instruments: Mapping[str, Instrument]
    assessment: Assessment
    capacity: tuple[Capacity, ...] = ()
    sleeves: SleeveResults | None = None

    @property
    def model_id(self) -> str | None:
        """Return the model that traded the whole window; None if there were several, or the prior traded some of it."""
        traded = {fold.model_id if fold.promoted else None for fold in self.folds}
        return traded.pop() if len(traded) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """The tested market: instruments, bars up to the end, and the account's dates in the window.

    `known` holds the published bars of all requested symbols, and `listed` their instruments: a model also sees those
    that the gate holds back. `beside` is the symbol that the subject is assessed beside, if one was named.
    """

    instruments: Mapping[str, Instrument]
    bars: Mapping[str, Bars]
    known: Mapping[str, Bars]
    listed: Mapping[str, Instrument]
    dates: tuple[date, ...]
    beside: Rival | None


def backtest(
    job: Job, window: Window, open_source: Callable[[], BarSource], notify: Notify = log.info, run: Runner = HERE
) -> Backtest:
    """Run the subject at zero, single and double cost, and its benchmarks net of cost, on the same bars.

    `turbo` is walked forward: the runner trains a model for each year on its past; `notify` is called before each.
    Nothing dated after `as_of` is fetched or validated; symbols that the gate holds back are dropped with a warning.
    Raises UsageError, NothingPublishable, TrainingRefused, and what the source and the store raise.
    """
    _publish_beside(job, window, open_source)
    ingest(job, open_source)
    gate = inspect(job, None, window.start and window.start - LOOK_BACK)
    job, symbols = with_series(job), usable(job, gate, TESTING)
    market = _market(job, symbols, window)
    walks = _walks(job, window, market, (notify, run))
    views = {strategy: _view(job, strategy, symbols, market, walks.get(strategy)) for strategy in window.strategies}
    terms, quotes = _traded_on(job, symbols, market)
    days = {
        strategy: pretrade_days(view, market.dates, _config(job, strategy, symbols, market))
        for strategy, view in views.items()
    }
    accounts = _Accounts(job=job, symbols=symbols, market=market, views=views, days=days, quotes=quotes)
    return _tested(accounts, window, gate, walks, terms)


def _tested(
    accounts: "_Accounts", window: Window, gate: Gate, walks: Mapping[Strategy, Walk], terms: TradingTerms
) -> Backtest:
    """Return the accounts of a backtest, replayed and judged."""
    job, symbols, market, quotes = accounts.job, accounts.symbols, accounts.market, accounts.quotes
    subject, costs = window.strategies[0], job.policy.costs
    net = accounts.run(subject, "net", costs)
    _demand_a_decision(accounts.days[subject], subject, market)
    benchmarks = {str(rival): accounts.measured(rival, str(rival), costs) for rival in window.strategies[1:]}
    sleeves = sleeve_results(net.replay) if job.policy.strategy.sleeves else None
    others = {name: benchmark.replay for name, benchmark in benchmarks.items()}
    trials, found = judged(job, net.replay, others, market.instruments)
    at, days_a_year = rates(costs, market.instruments), days_per_year(market.instruments)
    under = Conditions(quotes=quotes, rates=at, days_per_year=days_a_year)
    return Backtest(
        job=job,
        symbols=symbols,
        dates=market.dates,
        gross=accounts.measured(subject, "gross", without_costs(costs)),
        net=net,
        net_2x_cost=accounts.measured(subject, "net at twice the cost", replace(costs, multiplier=Decimal(2))),
        benchmarks=benchmarks,
        data_sha256=used_sha256(seen_by(subject, job.home, job.source, market.bars), costs),
        folds=next((walked.folds for walked in walks.values()), ()),
        would_halt_on=halt_date(market.dates, net.replay.unit_values, job.policy.limits),
        trials=trials,
        robustness=found,
        warnings=(
            *remarks(gate),
            *_left_to_priors(walks),
            *chosen_in_hindsight(market.instruments),
            *_of_sizing(accounts, subject),
            *_of_costs(accounts, terms, {str(subject): net.replay, **others}),
        ),
        bar_warnings=gate.standing,
        charges=charges(net.replay, quotes, days_a_year),
        rates=at,
        instruments=market.instruments,
        assessment=assess(net.replay, market.beside or _first(others), under, sleeves),
        capacity=_capacity(accounts, subject, terms),
        sleeves=sleeves,
    )


def _first(benchmarks: Mapping[str, Replay]) -> Rival | None:
    """Return the first benchmark; None without any."""
    return next((Rival(name=name, path=equity_of(record)) for name, record in benchmarks.items()), None)


def _publish_beside(job: Job, window: Window, open_source: Callable[[], BarSource]) -> None:
    """Fetch and publish the bars of the symbol that the subject is assessed beside, if it is not traded itself."""
    if window.beside is not None and window.beside not in job.symbols:
        alone = replace(job, symbols=(window.beside,))
        ingest(alone, open_source)
        usable(alone, inspect(alone, None), TESTING)


def _traded_on(job: Job, symbols: tuple[str, ...], market: "_Market") -> tuple[TradingTerms, QuotesByDate]:
    terms = job.policy.account_config(job.account, symbols, market.instruments).terms
    return terms, fill_quotes(market.bars, market.dates[0], market.dates[-1], terms)


def _of_costs(accounts: "_Accounts", terms: TradingTerms, replays: Mapping[str, Replay]) -> list[str]:
    """Return warnings about rates, unused fees, orders that the bars cut, and the first account's unmoved fills."""
    subject = next(iter(replays.values()))
    return [
        *high_rates(terms.costs.financing),
        *above_zero(terms.costs.financing),
        *unused_maker_fees(accounts.job.policy.config),
        *cut_orders(replays, accounts.market.bars),
        *without_impact(subject.fills, accounts.quotes, terms),
    ]


def _capacity(accounts: "_Accounts", subject: Strategy, terms: TradingTerms) -> tuple[Capacity, ...]:
    """Return the capacity curve of the net account; empty if its orders do not move prices."""
    if not impacted(terms):
        return ()
    ladder = {capital: accounts.with_capital(capital) for capital in CAPITALS}
    return tuple(
        Capacity(capital=capital, sharpe=each.measured(subject, f"net with {capital:,}", terms.costs).metrics.sharpe)
        for capital, each in ladder.items()
    )


def _market(job: Job, symbols: tuple[str, ...], window: Window) -> _Market:
    with connect(job.home) as store:
        known = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
        named = () if window.beside is None else (window.beside,)
        rivals = bar_store.load(store, job.source, named, until=job.as_of)
    bars = {symbol: series for symbol, series in known.items() if symbol in symbols}
    every = account_dates(bars)
    start = window.start or every[0]
    dates = tuple(day for day in every if start <= day)
    if not dates:
        raise UsageError(
            f"no bar of {', '.join(symbols)} lies between {start} and {job.as_of}; they run from {every[0]} to "
            f"{every[-1]}"
        )
    traded = {symbol: instrument for symbol, instrument in instruments.items() if symbol in symbols}
    # A day without a rate is refused before any training begins.
    job.policy.costs.financing.on(dates[:-1])
    job.policy.costs.currencies.demand(traded.values(), dates)
    priced = (Rival(name=symbol, path=closes_on(symbol, series, dates)) for symbol, series in rivals.items())
    return _Market(
        instruments=traded, bars=bars, known=known, listed=instruments, dates=dates, beside=next(priced, None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accounts:
    """The accounts of one backtest, which differ only in strategy and cost; `days` is what is known before them."""

    job: Job
    symbols: tuple[str, ...]
    market: _Market
    views: Mapping[Strategy, AlignedSignals]
    days: Mapping[Strategy, PreTradeDays]
    quotes: QuotesByDate

    def with_capital(self, capital: Decimal) -> "_Accounts":
        """Return the same accounts with another capital."""
        return replace(self, job=replace(self.job, policy=replace(self.job.policy, capital=capital)))

    def measured(self, strategy: Strategy, label: str, costs: Costs) -> Tested:
        """Replay the account as `run` does; what is no curve is replayed again if somebody reads it."""
        tested = self.run(strategy, label, costs)
        return replace(tested, replay=curve_alone(tested.replay, lambda: self._replayed(strategy, costs)))

    def run(self, strategy: Strategy, label: str, costs: Costs) -> Tested:
        """Replay the account of a strategy at these costs."""
        replayed = self._replayed(strategy, costs)
        return Tested(label=label, replay=replayed, metrics=measure(replayed, self.market.instruments, costs.financing))

    def _replayed(self, strategy: Strategy, costs: Costs) -> Replay:
        market, job = self.market, replace(self.job, policy=replace(self.job.policy, costs=costs))
        leg = Leg(
            view=self.views[strategy],
            dates=market.dates,
            config=_config(job, strategy, self.symbols, market),
            days=self.days[strategy],
        )
        return replay_legs([leg], self.quotes, job.policy.capital)


def _config(job: Job, strategy: Strategy, symbols: tuple[str, ...], market: _Market) -> AccountConfig:
    return replace(job.policy, strategy=strategy).account_config(job.account, symbols, market.instruments)


def _walks(job: Job, window: Window, market: _Market, how: tuple[Notify, Runner]) -> dict[Strategy, Walk]:
    """Return the folds of the window and their signals for each strategy that learns."""
    walks = {}
    for strategy in [strategy for strategy in window.strategies if strategy.learner]:
        own = replace(job, policy=replace(job.policy, strategy=strategy))
        config = own.policy.account_config(job.account, job.symbols, market.listed)
        bars = seen_by(strategy, job.home, job.source, market.known)
        history = History(bars=bars, config=config, start=market.dates[0], end=market.dates[-1])
        walks[strategy] = walk(own, history, *how)
    return walks


def _left_to_priors(walks: Mapping[Strategy, Walk]) -> list[str]:
    """Return sentences on folds and signals that were left to priors."""
    found: list[str] = []
    for strategy, walked in walks.items():
        found += [*left_to_the_prior(strategy, walked.folds), *refused_signals(strategy, walked)]
    return found


def _view(job: Job, strategy: Strategy, symbols: Sequence[str], market: _Market, walked: Walk | None) -> AlignedSignals:
    """Return the strategy's signals: if it learns, those of its folds where they have any, else its prior's."""
    calendars = {symbol: market.listed[symbol].calendar for symbol in market.known}
    symbols_seen = tuple(market.known)
    subject = Subject(home=job.home, source=job.source, symbols=symbols_seen, strategy=strategy, at=job.now)
    seen = symbol_signals(seen_by(strategy, job.home, job.source, market.known), calendars, proven(subject))
    if walked is not None:
        seen = {symbol: overlaid(signals, walked.signals[symbol]) for symbol, signals in seen.items()}
    return aligned_signals(seen, symbols)


def _of_sizing(accounts: _Accounts, subject: Strategy) -> list[str]:
    """Return warnings that limits decided, or that the volatility asked for could not be estimated."""
    job, market, view = accounts.job, accounts.market, accounts.views[subject]
    config = _config(job, subject, accounts.symbols, market)
    days = limited_days_of(view, market.dates, config)
    ranges = without_ranges(view.outlooks, config.estimator, market.dates[0])
    return [*limits_decided_often(subject, days, config.sizing), *ranges]


def _demand_a_decision(days: PreTradeDays, strategy: Strategy, market: _Market) -> None:
    """Raise UsageError if no symbol was ever in the universe, or none had enough history to be traded."""
    if days.any_traded:
        return
    if not any(instrument.member(day) for instrument in market.instruments.values() for day in market.dates):
        raise UsageError(
            f"the universe contains none of {', '.join(market.bars)} between {market.dates[0]} and {market.dates[-1]}; "
            "choose other dates or symbols, or correct it with `turbodmt universe`"
        )
    most = max(len(bars) for bars in market.bars.values())
    raise UsageError(
        f"the history is too short: {strategy} needs {warm_up_bars(strategy)} bars of a symbol before it trades, and "
        f"by {market.dates[-1]} there are {most}; choose a later --end-date or a source with more history"
    )
