"""Plan of a run: its day, instant, symbols and rules, decided once, here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import inf
from re import fullmatch, sub
from uuid import uuid4

from exchange.ports import BarSource
from exchange.sessions.calendars import sessions
from exchange.sessions.named_calendars import NamedCalendars
from flows.config.instrument_file import table_of
from flows.config.settings import PATTERNS, SYMBOL_PATTERN, Settings, load
from flows.config.spelling import ACCOUNT_PATTERN
from flows.config.wall_clock import clock
from flows.planning.base_currency import closing_calendars, in_kept_currency, without_pairs
from flows.planning.financing import financing, with_rates
from flows.planning.newest_day import closed, day_of_payout, has_begun, newest_bar
from strategy.account.fees_and_slippage import NO_COSTS, Costs, on_stated_terms
from strategy.account.interest_rates import FinancingTerms
from strategy.builtin.registry import BUILT_IN
from strategy.exit_codes import Exit
from strategy.market.currencies import Currencies
from strategy.market.instruments import Instrument
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import ExposureCaps, SizingParams
from strategy.signals.strategies import Strategy
from strategy.training.recipe import TrainingConfig
from tasks.run.code_version import code_version
from tasks.run.job import PAPER, Job, RunConfig
from tasks.run.trial_key import sleeves_described
from tasks.strategies.binding import parameters_json
from tasks.strategies.catalogue import chosen

#: Settings that say where to run, on what and whom to tell, not how: they are no part of a result's configuration.
PLACES = frozenset({"home", "source", "symbols", "broker", "funding", "notify"})
#: Most symbols that one run may trade.
MOST_SYMBOLS = 5_000


class RequestRefused(ValueError):
    """A request of the user that cannot be fulfilled (exit 2)."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The user's request for a run; `as_of` None means the newest closed bar.

    A window runs from `since` (None: the start of the record) to `until`, or to the newest closed bar if that comes
    first. `broker` is where its orders go; a run without orders has paper's. One that `settles` an account may come to
    the session after a record's end, on which what is left of delisted symbols is paid out.
    """

    account: str
    as_of: date | None = None
    since: date | None = None
    until: date | None = None
    clock: datetime
    broker: str = PAPER
    settles: bool = False

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise RequestRefused(f"--start-date {self.since} lies after --end-date {self.until}; swap them")
        demand_account(self.account)


def demand_account(name: str) -> None:
    """Raise RequestRefused for an invalid account name: it becomes a folder and part of artifact keys."""
    if not fullmatch(ACCOUNT_PATTERN, name):
        near = sub("[^a-z0-9]+", "-", name.lower())[:64].strip("-")
        proposed = f"; {near} would do" if near else ""
        raise RequestRefused(
            f"--account is {name!r}; it must be up to 64 lower-case letters, digits and dashes{proposed}"
        )


def day(text: str | None, option: str) -> date | None:
    """Return the date of an option; None if it was not given. Raises RequestRefused for anything but a date.

    >>> day("2018-12-31", "--as-of")
    datetime.date(2018, 12, 31)
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RequestRefused(f"{option} is {text!r}; it must be a date such as 2018-12-31") from error


def between(account: str, start: str | None, end: str | None) -> Request:
    """Return the request for the days from --start-date to --end-date. Raises RequestRefused for anything but dates."""
    since, until = day(start, "--start-date"), day(end, "--end-date")
    return Request(account=account, since=since, until=until, clock=clock())


def learning(settings: Settings) -> Strategy:
    """Return the strategy of the settings if it has models, else the first built-in one that has."""
    return next(strategy for strategy in (strategy_of(settings), *BUILT_IN.values()) if strategy.learner)


def learner_named(settings: Settings, given: str | None) -> Strategy:
    """Return the strategy that is given if it has models, without one that of `learning`.

    Raises RequestRefused for one that has none.
    """
    strategy = learning(settings) if given is None else strategy_of(settings)
    if strategy.learner is None:
        raise RequestRefused(
            f"--strategy {given} has a signal and no learner, so that there is nothing to train; name one with a "
            "learner, such as turbo"
        )
    return strategy


def run_config(settings: Settings, strategy: Strategy, terms: FinancingTerms) -> RunConfig:
    """Return the rules that the settings describe, for this strategy and on these terms of financing."""
    return RunConfig(
        strategy=strategy,
        sizing=SizingParams(
            target_annual_vol=settings.target_annual_vol,
            max_position_size=settings.max_position_size,
            neutral_zone=settings.neutral_zone,
            lookback_period=settings.lookback_period,
            allocation=settings.allocation,
            volatility_estimator=settings.volatility_estimator,
            caps=_caps(settings),
            rebalance_band=settings.rebalance_band,
            rebalance_every=settings.rebalance_every,
        ),
        limits=RiskLimits(
            max_turnover=settings.max_turnover,
            max_order_notional=settings.max_order_notional,
            stale_days=settings.stale_days,
            max_drawdown_halt=settings.max_drawdown_halt,
        ),
        costs=Costs(
            fee_bps=_decimal(settings.fee_bps),
            slippage_bps=_decimal(settings.slippage_bps),
            financing=terms,
            instruments=table_of(settings.instruments),
            currencies=Currencies(base=settings.base_currency or ""),
        ),
        recipe=TrainingConfig(
            dimensions=settings.network_dimensions,
            heads=settings.network_heads,
            layers=settings.network_layers,
            context_bars=settings.lookback_period,
            members=settings.ensemble_members,
            steps=settings.training_steps,
            warm_steps=settings.warm_training_steps,
            validation_share=settings.validation_share,
            twins=settings.twins,
            seed=settings.seed,
            threads=settings.threads,
            device=settings.device,
            retrain_every_bars=settings.retrain_every_bars,
            first_retry_bars=settings.first_retry_bars,
            cold_start_every_bars=settings.cold_start_every_bars,
            model_max_age_bars=settings.model_max_age_bars,
        ),
        capital=settings.capital,
        config=_canonical(settings, strategy),
    )


def _caps(settings: Settings) -> ExposureCaps:
    return ExposureCaps(
        symbol=settings.max_symbol_exposure or inf,
        group=settings.max_group_exposure or inf,
        groups=tuple(tuple(sorted(members)) for _, members in sorted(settings.groups.items())),
    )


def _canonical(settings: Settings, strategy: Strategy) -> str:
    """Return the settings as canonical JSON, with the strategy's version and parameters if it has any."""
    # Results of before there were terms of instruments, or a base currency, are those without any.
    unstated = [name for name in ("instruments", "base_currency") if not getattr(settings, name)]
    known = settings.model_dump(mode="json", exclude={*PLACES, "parameters", *unstated})
    own: dict[str, object] = {"strategy_sha256": strategy.version} if strategy.version else {}
    if strategy.parameters is not None:
        own["parameters"] = json.loads(parameters_json(strategy))
    if strategy.sleeves:
        own["sleeves"] = sleeves_described(strategy)
    return json.dumps({**known, "strategy": strategy.name, **own}, sort_keys=True)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


def wanted_symbols(settings: Settings, source: BarSource) -> tuple[str, ...]:
    """Return the symbols of the settings, or those that the source serves by default, sorted.

    Pairs that convert prices into the base currency are traded only if they are named.

    Raises RequestRefused for too many symbols, or a name in the source that is no valid symbol.
    """
    symbols = tuple(sorted(settings.symbols or without_pairs(settings, source)))
    if len(symbols) > MOST_SYMBOLS:
        raise RequestRefused(
            f"{source.name} holds {len(symbols):,} symbols, of which one run takes {MOST_SYMBOLS:,} at most; name "
            "the ones to trade with --symbols, or split the file"
        )
    for symbol in symbols:
        if not fullmatch(SYMBOL_PATTERN, symbol):
            raise RequestRefused(
                f"{source.name} holds the symbol {symbol[:40]!r}; a symbol is {PATTERNS['symbols']}; rename it "
                "there, or name others with --symbols"
            )
    return symbols


def _demand_members(settings: Settings, symbols: tuple[str, ...]) -> None:
    """Raise RequestRefused for a member of a group that is not traded: a misspelt one would be without its cap."""
    for name, members in settings.groups.items():
        unknown = sorted(set(members) - set(symbols))
        if unknown:
            raise RequestRefused(
                f"the group {name} names {', '.join(unknown)}, which this run does not trade; correct it under "
                "[groups], or trade it with --symbols"
            )


def strategy_of(settings: Settings, account: str = "") -> Strategy:
    """Return the strategy that the settings name, with their parameters.

    By name it is the version that the account is bound to.

    Raises StrategyRefused, RequestRefused.
    """
    given = {name: str(value) for name, value in settings.parameters.items()}
    return _distinct(chosen(settings.home, settings.strategy, given, account))


def _distinct(strategy: Strategy) -> Strategy:
    """Return the strategy. Raises RequestRefused if a parameter of it has the name of a setting: `--set` sets that."""
    for part in strategy.parts:
        _demand_distinct(part)
    return strategy


def _demand_distinct(strategy: Strategy) -> None:
    own = strategy.parameters
    names = {field.name for field in fields(own)} if is_dataclass(own) else set()
    for name in sorted(names & Settings.model_fields.keys()):
        raise RequestRefused(
            f"{strategy.origin or strategy.name} has a parameter {name}, the name of a setting, which --set would "
            "change in its place; name the parameter differently"
        )


def strategies_named(names: str, settings: Settings | None = None) -> tuple[Strategy, ...]:
    """Return the named strategies, each once, in their order; the parameters of the settings are those of the first.

    Without settings they are those in force. Raises UsageError for an unknown one or none, StrategyRefused for one that
    fails.
    """
    settings = settings or load({})
    specs = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not specs:
        raise RequestRefused(f"--strategy is {names!r}; it must name one or more strategies, separated by commas")
    first = {name: str(value) for name, value in settings.parameters.items()}
    return tuple(_distinct(chosen(settings.home, spec, {} if place else first)) for place, spec in enumerate(specs))


def demand_live(source: BarSource, request: Request) -> bool:
    """Return whether the run is live, not a replay. Raises RequestRefused for a replay at a testnet."""
    replayed = request.as_of or request.until
    live = source.streaming and replayed is None
    if request.broker != PAPER and not live:
        raise RequestRefused(
            f"broker {request.broker} takes today's orders alone, and this run replays {replayed or 'the record'} of "
            f"{source.name}; use --source binance without --as-of, or --broker paper"
        )
    return live


def plan(settings: Settings, source: BarSource, request: Request, strategy: Strategy | None = None) -> Job:
    """Return the job of one day on the settings' terms of financing. Raises what `outline` and `financing` raise."""
    return financed(settings, outline(settings, source, request, strategy))


def financed(settings: Settings, job: Job) -> Job:
    """Return the outlined job on the settings' terms of financing. Raises what `financing` raises."""
    in_force = settings.model_copy(update={"rates": settings.rates or json.loads(job.policy.config)["rates"]})
    terms = financing(in_force, job.currency, job.as_of, job.now)
    return replace(job, policy=run_config(in_force, job.policy.strategy, terms))


def outline(settings: Settings, source: BarSource, request: Request, strategy: Strategy | None = None) -> Job:
    """Return the job of one day without interest, for a run that needs no rate, or has yet to learn its account's.

    It is live for a streaming source unless a day is named, and otherwise a replay. Without a `strategy` it is the one
    that the settings name. Raises StrategyRefused,
    RequestRefused for an `as_of` after the source's last closed bar, and what the source raises.
    """
    live = demand_live(source, request)
    settings = in_kept_currency(settings, request.account)
    symbols = wanted_symbols(settings, source)
    _demand_members(settings, symbols)
    stated = table_of(settings.instruments)
    instruments = [on_stated_terms(instrument, stated) for instrument in source.instruments(symbols)]
    calendars = closing_calendars(instruments, settings.base_currency)
    newest = newest_bar(source, symbols, calendars, request.clock)
    last = day_of_payout(source, instruments, newest, request.clock) if request.settles else newest
    # A new account opens with the last bar, since it has nothing that could be paid out.
    default = last if last > newest and has_begun(settings, request.account) else newest
    as_of = request.as_of or min(request.until or default, last)
    if as_of > last:
        raise RequestRefused(
            f"--as-of is {as_of}, after the last closed bar of {source.name}, {last}; name that day or an earlier one"
        )
    over_at = closed(calendars, as_of)
    strategy = strategy or strategy_of(settings, request.account)
    _demand_one_strategy(strategy, request.broker)
    return Job(
        home=settings.home,
        run_id=uuid4().hex,
        account=request.account,
        source=source.name,
        symbols=symbols,
        as_of=as_of,
        now=request.clock if live else min(over_at, request.clock),
        sends_until=over_at + timedelta(hours=settings.max_lateness_hours) if live else None,
        code_version=code_version(),
        policy=run_config(with_rates(settings, instruments), strategy, NO_COSTS.financing),
        currency=settings.base_currency or _currency(instruments),
        broker=request.broker,
        calendars=_named(source, symbols),
        funding=settings.funding or "",
    )


def _demand_one_strategy(strategy: Strategy, broker: str) -> None:
    """Raise RequestRefused for sleeves at an external broker: its own bookings are not shared among them."""
    if strategy.sleeves and broker != PAPER:
        raise RequestRefused(
            f"broker {broker} trades a single strategy, and --strategy is {strategy}; name one of its sleeves alone, "
            f"or use --broker {PAPER}"
        )


def _currency(instruments: Sequence[Instrument]) -> str:
    """Return the one currency of the instruments' prices; empty if none is known, or there are several."""
    known = {instrument.money for instrument in instruments if instrument.money}
    return known.pop() if len(known) == 1 else ""


def _named(source: BarSource, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Return the calendars set by hand for the symbols."""
    if not isinstance(source, NamedCalendars):
        return ()
    return tuple(f"{symbol} {source.calendars[symbol]}" for symbol in symbols if symbol in source.calendars)


def holiday(source: BarSource, job: Job) -> bool:
    """Return whether none of the job's symbols has a session on its day."""
    calendars = {instrument.calendar for instrument in source.instruments(job.symbols)}
    return all(not len(sessions(calendar, job.as_of, job.as_of)) for calendar in calendars)
