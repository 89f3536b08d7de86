"""A past day decided again, to explain its decisions when no explanation was stored."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import order_lookup as order_history
from storage.ledger.explanations import Trace, trace
from storage.ledger.row_codec import Provenance
from storage.models.registry import ModelDamaged
from strategy.explain.record import Judgement, explanations
from strategy.market.data_hash import data_sha256
from strategy.portfolio.decision import Decision, Status
from strategy.signals.strategies import Strategy
from tasks.daily.account_state import mandate_of, standing_at
from tasks.daily.restatement import restated
from tasks.daily.signals import judge_day
from tasks.models.load import ensemble
from tasks.run.job import Job, RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A past account day: its decisions, at least one, and their provenance."""

    home: Path
    account: str
    decisions: tuple[Decision, ...]
    provenance: Provenance

    @property
    def as_of(self) -> date:
        """Return the day."""
        return self.decisions[0].as_of

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols decided, sorted."""
        return tuple(decision.symbol for decision in self.decisions)


def replayed_trace(
    store: Connection, asked: Asked, symbol: str, policy_of: Callable[[str], RunConfig]
) -> tuple[Trace | None, list[str]]:
    """Return the trace of the symbol's order, by deciding the day again on today's bars, and warnings.

    The trace is None, with the reason as a warning, if the day cannot be decided again.
    """
    settings = order_history.settings_behind(store, asked.account, asked.as_of)
    if settings is None:
        return None, [f"nothing was kept of how {asked.as_of} was decided, and no run says by which settings"]
    policy = replace(policy_of(settings), strategy=Strategy(asked.provenance.strategy))
    try:
        sources = _sources(store, asked, settings)
        days = {source: _judged(store, _job(asked, source, policy), asked) for source in sources}
    except ModelDamaged as error:
        return None, [f"nothing was kept of how {asked.as_of} was decided, and it cannot be decided again: {error}"]
    known = {source: day for source, day in days.items() if day is not None}
    if not known:
        return None, [f"nothing was kept of how {asked.as_of} was decided, and its bars are not in the store"]
    same = [source for source, day in known.items() if data_sha256(day.bars) == asked.provenance.data_sha256]
    source = (same or list(known))[0]
    told = {explanation.symbol: explanation for explanation in explanations(known[source])}
    decision = next(made for made in asked.decisions if made.symbol == symbol)
    warnings = []
    if symbol not in told or told[symbol].planned.exposure != decision.exposure:
        found = told[symbol].planned.exposure if symbol in told else "no order"
        warnings.append(f"deciding {asked.as_of} again gives {found} where {decision.exposure} is on record")
    return (trace(told[symbol], source) if symbol in told else None), warnings


def _sources(store: Connection, asked: Asked, settings: str) -> tuple[str, ...]:
    """Return the possible sources of the bars: the run's, or every source that has some of a symbol."""
    named = json.loads(settings).get("source")
    if named is not None:
        return (str(named),)
    published = bar_store.published_counts(store)
    return tuple(sorted({row.source for row in published if row.symbol in asked.symbols}))


def _job(asked: Asked, source: str, policy: RunConfig) -> Job:
    """Return a job of that day that sends nothing."""
    return Job(
        home=asked.home,
        run_id="",
        account=asked.account,
        source=source,
        symbols=asked.symbols,
        as_of=asked.as_of,
        now=datetime.combine(asked.as_of, time(), tzinfo=UTC),
        sends_until=None,
        code_version="",
        policy=policy,
    )


def _judged(store: Connection, job: Job, asked: Asked) -> Judgement | None:
    """Return the day judged again, with the symbols held back then; None without instruments or an account state."""
    model_id = asked.provenance.model_id
    model = None if model_id is None else ensemble(job.home, model_id)
    standing = standing_at(store, job, job.as_of)
    if standing is None or standing.account.as_of != job.as_of:
        return None
    try:
        mandate = mandate_of(store, job)
    except ValueError:
        # Another source, which lacks some of the symbols.
        return None
    held_back = {
        decision.symbol: decision.reason for decision in asked.decisions if decision.status is Status.QUARANTINED
    }
    standing = restated(store, job, standing).standing
    judged = judge_day(store, job, (standing, mandate), model, held_back)
    return Judgement(
        standing=standing,
        bars=judged.bars,
        view=judged.view,
        mandate=mandate,
        held_back=held_back,
        model=model,
    )
