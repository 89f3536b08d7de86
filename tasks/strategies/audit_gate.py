"""Gate before the first trade: no strategy of the user's own trades a symbol before its audit there has passed."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.database import connect
from storage.strategies import verdicts
from storage.strategies.verdicts import StrategyVerdict
from strategy.audit.user_strategy import AUDIT_VERSION, Audit, audit_strategy
from strategy.exit_codes import Exit
from strategy.market.bars import Bars
from strategy.signals.faults import Fault, StrategyRefused
from strategy.signals.strategies import Strategy
from tasks.run.job import Job
from tasks.strategies.binding import bind, parameters_json
from tasks.strategy_process.frames import Message
from tasks.strategy_process.runner import ChildRunner

#: Seconds that an audit may take.
AUDIT_TIMEOUT_S = 600
#: Seconds between two reports of its progress.
REPORT_S = 10

log = logging.getLogger(__name__)


class AuditUnfinished(Exception):
    """An audit that did not end in time: nothing is decided, and nothing sent (exit 5)."""

    exit_code = Exit.BLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A strategy on the published bars of a source's symbols; `at` is the instant of the run."""

    home: Path
    source: str
    symbols: tuple[str, ...]
    strategy: Strategy
    at: datetime


def audit(job: Job) -> None:
    """Let the job's strategy pass its audit on every symbol, once; then bind the account to it.

    Each sleeve of a strategy is audited and bound by itself; a built-in strategy needs neither. Raises StrategyRefused,
    AuditUnfinished.
    """
    strategy = job.policy.strategy
    if not strategy.version:
        return
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=strategy, at=job.now)
    demand_audited(subject, log.info)
    bind(job)


def demand_audited(subject: Subject, notify: Callable[[str], None]) -> None:
    """Audit the strategy on the symbols without a passed verdict and record what was found, outside the store's lock.

    A symbol without a bar is left for later. Raises StrategyRefused, AuditUnfinished.
    """
    if subject.strategy.sleeves:
        for part in subject.strategy.parts:
            demand_audited(replace(subject, strategy=part), notify)
        return
    strategy = subject.strategy
    if not strategy.version:
        return
    bars = _published(subject)
    passed = {symbol for symbol, verdict in known_verdicts(subject).items() if verdict.passed}
    pending = [symbol for symbol in bars if symbol not in passed]
    if not pending:
        return
    notify(f"Auditing {strategy.name} ({strategy.version[:12]}) on {', '.join(pending)} of {subject.source} ...")
    # A strategy across symbols is one with all of them.
    seen = bars if strategy.signals is not None else {symbol: bars[symbol] for symbol in pending}
    examine(subject, seen, notify)
    notify(f"{strategy.name} ({strategy.version[:12]}) passed its audit on {', '.join(pending)}.")


def examine(subject: Subject, bars: Mapping[str, Bars], notify: Callable[[str], None]) -> Audit:
    """Audit the strategy on these bars, record the verdicts, and return what was found; raise it if it is a fault.

    Raises StrategyRefused, AuditUnfinished.
    """
    found = performed(subject.strategy, bars, notify)
    _record(subject, tuple(bars), found)
    if found.faults:
        raise StrategyRefused(subject.strategy.name, found.faults[0])
    return found


def proven(subject: Subject) -> Strategy:
    """Return the strategy, `exact` if its passed audits on all of the symbols found it so; the same of its sleeves."""
    if subject.strategy.sleeves:
        proved = (
            replace(sleeve, strategy=proven(replace(subject, strategy=sleeve.strategy)))
            for sleeve in subject.strategy.sleeves
        )
        return replace(subject.strategy, sleeves=tuple(proved))
    found = known_verdicts(subject) if subject.strategy.version else {}
    whole = [verdict.passed and json.loads(verdict.findings)["whole"] for verdict in found.values()]
    exact = bool(whole) and all(whole) and set(subject.symbols) <= set(found)
    return replace(subject.strategy, exact=exact) if exact else subject.strategy


def audit_state(subject: Subject) -> str:
    """Return `passed`, `refused` or `not audited`: the verdict on all of the symbols, and all sleeves, together."""
    if subject.strategy.sleeves:
        own = [part for part in subject.strategy.parts if part.version]
        states = {audit_state(replace(subject, strategy=part)) for part in own}
        return next((state for state in ("refused", "not audited") if state in states), "passed")
    found = known_verdicts(subject)
    if any(not verdict.passed for verdict in found.values()):
        return "refused"
    return "passed" if set(subject.symbols) <= set(found) else "not audited"


def performed(strategy: Strategy, bars: Mapping[str, Bars], notify: Callable[[str], None]) -> Audit:
    """Return the audit of the strategy on these bars, in the process that runs its code."""
    if isinstance(strategy.runner, ChildRunner):
        return strategy.runner.audit(bars, strategy.version, _limited(strategy, notify))
    return audit_strategy(strategy, bars, strategy.version)


def _limited(strategy: Strategy, notify: Callable[[str], None]) -> Callable[[Message], None]:
    """Return what hears of an audit's progress: it says how long it takes, and stops it after AUDIT_TIMEOUT_S."""
    started = said = monotonic()

    def heard(message: Message) -> None:
        nonlocal said
        now = monotonic()
        if now - started > AUDIT_TIMEOUT_S:
            raise AuditUnfinished(
                f"the audit of {strategy.name} took longer than {AUDIT_TIMEOUT_S} s and was stopped, so nothing is "
                "decided by it; make it faster, or shorten its history_bars"
            )
        if now - said > REPORT_S:
            said = now
            notify(f"Auditing {strategy.name}: {message.content.get('symbol', '')}, {now - started:.0f} s")

    return heard


def known_verdicts(subject: Subject) -> dict[str, StrategyVerdict]:
    """Return the verdicts of the present kind of audit by symbol."""
    strategy = subject.strategy
    with connect(subject.home) as store:
        found = verdicts.load(store, strategy.version, parameters_json(strategy), subject.source, subject.symbols)
    return {symbol: verdict for symbol, verdict in found.items() if verdict.audit_version == AUDIT_VERSION}


def _published(subject: Subject) -> dict[str, Bars]:
    with connect(subject.home) as store:
        known = bar_store.load(store, subject.source, subject.symbols, until=subject.at.date())
        bars = with_columns(store, subject.source, known, subject.strategy.columns)
    return {symbol: series for symbol, series in bars.items() if len(series)}


def _record(subject: Subject, symbols: Sequence[str], found: Audit) -> None:
    """Record that the audit passed on every symbol that it looked at, or where it found a fault.

    A fault that ends the audit leaves the other symbols unseen, so none of them has passed then. One without a symbol,
    and one of a strategy across symbols, is a fault of all.
    """
    by_symbol = {fault.symbol: fault for fault in reversed(found.faults)}
    of_all = by_symbol.get("") or (found.faults[0] if found.faults and subject.strategy.signals is not None else None)
    # A symbol with too few rows was not looked at: it is audited once it has enough.
    seen = [symbol for symbol in symbols if symbol not in found.coverage.short]
    faults = {symbol: by_symbol.get(symbol, of_all) for symbol in seen}
    rows = [_verdict(subject, symbol, found, fault) for symbol, fault in faults.items() if fault or found.passed]
    with connect(subject.home) as store:
        verdicts.record(store, rows)


def _verdict(subject: Subject, symbol: str, found: Audit, fault: Fault | None) -> StrategyVerdict:
    findings = {
        "coverage": asdict(found.coverage),
        "whole": found.whole,
        "fault": None
        if fault is None
        else {"check": str(fault.check), "message": fault.message, "day": str(fault.day)},
    }
    return StrategyVerdict(
        sha256=subject.strategy.version,
        parameters=parameters_json(subject.strategy),
        source=subject.source,
        symbol=symbol,
        audit_version=AUDIT_VERSION,
        passed=fault is None,
        findings=json.dumps(findings),
        judged_at=subject.at,
    )
