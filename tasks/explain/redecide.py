"""A past day decided again, to explain its decisions when no explanation was stored."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import order_lookup as order_history
from storage.ledger.explanations import Trace, trace
from storage.ledger.row_codec import FIRST_PASS, DayPass, Provenance
from storage.models.registry import ModelDamaged
from strategy.builtin.registry import BASELINE
from strategy.explain.record import Judgement, explanations
from strategy.market.currencies import FxSeries
from strategy.market.data_hash import UNCONVERTED
from strategy.portfolio.decision import Decision, Status, as_decided
from strategy.portfolio.flattening import traded_symbols
from strategy.signals.strategies import Strategy
from tasks.daily.account_state import account_config, state_at
from tasks.daily.restatement import restated
from tasks.daily.signals import judge_day
from tasks.data.fx_rates import with_rates
from tasks.models.load import forecaster
from tasks.run.job import Job, RunConfig
from tasks.run.passes import sight_of
from tasks.strategies.catalogue import as_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDay:
    """A past account day up to one of its passes: its decisions, at least one, and the pass's provenance."""

    home: Path
    account: str
    decisions: tuple[Decision, ...]
    provenance: Provenance
    day_pass: DayPass = FIRST_PASS

    @property
    def as_of(self) -> date:
        """Return the day."""
        return self.decisions[0].as_of

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols that its run trades, sorted."""
        return traded_symbols(self.decisions)


def replayed_trace(
    store: Connection, request: PastDay, symbol: str, policy_of: Callable[[str, Strategy], RunConfig]
) -> tuple[Trace | None, list[str]]:
    """Return the trace of the symbol's order, by deciding the day again on today's bars, and warnings.

    The trace is None, with the reason as a warning, if the day cannot be decided again.
    """
    settings = order_history.settings_behind(store, request.account, request.as_of)
    if settings is None:
        return None, [f"nothing was kept of how {request.as_of} was decided, and no run says by which settings"]
    provenance = request.provenance
    version = provenance.strategy_sha256
    strategy = as_recorded(request.home, provenance.strategy, version, json.loads(settings))
    policy = policy_of(settings, strategy)
    try:
        sources = _sources(store, request, settings)
        days = {source: _judged(store, _job(request, source, policy), request) for source in sources}
    except ModelDamaged as error:
        return None, [f"nothing was kept of how {request.as_of} was decided, and it cannot be decided again: {error}"]
    known = {source: day for source, day in days.items() if day is not None}
    if not known:
        return None, [f"nothing was kept of how {request.as_of} was decided, and its bars are not in the store"]
    same = [source for source, day in known.items() if day.data_sha256 == provenance.data_sha256]
    source = (same or list(known))[0]
    by_symbol = {explanation.symbol: explanation for explanation in explanations(known[source])}
    decision = next(made for made in request.decisions if made.symbol == symbol)
    warnings = []
    if symbol not in by_symbol or by_symbol[symbol].planned.exposure != decision.exposure:
        found = by_symbol[symbol].planned.exposure if symbol in by_symbol else "no order"
        warnings.append(f"deciding {request.as_of} again gives {found} where {decision.exposure} is on record")
    return (trace(by_symbol[symbol], source) if symbol in by_symbol else None), warnings


def fx_behind(
    store: Connection, request: PastDay, source: str, policy_of: Callable[[str, Strategy], RunConfig]
) -> Mapping[str, FxSeries]:
    """Return the series that converted prices on the day, as the account took them; none where nothing says so."""
    settings = order_history.settings_behind(store, request.account, request.as_of)
    if settings is None or json.loads(settings).get("base_currency") is None:
        return UNCONVERTED
    # No rate depends on the strategy.
    job = _job(request, source, policy_of(settings, BASELINE))
    return with_rates(store, job).policy.costs.currencies.fx


def _sources(store: Connection, request: PastDay, settings: str) -> tuple[str, ...]:
    """Return the possible sources of the bars: the run's, or every source that has some of a symbol."""
    named = json.loads(settings).get("source")
    if named is not None:
        return (str(named),)
    published = bar_store.published_counts(store)
    return tuple(sorted({row.source for row in published if row.symbol in request.symbols}))


def _job(request: PastDay, source: str, policy: RunConfig) -> Job:
    """Return a job of that day that sends nothing."""
    return Job(
        home=request.home,
        run_id="",
        account=request.account,
        source=source,
        symbols=request.symbols,
        as_of=request.as_of,
        now=datetime.combine(request.as_of, time(), tzinfo=UTC),
        sends_until=None,
        code_version="",
        policy=policy,
    )


def _judged(store: Connection, job: Job, request: PastDay) -> Judgement | None:
    """Return the day judged again, with the symbols held back then; None without instruments or an account state."""
    model = forecaster(job.home, job.policy.strategy, request.provenance.model_id)
    state = state_at(store, job, job.as_of, request.day_pass.number)
    if state is None or state.account.as_of != job.as_of:
        return None
    try:
        config = account_config(store, job)
    except ValueError:
        # Another source, which lacks some of the symbols.
        return None
    held_back = {
        decision.symbol: decision.reason for decision in request.decisions if decision.status is Status.QUARANTINED
    }
    state = restated(store, job, state).state
    made = ledger.decisions_in(store, request.account, request.as_of, request.day_pass.number)
    sight = sight_of(store, job, request.day_pass, held_back)
    return judge_day(store, job, (state, as_decided(config, made)), model, sight).judgement
