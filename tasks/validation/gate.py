"""The data gate: a symbol's staged window is published whole, or held back with every reason."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from exchange.sessions.calendars import sessions
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.bars.bar_warnings import JudgedBars, record_all_warnings
from storage.bars.quarantine import Checked, Inspection
from storage.bars.restatements import Restatement, all_unchanged_days, restatements
from storage.bars.sorted_rows import load_sorted_rows
from storage.bars.staging import staged_symbols, staged_windows
from storage.database import Connection, connect, transaction
from strategy.exit_codes import Exit
from strategy.market.bars import COLUMNS, Bars
from strategy.market.findings import Finding
from strategy.market.instruments import Instrument
from strategy.work_progress import WorkName, counted, counted_together
from tasks.data.account_dates import account_dates
from tasks.data.fx_rates import pairs_needed
from tasks.notices.calendars import calendar_remarks, told_calendar
from tasks.notices.currencies import unknown_currencies
from tasks.notices.funding import unused_funding
from tasks.notices.sorted_rows import sorted_remarks
from tasks.run.job import Job
from tasks.validation.restatements import ONE_UNIT, in_its_unit, with_restatements
from tasks.validation.standing_warnings import first_day_behind, look_through, warning_lines
from tasks.validation.suite import Context, Verdict, judge_all

log = logging.getLogger(__name__)

#: A staged window, and what it is judged by.
Staged = tuple[pd.DataFrame, Context]

#: Published bars before a window against which its first bars are measured.
HISTORY_BARS = 64
#: Staged bars that are read, and judged bars that are published or held back, symbol by symbol.
READING = WorkName(name="Reading staged bars", unit="symbols")
PUBLISHING = WorkName(name="Publishing bars", unit="symbols")
#: Symbols published in one transaction: with one for each symbol, the statements took most of the time.
SYMBOLS_AT_ONCE = 100
#: The expectation broken if a source has no bar of a symbol.
NO_BARS = "bars"
#: Expectations on the highs and lows of bars.
RANGE_CHECKS = frozenset(
    {
        "low_at_most_open_close",
        "high_at_least_open_close",
        "low_near_open_close",
        "high_near_open_close",
        "few_flat_bars",
    }
)
#: Longest period without a session in any calendar, in days.
LONGEST_PAUSE_DAYS = 180
#: Days that a symbol on an observed calendar may be late: its next session cannot be predicted.
OBSERVED_LATE_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The result of the data gate: symbols published and held back.

    `published` counts rows per symbol, `held_back` gives one sentence for each symbol that must not trade, `findings`
    are all the reasons, `warnings` the remarks on what passed; `standing` are those of them that belong to a published
    bar, one line per symbol and rule.
    """

    published: Mapping[str, int]
    held_back: Mapping[str, str]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    standing: tuple[str, ...] = ()

    @property
    def barred(self) -> dict[str, str]:
        """Return `held_back` without the symbols that have no bar at all: those are not quarantined but not listed."""
        unlisted = {finding.symbol for finding in self.findings if finding.expectation == NO_BARS}
        return {symbol: reason for symbol, reason in self.held_back.items() if symbol not in unlisted}


class NothingPublishable(Exception):
    """No symbol has usable bars (exit 3); `gate` holds the findings if one day was to be traded."""

    exit_code = Exit.DATA

    def __init__(self, sentence: str, gate: Gate | None = None) -> None:
        super().__init__(sentence)
        self.gate = gate


def validate(job: Job) -> Gate:
    """Judge what is staged for the job's symbols, which must reach the session of `as_of`; publish what passes.

    Raises NothingPublishable if no symbol may trade, or none has a bar of that day.
    """
    with connect(job.home) as store:
        since = first_day_behind(store, job)
    gate = inspect(job, job.as_of, since)
    with connect(job.home) as store:
        dated = account_dates(store, job, after=job.as_of - timedelta(days=1), until=job.as_of)
    # On a weekend the only symbol with a session may be held back: then no symbol has a bar of that day.
    if not dated or not set(job.symbols) - set(gate.held_back):
        reasons = "; ".join(gate.held_back[symbol] for symbol in sorted(gate.held_back)[:3])
        raise NothingPublishable(f"nothing may be traded on {job.as_of}: {reasons or 'no symbol has a session'}", gate)
    return gate


def inspect(job: Job, must_reach: date | None, since: date | None = None) -> Gate:
    """Judge what is staged and publish what passes; include warnings on published bars dated `since` or later.

    With `must_reach`, a symbol whose bars end before that day is held back too. The pairs that convert prices into the
    account's currency are judged by their closes alone, and a pair that fails is a warning: its last rate stands.
    """
    look_through(job)
    with connect(job.home) as store:
        pairs = {pair.symbol for pair in pairs_needed(store, job)} - set(job.symbols)
        instruments = instrument_store.load(store, job.source, (*job.symbols, *pairs))
        windows, anew = _windows(store, job, instruments, pairs, must_reach)
    # Whoever else needs the store would wait for the suite, and for the import of Great Expectations before it.
    verdicts = _judged(windows, anew, pairs)
    published: dict[str, int] = {}
    findings: list[Finding] = []
    unrated: list[str] = []
    fresh = {
        context.symbol: frozenset(window["open_time"].dropna().to_numpy().astype("datetime64[D]").tolist())
        - context.settled
        for window, context in windows
    }
    with connect(job.home) as store:
        for outcome in _pass_or_hold(store, job, verdicts, fresh):
            if outcome.symbol in pairs:
                unrated += [f"{in_words(finding)}; its last published rate stands" for finding in outcome.held[:1]]
                continue
            published[outcome.symbol] = outcome.rows
            findings.extend(outcome.held)
        held_back = {finding.symbol: in_words(finding) for finding in reversed(findings)}
        # Bars that a later run has published do not count for an earlier day.
        last = bar_store.last_published(store, job.source, job.symbols, until=job.as_of)
        standing = warning_lines(store, job, since)
        moved = load_sorted_rows(store, job.source, job.symbols)
    for symbol in sorted(set(job.symbols) - set(held_back)):
        lacking = _lacking(symbol, instruments.get(symbol), last.get(symbol), must_reach)
        if lacking is not None:
            findings.append(lacking)
            held_back[symbol] = in_words(lacking)
    for sentence in (*(f"{symbol} is held back: {why}" for symbol, why in sorted(held_back.items())), *unrated):
        log.warning("%s.", sentence)
    log.info("The gate published %d new bars; symbols held back: %d.", sum(published.values()), len(held_back))
    passing = [
        finding
        for verdict in verdicts
        for finding in verdict.warnings
        if verdict.symbol not in pairs and not _stands(finding)
    ]
    own = {symbol: instrument for symbol, instrument in instruments.items() if symbol not in pairs}
    remarks = (*sorted_remarks(job, moved), *_remarks_on(job, own), *map(in_words, passing), *unrated, *standing)
    return Gate(published=published, held_back=held_back, findings=tuple(findings), warnings=remarks, standing=standing)


def _remarks_on(job: Job, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    return (
        *calendar_remarks(job, instruments),
        *unknown_currencies(job, instruments),
        *unused_funding(job, instruments),
    )


def _windows(
    store: Connection, job: Job, instruments: Mapping[str, Instrument], pairs: Collection[str], must_reach: date | None
) -> tuple[list[Staged], Mapping[str, Restatement]]:
    """Return the staged windows with their contexts, and restatements by symbol; a pair need not reach the day."""
    waiting = sorted(set(staged_symbols(store, job.source)) & {*job.symbols, *pairs})
    anew = restatements(store, job.source, waiting)
    delivered = staged_windows(store, job.source, waiting)
    known = _known_before(store, job, delivered)
    windows = []
    for symbol in counted(waiting, READING, len(waiting)):
        context = _context(job, instruments[symbol], known, None if symbol in pairs else must_reach)
        history = in_its_unit(context.history, anew.get(symbol))
        windows.append((delivered[symbol], replace(context, history=history)))
    return windows, anew


def _judged(windows: Sequence[Staged], anew: Mapping[str, Restatement], pairs: Collection[str]) -> tuple[Verdict, ...]:
    """Return the verdict on each window; of a pair its closes alone are judged."""
    verdicts = tuple(with_restatements(verdict, anew) for verdict in judge_all(windows)) if windows else ()
    return tuple(of_closes(verdict) if verdict.symbol in pairs else verdict for verdict in verdicts)


def _stands(finding: Finding) -> bool:
    """Return whether a warning belongs to its bar, rather than to what a delivery did to all bars before it."""
    return finding.open_time is not None and finding.expectation != ONE_UNIT


def of_closes(verdict: Verdict) -> Verdict:
    """Return the verdict without findings on opens, highs and lows: of a pair of currencies closes alone are read."""
    held = tuple(finding for finding in verdict.findings if finding.expectation not in RANGE_CHECKS)
    return replace(verdict, findings=held)


def in_words(finding: Finding) -> str:
    """Return a finding as one sentence without its full stop: symbol, date, what is wrong, the value and the limit."""
    when = f" on {finding.open_time}" if finding.open_time else ""
    return f"{finding.symbol}{when}: {finding.reason} ({finding.expectation}: {finding.value}, limit {finding.limit})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store knows of the staged symbols: the bars before the windows, dates accepted, and bars unchanged."""

    history: Mapping[str, Bars]
    accepted: Mapping[str, set[date]]
    settled: Mapping[str, frozenset[date]]


def _known_before(store: Connection, job: Job, windows: Mapping[str, pd.DataFrame]) -> _Known:
    """Return what is known of all windows, each kind of it in one statement."""
    firsts = {symbol: window["open_time"].min() for symbol, window in windows.items()}
    before = {
        symbol: job.as_of if pd.isna(first) else first.date() - timedelta(days=1) for symbol, first in firsts.items()
    }
    return _Known(
        history=bar_store.load_until(store, job.source, before, last_bars=HISTORY_BARS),
        accepted=quarantine.accepted_days(store, job.source),
        settled=all_unchanged_days(store, job.source, list(windows)),
    )


def _context(job: Job, instrument: Instrument, known: _Known, must_reach: date | None) -> Context:
    """Return the context for judging the window: the calendar, the day, the published bars before it."""
    history = known.history.get(instrument.symbol)
    return Context(
        symbol=instrument.symbol,
        calendar=instrument.calendar,
        as_of=job.as_of,
        now=job.now,
        since=_day_after(history["open_time"][-1].astype("datetime64[D]").item()) if history else None,
        fresh_until=_expected(instrument, must_reach) if must_reach else None,
        accepted=frozenset(known.accepted.get(instrument.symbol, ())),
        settled=known.settled[instrument.symbol],
        history=pd.DataFrame({name: history[name] for name in COLUMNS}) if history else None,
        calendar_from=told_calendar(job, instrument),
    )


def _day_after(day: date) -> date:
    return day + timedelta(days=1)


def _expected(instrument: Instrument, day: date) -> date:
    """Return the instrument's last session up to the day, included; none is expected after its delisting."""
    until = min(day, instrument.last_due or day)
    if instrument.calendar.is_observed:
        return until - timedelta(days=OBSERVED_LATE_DAYS)
    last: date = sessions(instrument.calendar, until - timedelta(days=LONGEST_PAUSE_DAYS), until)[-1].item()
    return last


def _paid_out(instrument: Instrument, day: date) -> bool:
    """Return whether a person has said what became of the symbol by then, so that no bar is missed any more."""
    return instrument.last_price is not None and instrument.listed_to is not None and instrument.listed_to <= day


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of a symbol: the number of rows published, or the findings that hold it back."""

    symbol: str
    rows: int
    held: tuple[Finding, ...]


def _pass_or_hold(
    store: Connection, job: Job, verdicts: Sequence[Verdict], fresh: Mapping[str, frozenset[date]]
) -> Iterator[_Outcome]:
    """Publish the rows of each symbol or hold them back, a hundred symbols in a transaction; yield what became of each.

    Earlier warnings on a bar stay unless the bar is one of the `fresh` days: new or changed.
    """
    groups = [verdicts[start : start + SYMBOLS_AT_ONCE] for start in range(0, len(verdicts), SYMBOLS_AT_ONCE)]
    for some in counted_together(groups, PUBLISHING, len(verdicts)):
        passing = [verdict.symbol for verdict in some if verdict.passed]
        with transaction(store):
            done = bar_store.publish_all(store, job.source, passing, ingested_at=job.now)
            held = {
                verdict.symbol: (_unpublishable(verdict.symbol, done.refused[verdict.symbol]),)
                if verdict.symbol in done.refused
                else verdict.findings
                for verdict in some
            }
            checked = [
                Checked(
                    inspection=_inspection(job, verdict), checks=tuple(verdict.checks), findings=held[verdict.symbol]
                )
                for verdict in some
            ]
            quarantine.record_all(store, checked)
            remarks = {
                verdict.symbol: JudgedBars(days=fresh[verdict.symbol], found=tuple(filter(_stands, verdict.warnings)))
                for verdict in some
                if not held[verdict.symbol]
            }
            record_all_warnings(store, job.source, remarks, job.now)
            for verdict in some:
                if held[verdict.symbol]:
                    quarantine.quarantine(store, _inspection(job, verdict), held[verdict.symbol])
        for verdict in some:
            yield _Outcome(symbol=verdict.symbol, rows=done.rows.get(verdict.symbol, 0), held=held[verdict.symbol])


def _inspection(job: Job, verdict: Verdict) -> Inspection:
    return Inspection(run_id=job.run_id, source=job.source, symbol=verdict.symbol, checked_at=job.now)


def _unpublishable(symbol: str, reason: str) -> Finding:
    return Finding(
        symbol=symbol,
        open_time=None,
        expectation="publishable bars",
        value="accepted by hand",
        limit="a bar",
        reason=reason,
    )


def _lacking(symbol: str, instrument: Instrument | None, last: date | None, must_reach: date | None) -> Finding | None:
    """Return the finding that a symbol without new bars does not reach the day; None if it does."""
    if last is None:
        reason, value = "the source has no bar of it up to the requested day", "none"
        return Finding(
            symbol=symbol, open_time=None, expectation=NO_BARS, value=value, limit="at least one", reason=reason
        )
    if must_reach is None or instrument is None or _paid_out(instrument, must_reach):
        return None
    expected = _expected(instrument, must_reach)
    if last >= expected:
        return None
    return Finding(
        symbol=symbol,
        open_time=None,
        expectation="freshness",
        value=f"last bar {last}",
        limit=f"session {expected}",
        reason="the newest session is missing",
    )
