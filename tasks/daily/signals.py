"""Signal: regime, forecast and target exposure of every symbol, recorded before any order is sent."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from storage.bars.own_columns import with_columns
from storage.database import Connection, connect, transaction
from storage.ledger import days as ledger
from storage.ledger import explanations as explanation_store
from storage.ledger import risk_state
from storage.ledger.row_codec import MOST_PASSES, Provenance
from strategy.backtest.day_loop import AccountState
from strategy.backtest.pretrade import decide
from strategy.exit_codes import Exit, UsageError
from strategy.explain.closings import closings
from strategy.explain.record import Judgement, explanations
from strategy.market.bars import Bars
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Decision
from strategy.portfolio.flattening import flattened, traded_symbols
from strategy.portfolio.limited_days import limited_days_of
from strategy.signals.forecaster import Forecaster
from strategy.signals.outlook import look_back, signals_with_faults
from tasks.daily.account_state import account_config, state_at, venue_most
from tasks.daily.flattening import closing_config
from tasks.daily.restatement import restated
from tasks.models.load import forecaster
from tasks.models.retrain import Champion
from tasks.notices.exposure_limits import limits_decided_today
from tasks.notices.ranges import without_ranges
from tasks.run.job import Job
from tasks.run.passes import Sight, bars_seen, ends_of, sight_of

log = logging.getLogger(__name__)

#: No symbol that cannot be sold.
NONE_UNSOLD: Mapping[str, str] = MappingProxyType({})


class StrategyFailed(Exception):
    """A strategy that fails on every symbol of a day (exit 3)."""

    exit_code = Exit.DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The decisions of a day, all that they were made from, and the faults of the strategy by symbol, in words."""

    decisions: tuple[Decision, ...]
    judgement: Judgement
    faults: Mapping[str, str]


def signal(
    job: Job,
    champion: Champion,
    held_back: Mapping[str, str],
    unsold: Mapping[str, str] = NONE_UNSOLD,
) -> tuple[str, ...]:
    """Record the day's decisions once; return warnings of faults, of missing ranges, and of limits that decided.

    A symbol without ranges, or held by the strategy's fault, has a warning each. An explanation of every number is kept
    for each decision that leads to an order. `unsold` maps the symbols that no order can be sent in today to the
    reason: an account that is flattened closes all others, whatever holds them back.
    Raises StrategyFailed if the strategy has a fault on every symbol, unless the account is flattened.
    """
    with connect(job.home) as store:
        stored = ledger.provenance_on(store, job.account, job.as_of)
    model_id = stored.model_id if stored else champion.model_id
    model = forecaster(job.home, job.policy.strategy, model_id)
    with connect(job.home) as store:
        day_pass = ledger.passes_on(store, job.account, job.as_of)[-1]
        state, config = settled_state(store, job), account_config(store, job)
        risk = risk_state.load(store, job.account)
        config = config.at_once if risk.halted else config
        judged = judge_day(store, job, (state, config), model, sight_of(store, job, day_pass, held_back))
        # A day that has begun to trade is flattened with the next one.
        closes = risk.flatten and day_pass.number == 1
        if not closes:
            _demand_some_signal(judged, job)
        if stored is not None:
            _demand_same_day(job, stored, ledger.decisions_on(store, job.account, job.as_of))
        warnings = _faults(judged, job) if closes else (*_faults(judged, job), *_limits(judged, job))
        if ledger.decisions_in(store, job.account, job.as_of, day_pass.number):
            return warnings
        decisions = flattened(judged.decisions, state.account, unsold) if closes else judged.decisions
        digest = judged.judgement.data_sha256
        provenance = Provenance(
            source=job.source,
            strategy=job.policy.strategy.name,
            model_id=model_id,
            data_sha256=digest,
            strategy_sha256=job.policy.strategy.version or None,
        )
        with transaction(store):
            ledger.record_decisions(store, job.account, decisions, provenance, day_pass.number)
            closing = closing_config(config, job.broker)
            explained = closings(judged.judgement, decisions, closing) if closes else explanations(judged.judgement)
            explanation_store.record(store, job.account, job.source, explained)
    for decision in decisions:
        log.info("%s", in_words(decision))
    return warnings


def _faults(judged: Judged, job: Job) -> tuple[str, ...]:
    """Return the faults of the strategy, and the symbols without ranges."""
    judgement = judged.judgement
    unranged = without_ranges(judgement.view.outlooks, judgement.config.estimator, job.as_of)
    return (*judged.faults.values(), *unranged)


def _limits(judged: Judged, job: Job) -> list[str]:
    """Return a warning if a limit decided, and not the target or the signals."""
    config = judged.judgement.config
    limited = limited_days_of(judged.judgement.view, [job.as_of], config)
    return limits_decided_today(config.strategy, limited, config.sizing, venue_most(job.broker))


def _demand_some_signal(judged: Judged, job: Job) -> None:
    """Raise StrategyFailed if the strategy has a fault on every symbol."""
    if judged.faults and len(judged.faults) == len(judged.judgement.bars):
        raise StrategyFailed(
            f"strategy {judged.judgement.config.strategy} fails on every symbol of {job.as_of}, so nothing is decided: "
            f"{'; '.join(judged.faults.values())}"
        )


def _demand_same_day(job: Job, stored: Provenance, decisions: tuple[Decision, ...]) -> None:
    """Raise UsageError if the day was decided by another strategy or for other symbols: orders would add up."""
    decided = traded_symbols(decisions)
    if stored.strategy != job.policy.strategy.name:
        raise UsageError(
            f"account {job.account} has decided {job.as_of} by {stored.strategy}, not by {job.policy.strategy}; finish "
            f"that day with --strategy {stored.strategy}, or take the next day"
        )
    if decided != job.symbols:
        raise UsageError(
            f"account {job.account} has decided {job.as_of} for {', '.join(decided)}, not for {', '.join(job.symbols)}"
            f"; finish that day with --symbols {','.join(decided)}, or take the next day"
        )


def settled_state(store: Connection, job: Job, until_pass: int = MOST_PASSES) -> AccountState:
    """Return the account at the close of `as_of`, in the units of today's bars; the day must be settled.

    It is the state after the day's last pass, or after the last one up to `until_pass`.
    """
    state = state_at(store, job, job.as_of, until_pass)
    assert state is not None, "the account is opened before it is judged"
    assert state.account.as_of == job.as_of, "the day is settled before it is judged"
    return restated(store, job, state).state


def judge_day(
    store: Connection,
    job: Job,
    account: tuple[AccountState, AccountConfig],
    model: Forecaster | None,
    sight: Sight,
) -> Judged:
    """Return the decisions of a pass at the close of `as_of`, from exactly each symbol's look-back window."""
    state, config = account

    def newest(count: int) -> dict[str, Bars]:
        known = bars_seen(store, job.source, ends_of(job.symbols, job.as_of, sight.behind), count)
        return with_columns(store, job.source, known, job.policy.strategy.columns)

    bars = look_back(newest, job.policy.strategy, model, config.estimator)
    calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in bars}
    seen = signals_with_faults(bars, calendars, job.policy.strategy, model, since=np.datetime64(job.as_of, "us"))
    faults = {symbol: f"{symbol}: {signals.fault.message}" for symbol, signals in seen.items() if signals.fault}
    view, held = aligned_signals(seen, job.symbols), {**faults, **sight.held_back}
    return Judged(
        decisions=decide(view, state.snapshot, config, held, sight.later),
        judgement=Judgement(
            state=state, bars=bars, view=view, config=config, held_back=held, model=model, later=sight.later
        ),
        faults=faults,
    )


def in_words(decision: Decision) -> str:
    """Return a decision as a sentence for the log, without the numbers that it lacks."""
    if decision.exposure is None:
        return f"{decision.symbol}: {decision.status} ({decision.reason or 'kept as it is'})."
    parts = (
        f"{decision.regime} at {decision.confidence:.0%} confidence" if decision.confidence is not None else "",
        f"signal {decision.signal:+.3f}" if decision.signal is not None else "",
        f"target exposure {decision.exposure:+.3f}",
    )
    return f"{decision.symbol}: {', '.join(part for part in parts if part)}."
