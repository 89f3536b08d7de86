"""What earned an account's net result, on its day and since it opened, by symbol and by kind of cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from strategy.account.quotes import QuotesByDate, quotes_by_date
from strategy.attribution.contributions import Attribution, attribution
from strategy.backtest.day_loop import Replay
from strategy.evaluation.costs import rates
from tasks.daily.account_history import replay_until
from tasks.daily.account_returns import booked_flows
from tasks.daily.account_state import account_config
from tasks.performance.tables import symbols_table
from tasks.report.markup import Table, money
from tasks.run.answers import EarnedAnswer
from tasks.run.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What earned the result of some days: contributions, the days, the equity before them, and the net result.

    `net` is the change of the equity less what was paid in. Contributions of an account of our own add up to it
    exactly.
    """

    attribution: Attribution
    since: date
    equity: Decimal
    net: Decimal

    @property
    def unexplained(self) -> Decimal:
        """Return the part of the net result that no contribution has."""
        return self.net - self.attribution.total.net


def earned_answer(day: Earned) -> EarnedAnswer:
    """Return the answer's part on what earned a day; parts that do not add up to its result are left out."""
    answer = EarnedAnswer(since=day.since, equity=day.equity, net=day.net)
    if day.unexplained:
        return answer
    gains = {symbol: gain.net for symbol, gain in day.attribution.by_symbol.items()}
    cash = gains.pop("", Decimal(0))
    return answer.model_copy(update={"symbols": gains, "cash": cash})


def earned_tables(day: Earned, whole: Earned) -> tuple[Table, ...]:
    """Return a table of the day and one of all days since the account opened, which on its second day are the same.

    A table whose contributions do not add up to the net result says so in their place.
    """
    since = _table(f"What earned the net result since {whole.since}, by symbol", whole)
    return (since,) if day.since == whole.since else (_table("What earned the day, by symbol", day), since)


def earned(job: Job) -> tuple[Earned, Earned] | None:
    """Return what earned the job's day, and what earned all days since the account opened; None on its first day."""
    with connect(job.home) as store:
        record = _record(store, job)
        if len(record.snapshots) < 2:
            return None
        config = account_config(store, job)
        flows = [(flow.settled_on, flow.value) for flow in booked_flows(store, job.account, job.as_of)]
        quotes = _quotes(store, job, record)
    at = rates(config.terms.costs, config.terms.instruments)

    def of(days: Replay) -> Earned:
        first, last = days.snapshots[0], days.snapshots[-1]
        since = first.account.as_of
        paid_in = sum((value for on, value in flows if value is not None and on and on > since), Decimal(0))
        return Earned(
            attribution=attribution(days, quotes, at),
            since=since,
            equity=first.equity,
            net=last.equity - first.equity - paid_in,
        )

    return of(_last_day(record)), of(record)


def _record(store: Connection, job: Job) -> Replay:
    """Return the account's days with all that was booked; regimes are not told apart, so without decisions."""
    return replace(
        replay_until(store, job.account, job.as_of), entries=ledger.entries_until(store, job.account, job.as_of)
    )


def _last_day(record: Replay) -> Replay:
    as_of = record.snapshots[-1].account.as_of
    return replace(
        record,
        snapshots=record.snapshots[-2:],
        fills=tuple(fill for fill in record.fills if fill.as_of == as_of),
        entries=tuple(entry for entry in record.entries if entry.as_of == as_of),
    )


def _quotes(store: Connection, job: Job, record: Replay) -> QuotesByDate:
    """Return the bars of all symbols that were ever filled, from the first fill on."""
    days = [fill.as_of for fill in record.fills]
    symbols = _filled(record)
    if not days:
        return QuotesByDate(quotes={})
    bars = bar_store.load(store, job.source, symbols, until=job.as_of, last_bars=(job.as_of - days[0]).days + 1)
    return quotes_by_date(bars, days[0], job.as_of)


def _filled(record: Replay) -> Sequence[str]:
    return tuple(sorted({fill.symbol for fill in record.fills}))


def _table(heading: str, found: Earned) -> Table:
    if found.unexplained:
        told = (
            f"Not shown: the contributions add up to {money(found.attribution.total.net)} and the account gained "
            f"{money(found.net)}, which its entries do not explain."
        )
        return Table(heading=heading, columns=("",), rows=(), empty=told)
    return symbols_table(heading, found.attribution, found.equity)
