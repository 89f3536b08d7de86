"""The data gate's warnings in an answer: one line per symbol and rule, as long as its bars are in the window."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

import pandas as pd

from exchange.ports import BAR_COLUMNS
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.bars.bar_warnings import StandingWarning, not_looked_through, record_warnings, standing_warnings
from storage.database import Connection, connect
from storage.ledger import days as ledger
from strategy.market.bars import Bars
from strategy.market.findings import Finding
from tasks.run.job import Job
from tasks.validation.suite import Context, judge_all

#: How far before its first day an answer uses bars: a look-back of 252 sessions with its weekends.
LOOK_BACK = timedelta(days=400)


def warning_lines(store: Connection, job: Job, since: date | None) -> tuple[str, ...]:
    """Return the grouped warnings on the job's published bars dated `since` up to `as_of`."""
    found = standing_warnings(store, job.source, job.symbols, (since or date.min, job.as_of))
    return grouped(found)


def first_day_behind(store: Connection, job: Job) -> date:
    """Return the date of the first bar that today's answer uses: the look-back before the account's first day."""
    opened = ledger.first_day(store, job.account)
    return min(opened or job.as_of, job.as_of) - LOOK_BACK


def grouped(found: Sequence[StandingWarning]) -> tuple[str, ...]:
    """Return one line for each symbol, rule and acceptance, with the number of its bars and their date range."""
    lines = []
    for _, same in groupby(
        found, key=lambda warning: (warning.finding.symbol, warning.finding.expectation, warning.accepted)
    ):
        lines.append(_line(list(same)))
    return tuple(lines)


def _line(same: Sequence[StandingWarning]) -> str:
    first, last = same[0].finding, same[-1].finding
    if len(same) == 1:
        when, which = f"on {last.open_time}", ""
    else:
        when, which = f"on {len(same)} days from {first.open_time} to {last.open_time}", "the last: "
    why = f"; accepted: {same[-1].accepted}" if same[-1].accepted else ""
    return f"{last.symbol} {when}: {last.reason} ({last.expectation}: {which}{last.value}, limit {last.limit}){why}"


def look_through(job: Job) -> None:
    """Judge published bars of an older store once, so that the warnings of its data gate are shown again."""
    with connect(job.home) as store:
        symbols = not_looked_through(store, job.source, job.symbols)
        if not symbols:
            return
        bars = bar_store.load(store, job.source, symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, symbols)
        contexts = [
            Context(
                symbol=symbol,
                calendar=instruments[symbol].calendar,
                as_of=job.as_of,
                now=job.now,
                accepted=frozenset(quarantine.accepted(store, job.source, symbol)),
            )
            for symbol in bars
            if symbol in instruments
        ]
    verdicts = judge_all([(_frame(bars[context.symbol]), context) for context in contexts])
    with connect(job.home) as store:
        for verdict in verdicts:
            days = bars[verdict.symbol].open_time.astype("datetime64[D]").tolist()
            found: tuple[Finding, ...] = verdict.warnings
            record_warnings(store, (job.source, verdict.symbol), days, found, job.now)


def _frame(bars: Bars) -> pd.DataFrame:
    """Return published bars in the form in which a source delivers them."""
    columns = {
        "symbol": bars.symbol,
        "open_time": bars.open_time,
        **{name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")},
        "adj_close": bars.close * bars.factor,
    }
    return pd.DataFrame(columns)[list(BAR_COLUMNS)]
