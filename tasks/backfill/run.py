"""Backfill: daily decisions replayed over history, into a separate account."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from exchange.ports import BarSource, Broker
from storage.bars import published as bar_store
from storage.database import connect
from storage.models import champions
from storage.models import registry as model_store
from strategy.exit_codes import UsageError
from tasks.backfill.batch import DayBatch, run_batch
from tasks.backfill.market import Market, bars_on, gate_of, on, open_market, tradable
from tasks.backfill.runs import Backfill
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.funding_rates import with_series
from tasks.models.retrain import Champion, retrain, ruling
from tasks.run.job import Job
from tasks.run.kept_terms import keep_terms
from tasks.run.runs import last_day
from tasks.strategies.audit_gate import audit
from tasks.validation.gate import Gate, NothingPublishable

#: Most days simulated between two writes: a kill loses no more, and no other process waits longer.
STRETCH_DAYS = 63
#: Longest gap between sessions, in days; a longer one before the first bar means that the history begins there.
LONGEST_BREAK_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a run: `done` of its `days` are in the ledger; `as_of` is the next day."""

    done: int
    days: int
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Result of a run: days added, days already there, the last day's job, gate and champion, and warnings."""

    days_done: int
    days_skipped: int
    last: Job
    gate: Gate
    champion: Champion
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """The market, source and broker shared by every day of a run."""

    market: Market
    source: BarSource
    open_broker: Callable[[datetime], Broker]


def fill(
    backfill: Backfill,
    open_source: Callable[[], BarSource],
    open_broker: Callable[[datetime], Broker],
    notify: Callable[[Progress], None],
) -> Filled:
    """Record every day of the window in the ledger, going on after the last one that is there.

    Bars are fetched and validated once; each day sees those that its daily run would have seen. `notify` is called
    before each batch of days, and may stop the run there by raising.
    Raises UsageError, NothingPublishable, and what the source and the store raise.
    """
    source = open_source()
    whole, market = open_market(backfill.job, source)
    job = with_series(backfill.job)
    world = _World(market=market, source=source, open_broker=open_broker)
    window = _window(backfill, market)
    todo = _todo(job, window)
    if todo:
        _begin(job)
    shut, unruled = dict[date, str](), dict[date, str]()
    position = 0
    while position < len(todo):
        notify(Progress(done=position, days=len(todo), as_of=todo[position]))
        today = on(job, todo[position], market)
        gate = gate_of(today, market, source)
        if not tradable(today, gate, market):
            shut[today.as_of] = "; ".join(list(gate.held_back.values())[:3])
            position += 1
            continue
        champion = retrain(today)
        if champion.warning:
            unruled[today.as_of] = champion.warning
        count = 1 if market.faulty else _days_ruled(today, champion)
        position += _run_batches(today, todo[position : position + count], (champion, gate), world)
    notify(Progress(done=len(todo), days=len(todo), as_of=todo[-1] if todo else job.as_of))
    newest = last_day(job)
    if newest is None:
        raise NothingPublishable(f"nothing might be traded in the window: {'; '.join(_gaps(shut, unruled))}")
    last = on(job, newest, market)
    champion = retrain(last) if todo else _decide_late(last, world)
    return Filled(
        days_done=len(todo) - len(shut),
        days_skipped=len(window) - len(todo),
        last=last,
        gate=_with_standing(gate_of(last, market, source), whole),
        champion=champion,
        warnings=(*_remarks(backfill, window), *whole.held_back.values(), *whole.warnings, *_gaps(shut, unruled)),
    )


def _begin(job: Job) -> None:
    """Audit the strategy, and keep the terms that the account has from its first new day on."""
    audit(job)
    with connect(job.home) as store:
        keep_terms(store, job)


def _decide_late(last: Job, world: _World) -> Champion:
    """Settle and decide the symbols that have come since the last day was decided without them; return its champion."""
    gate, champion = gate_of(last, world.market, world.source), ruling(last)
    settle(last, world.open_broker, gate.barred)
    signal(last, champion, gate.barred)
    trade(last, world.open_broker)
    reconcile(last)
    return champion


def _with_standing(gate: Gate, whole: Gate) -> Gate:
    """Return the gate of the last day with the warnings on the bars of all days."""
    warnings = dict.fromkeys((*gate.warnings, *whole.standing))
    return replace(gate, warnings=tuple(warnings), standing=whole.standing)


def _window(backfill: Backfill, market: Market) -> tuple[date, ...]:
    """Return the account dates of the window. Raises UsageError if there are none."""
    job, every = backfill.job, market.dates
    symbols = ", ".join(job.symbols)
    if not every:
        raise UsageError(f"no bar of {symbols} is dated {job.as_of} or earlier; choose a later --end-date")
    window = tuple(day for day in every if backfill.start <= day)
    if not window:
        raise UsageError(
            f"no bar of {symbols} lies between {backfill.start} and {job.as_of}; they run from {every[0]} to "
            f"{every[-1]}, so choose an earlier --start-date"
        )
    return window


def _todo(job: Job, window: tuple[date, ...]) -> tuple[date, ...]:
    """Return the days of the window that the account has not reached. Raises UsageError if it is past the end."""
    last = last_day(job)
    if last is not None and last > job.as_of:
        raise UsageError(
            f"--end-date is {job.as_of}, before {last}, the last day of account {job.account}; name that day or a "
            "later one, or another account with --account"
        )
    return tuple(day for day in window if last is None or day > last)


def _days_ruled(job: Job, champion: Champion) -> int:
    """Return for how many account days, from the job's on, its champion decides before a retraining or a new check."""
    if not job.policy.strategy.learner:
        return STRETCH_DAYS
    recipe = job.policy.recipe
    with connect(job.home) as store:
        trained = model_store.last_trained(store, job.panel, until=job.as_of)
        ruling = champions.champion(store, job.panel, trained_until=job.as_of)
        ages = [
            len(bar_store.session_dates(store, job.source, job.symbols, after=since, until=job.as_of))
            if since
            else None
            for since in (trained, ruling.trained_to if ruling else None)
        ]
    trained_age, ruling_age = ages
    # A training or a model that failed today is tried again tomorrow.
    if champion.warning or trained_age is None:
        return 1
    until_due = (recipe.retrain_every_bars if ruling else recipe.without_champion_bars) - trained_age
    until_old = STRETCH_DAYS if ruling_age is None else recipe.model_max_age_bars + 1 - ruling_age
    return max(1, min(STRETCH_DAYS, until_due, until_old))


def _run_batches(today: Job, days: tuple[date, ...], ruling: tuple[Champion, Gate], world: _World) -> int:
    """Simulate these days under the champion, replay-check the last of them, and return how many they are."""
    champion, gate = ruling
    market = world.market
    barred = {day: gate_of(on(today, day, market), market, world.source).barred for day in days[1:]}
    barred[today.as_of] = gate.barred
    last = on(today, days[-1], market)
    batch = DayBatch(job=last, days=days, model_id=champion.model_id, bars=bars_on(last, market), barred=barred)
    run_batch(batch, world.open_broker)
    reconcile(last)
    return len(days)


def _remarks(backfill: Backfill, window: tuple[date, ...]) -> list[str]:
    """Return a warning if the window starts before the history does, so that the account opens later than requested."""
    first = window[0]
    if (first - backfill.start).days <= LONGEST_BREAK_DAYS:
        return []
    return [f"the first bar is dated {first}: the account opens then, not on {backfill.start}"]


def _gaps(shut: dict[date, str], unruled: dict[date, str]) -> list[str]:
    """Return one sentence on the days left out, and one on those on which the model could not trade."""
    gaps = []
    if shut:
        first = min(shut)
        gaps.append(f"{len(shut)} days were left out, since nothing might trade; the first, {first}: {shut[first]}")
    if unruled:
        first = min(unruled)
        gaps.append(f"the model or its training failed on {len(unruled)} days; the first, {first}: {unruled[first]}")
    return gaps
