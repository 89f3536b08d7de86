"""The passes of an account day: a symbol whose bar comes late is settled and decided in a pass of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from storage.ledger.row_codec import DayPass
from strategy.market.bars import Bars
from strategy.portfolio.decision import ORDERED, LaterPass, Status
from strategy.portfolio.flattening import is_flattened
from tasks.run.answers import PassAnswer
from tasks.run.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a pass decides on: the symbols held back with reasons, where bars end, and earlier passes (None: none).

    `behind` has the date of the newest bar that counts, of each symbol that has none of the day (None: no bar counts).
    """

    held_back: Mapping[str, str] = field(default_factory=dict)
    behind: Mapping[str, date | None] = field(default_factory=dict)
    later: LaterPass | None = None


def waiting(store: Connection, job: Job) -> tuple[str, ...]:
    """Return the symbols that the day's last pass held back, which a later pass may decide; none before it is decided.

    A symbol whose bars are stale, or whose strategy fails, is not waited for; nor is any on a day that closes them all.
    """
    last = ledger.passes_on(store, job.account, job.as_of)[-1]
    decisions = ledger.decisions_on(store, job.account, job.as_of)
    if is_flattened(decisions):
        return ()
    held = [decision.symbol for decision in decisions if decision.status is Status.QUARANTINED]
    return tuple(symbol for symbol in held if symbol in last.held_back)


def asked(store: Connection, job: Job) -> tuple[str, ...]:
    """Return the symbols to ask the source for: those that a decided day waits for, else all."""
    if ledger.provenance_on(store, job.account, job.as_of) is None:
        return job.symbols
    return waiting(store, job)


def passes_made(store: Connection, job: Job) -> tuple[PassAnswer, ...]:
    """Return the decided passes of the day, in order."""
    made = []
    for each in ledger.passes_on(store, job.account, job.as_of):
        decided = ledger.decisions_in(store, job.account, job.as_of, each.number)
        symbols = tuple(decision.symbol for decision in decided if decision.status is not Status.QUARANTINED)
        if decided:
            equity = _equity(store, job, each.number)
            made.append(PassAnswer.model_validate({"pass": each.number, "symbols": symbols, "equity": equity}))
    return tuple(made)


def pass_now(
    store: Connection, job: Job, number: int, symbols: tuple[str, ...], held_back: Mapping[str, str]
) -> DayPass:
    """Return a pass of the day on the bars in the store, which decides these symbols."""
    last = bar_store.last_published(store, job.source, job.symbols, until=job.as_of)
    behind = {symbol: last.get(symbol) for symbol in job.symbols if last.get(symbol) != job.as_of}
    return DayPass(number=number, symbols=symbols, held_back=held_back, behind=behind)


def sight_of(store: Connection, job: Job, day_pass: DayPass, held_back: Mapping[str, str]) -> Sight:
    """Return what the day's pass decides on; `held_back` are the symbols held back in it, as far as the caller knows.

    Symbols held back by an earlier pass that this one does not decide still are.
    """
    before = ledger.decisions_on(store, job.account, job.as_of, until_pass=day_pass.number - 1)
    kept = {each.symbol: each.reason for each in before if each.status is Status.QUARANTINED}
    if day_pass.number == 1:
        kept = dict(day_pass.held_back)
    else:
        held_back = {symbol: reason for symbol, reason in held_back.items() if symbol in day_pass.symbols}
        kept = {symbol: reason for symbol, reason in kept.items() if symbol not in day_pass.symbols}
    return Sight(held_back={**kept, **held_back}, behind=day_pass.behind, later=_later(store, job, day_pass))


def ends_of(symbols: Sequence[str], as_of: date, behind: Mapping[str, date | None]) -> dict[str, date]:
    """Return the date at which the bars of each symbol end that a pass has seen; one without bars is absent."""
    ends = {symbol: behind.get(symbol, as_of) for symbol in symbols}
    return {symbol: end for symbol, end in ends.items() if end is not None}


def bars_seen(store: Connection, source: str, ends: Mapping[str, date], count: int) -> dict[str, Bars]:
    """Return the newest bars of each symbol up to its own end, at most `count`, by symbol."""
    known: dict[str, Bars] = {}
    for end in sorted(set(ends.values())):
        alike = [symbol for symbol in ends if ends[symbol] == end]
        known |= bar_store.load(store, source, alike, until=end, last_bars=count)
    return dict(sorted(known.items()))


def _later(store: Connection, job: Job, day_pass: DayPass) -> LaterPass | None:
    """Return the pass beside what earlier ones of the day have ordered; None for the first."""
    if day_pass.number == 1:
        return None
    equity = _equity(store, job, day_pass.number)
    ordered = {
        decision.symbol: decision.exposure * float(_equity(store, job, earlier) / equity)
        for earlier in range(1, day_pass.number)
        for decision in ledger.decisions_in(store, job.account, job.as_of, earlier)
        if equity > 0 and decision.exposure is not None and decision.status in ORDERED
    }
    return LaterPass(symbols=day_pass.symbols, ordered=ordered)


def _equity(store: Connection, job: Job, number: int) -> Decimal:
    """Return the equity at the close of the day, after its pass."""
    (snapshot,) = position_store.snapshots(store, job.account, until=job.as_of, last_days=1, until_pass=number)
    return snapshot.equity
