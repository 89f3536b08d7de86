"""Drift: whether the account still does what its past led to expect; it is said, and never stops trading."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from storage.accounts import expectations as expectation_store
from storage.accounts.expectations import Slippage
from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import broker_events, bulk
from storage.ledger import positions as position_store
from strategy.account.money import exact
from strategy.account.orders import Fill
from strategy.account.paper_fills import impact_share
from strategy.account.quotes import Quote
from strategy.account.state import Snapshot
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.fill_quotes import IMPACT_BARS, fill_quotes
from strategy.drift import cost
from strategy.drift.band import edges as band_edges
from strategy.drift.band import outside
from strategy.drift.looks import (
    FALSE_ALARMS_A_YEAR,
    FALSE_ALARMS_AFTER_SHORT_PAST,
    LONG_PAST_DAYS,
    Check,
    year_of,
)
from strategy.drift.shift import WINDOW_DAYS, BoolArray, shifts
from strategy.market.session_dates import account_dates
from tasks.daily.account_state import account_config
from tasks.daily.expectation import Expectation, expect, expectation_of, log_returns
from tasks.report.markup import money
from tasks.run.answers import Answer
from tasks.run.job import PAPER, Job

#: Calendar days that hold the window before the first look of an account year, of any calendar.
WINDOW_SPAN = timedelta(days=2 * WINDOW_DAYS)
MOST_DAYS = 1_000_000
NONE_BEYOND: BoolArray = np.zeros(0, dtype=np.bool_)


class LookAnswer(Answer):
    """A look at a check: its value on a day and the limits that it is to stay within; null is no limit."""

    on: date
    value: float
    low: float | None
    high: float


class DriftCheckAnswer(Answer):
    """A check of the account year that began after `since`: its newest look, and the first one beyond a limit.

    Looks of `band` are unit values, of `cost` Σx/√Σx² of the excess cost of days with fills, of `shift` the population
    stability index. `reason` says why there is no look.
    """

    check: Check
    since: date
    newest: LookAnswer | None
    left: LookAnswer | None
    reason: str


class DriftAnswer(Answer):
    """What an account's past led to expect from `begins_on` on, as frozen under `sha256`, and its checks."""

    begins_on: date
    past_from: date | None
    past_until: date | None
    data_sha256: str
    seed: int
    sha256: str
    checks: tuple[DriftCheckAnswer, ...]

    @property
    def left(self) -> tuple[DriftCheckAnswer, ...]:
        """Return the checks with a look beyond a limit."""
        return tuple(check for check in self.checks if check.left is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The edges of the band in unit value on each of the account's days; NaN where there is none."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """The account's snapshots from the day of its expectation on, and the row at which its account year begins."""

    expected: Expectation
    lived: tuple[Snapshot, ...]

    @property
    def first(self) -> int:
        """Return the row after which the account year's days come."""
        return year_of(max(1, len(self.lived) - 1), self.expected.year_days)

    @property
    def since(self) -> date:
        """Return the day of that row."""
        return self.lived[self.first].account.as_of

    @property
    def days(self) -> list[date]:
        """Return the days of the account year."""
        return [snapshot.account.as_of for snapshot in self.lived[self.first + 1 :]]


def look_at(job: Job, model_id: str | None) -> DriftAnswer | None:
    """Freeze the account's expectation if it has none yet, note what its fills paid, and return its checks."""
    expect(job, model_id)
    with connect(job.home) as store:
        if job.broker != PAPER:
            _note_slippages(store, job)
        return drift(store, job.account, job.as_of)


def drift(store: Connection, account: str, day: date) -> DriftAnswer | None:
    """Return the account's checks on the days up to one; None before anything is expected of it."""
    stored = expectation_store.newest(store, account)
    if stored is None:
        return None
    every = position_store.snapshots(store, account, until=day, last_days=MOST_DAYS)
    lived = tuple(snapshot for snapshot in every if snapshot.account.as_of >= stored.begins_on)
    if not lived:
        return None
    life = _Life(expected=expectation_of(stored), lived=lived)
    return DriftAnswer(
        begins_on=stored.begins_on,
        past_from=life.expected.past_from,
        past_until=life.expected.past_until,
        data_sha256=stored.data_sha256,
        seed=stored.seed,
        sha256=stored.sha256,
        checks=(_band(life), _cost(store, account, life), _shift(store, life)),
    )


def edges(store: Connection, account: str, days: tuple[date, ...]) -> Edges | None:
    """Return the band around the account's unit values on these of its days; None without a band."""
    stored = expectation_store.newest(store, account)
    expected = expectation_of(stored) if stored else None
    if stored is None or expected is None or expected.band is None or not days:
        return None
    every = position_store.snapshots(store, account, until=days[-1], last_days=MOST_DAYS)
    units = {each.account.as_of: float(each.unit_value) for each in every if each.account.as_of >= stored.begins_on}
    if not units:
        return None
    known = [*units]
    low, high = band_edges(expected.band, np.array([*units.values()]))
    # Before the first day there is no band, as there is none on it.
    rows = [max(bisect_right(known, day) - 1, 0) for day in days]
    return Edges(low=tuple(low[rows].tolist()), high=tuple(high[rows].tolist()))


def drift_sentences(found: DriftAnswer | None, account: str) -> tuple[str, ...]:
    """Return a sentence of each check that has left its limits: value, limit, what it means, and what to do."""
    if found is None:
        return ()
    luck = (
        f"luck alone makes one of the checks of an account say so in {_false_alarms(found)}; {{}}, then go on, or "
        f"`turbodmt halt --account {account} --reason TEXT`"
    )
    said = []
    for check in found.left:
        assert check.left is not None, "it has left its limits"
        told, remedy = _told(check.check, check.left)
        said.append(f"{told}; {luck.format(remedy)}")
    return tuple(said)


def _false_alarms(found: DriftAnswer) -> str:
    """Return in how many years luck raises an alarm, in words: more after a past that is short."""
    first, last = found.past_from, found.past_until
    if first is not None and last is not None and (last - first).days >= LONG_PAST_DAYS:
        return f"at most {FALSE_ALARMS_A_YEAR:.0%} of years"
    return f"up to {FALSE_ALARMS_AFTER_SHORT_PAST:.0%} of years, as its past has fewer than ten"


def drift_facts(found: DriftAnswer | None) -> tuple[tuple[str, str], ...]:
    """Return what a day's report says of each check, as names and values."""
    return tuple((_NAMES[check.check], _in_words(check)) for check in (found.checks if found else ()))


_NAMES = {
    Check.BAND: "Equity against its past",
    Check.COST: "Cost of fills against the model",
    Check.SHIFT: "Returns of symbols against their past",
}


def _in_words(check: DriftCheckAnswer) -> str:
    if check.newest is None:
        return f"not judged: {check.reason}"
    state = f"left on {check.left.on}" if check.left else "within its limits"
    newest = check.newest
    if check.check is Check.BAND:
        return (
            f"{state}; the band of the day is {_money(newest.low)} to {_money(newest.high)}. It is wide, so that an "
            "account that has not changed leaves it in few of a hundred years: to be within says little"
        )
    return f"{state}; {newest.value:.2f}, limit {newest.high:.2f}"


def _told(check: Check, left: LookAnswer) -> tuple[str, str]:
    """Return what has happened, and what to look at."""
    if check is Check.BAND:
        below = left.low is not None and left.value < left.low
        side, edge = ("a lower", left.low) if below else ("an upper", left.high)
        return (
            f"the band was left on {left.on}: equity free of deposits {_money(left.value)} against {side} edge "
            f"of {_money(edge)}",
            "compare the report of the day with a backtest of the same days",
        )
    if check is Check.COST:
        return (
            f"fills have cost more than modelled since {left.on}: the evidence is {left.value:.2f} against a limit of "
            f"{left.high:.2f}",
            "compare fills with their opens (`turbodmt explain`) and correct the slippage of the account",
        )
    return (
        f"the returns of the symbols have had another distribution since {left.on}: a stability index of "
        f"{left.value:.2f} against a limit of {left.high:.2f}",
        "see whether bars or markets have changed (`turbodmt bars`), and test the strategy on such days",
    )


def _money(value: float | None) -> str:
    return "-" if value is None else money(exact(value))


def _band(life: _Life) -> DriftCheckAnswer:
    band = life.expected.band
    looks: list[LookAnswer] = []
    reason = life.expected.no_band
    off = np.zeros(0)
    start = float(life.lived[life.first].unit_value)
    if band is not None and start > 0.0:
        units = np.array([float(snapshot.unit_value) for snapshot in life.lived[life.first + 1 :]])
        off = outside(band, np.log(np.maximum(units, start * 1e-12) / start))
        lows, highs = band_edges(band, np.append(start, units))
        looks = [
            LookAnswer(on=day, value=float(value), low=float(low), high=float(high))
            for day, value, low, high in zip(life.days, units, lows[1:], highs[1:], strict=True)
        ]
    return _check(Check.BAND, life, looks, (np.abs(off) > 1.0, reason))


def _cost(store: Connection, account: str, life: _Life) -> DriftCheckAnswer:
    if broker_events.broker_of(store, account) is None:
        return _check(Check.COST, life, [], (NONE_BEYOND, "fills on paper cost what is modelled"))
    until = life.lived[-1].account.as_of
    paid = expectation_store.slippages(store, account, life.since, until)
    excesses = cost.excess(*(np.array([getattr(day, name) for day in paid]) for name in _PAID))
    found, limit = cost.evidence(excesses), life.expected.cost_limit
    looks = [
        LookAnswer(on=day.as_of, value=float(value), low=None, high=limit)
        for day, value in zip(paid, found, strict=True)
    ]
    return _check(Check.COST, life, looks, (found > limit, "no order has been filled in this account year"))


_PAID = ("realised", "modelled", "notional")


def _shift(store: Connection, life: _Life) -> DriftCheckAnswer:
    expected, reference = life.expected, life.expected.reference
    if reference is None:
        return _check(Check.SHIFT, life, [], (NONE_BEYOND, expected.no_reference))
    begins, until = life.lived[0].account.as_of, life.lived[-1].account.as_of
    after = max(life.since - WINDOW_SPAN, begins)
    # The bar before the first return, after whatever closed the markets, and a bar a day since.
    most = (until - after + WINDOW_SPAN).days
    bars = bar_store.load(store, expected.source, expected.symbols, until=until, last_bars=most)
    lost = sorted(set(expected.symbols) - set(bars))
    if lost:
        return _check(Check.SHIFT, life, [], (NONE_BEYOND, f"{', '.join(lost)} has no bar any more"))
    days = [day for day in account_dates(bars) if after < day <= until]
    indices = shifts(reference, log_returns(bars, days))
    looks = [
        LookAnswer(on=day, value=float(index), low=None, high=reference.limit)
        for day, index in zip(days, indices, strict=True)
        if np.isfinite(index) and day > life.since
    ]
    hit = np.array([look.value > look.high for look in looks], dtype=np.bool_)
    return _check(
        Check.SHIFT, life, looks, (hit, f"fewer than {WINDOW_DAYS} days with bars have passed since {begins}")
    )


def _check(check: Check, life: _Life, looks: Sequence[LookAnswer], found: tuple[BoolArray, str]) -> DriftCheckAnswer:
    """Return the newest look and the first one beyond a limit, or the reason why there is none."""
    beyond, reason = found
    at = np.flatnonzero(beyond)
    return DriftCheckAnswer(
        check=check,
        since=life.since,
        newest=looks[-1] if looks else None,
        left=looks[int(at[0])] if len(at) else None,
        reason="" if looks else reason or "no day of the account year has been settled",
    )


def _note_slippages(store: Connection, job: Job) -> None:
    """Record what fills since the expectation began paid beyond the open, and what the terms have them pay."""
    stored = expectation_store.newest(store, job.account)
    if stored is None:
        return
    noted = expectation_store.slippages(store, job.account, stored.begins_on, job.as_of)
    after = noted[-1].as_of if noted else stored.begins_on
    # The newest day noted may have had more fills since.
    fills = [fill for fill in bulk.fills(store, job.account, job.as_of) if fill.as_of >= after]
    fills = [fill for fill in fills if fill.as_of > stored.begins_on]
    if not fills:
        return
    terms = account_config(store, job).terms
    symbols = tuple(sorted({fill.symbol for fill in fills}))
    first = min(fill.as_of for fill in fills)
    bars = bar_store.load(
        store, job.source, symbols, until=job.as_of, last_bars=(job.as_of - first).days + IMPACT_BARS + 1
    )
    quotes = fill_quotes(bars, first, job.as_of, terms)
    by_day: dict[date, list[Paid]] = {}
    for fill in fills:
        quote = quotes.on(fill.as_of).get(fill.symbol)
        if quote is not None:
            by_day.setdefault(fill.as_of, []).append(_paid(fill, quote, terms))
    days = [
        Slippage(
            as_of=day,
            realised=float(sum(each.realised for each in paid)),
            modelled=float(sum(each.modelled for each in paid)),
            notional=float(sum(each.notional for each in paid)),
        )
        for day, paid in sorted(by_day.items())
    ]
    expectation_store.record_slippages(store, job.account, days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a fill paid beyond the open, what its terms have it pay, and the money traded at the open."""

    realised: Decimal
    modelled: Decimal
    notional: Decimal


def _paid(fill: Fill, quote: Quote, terms: TradingTerms) -> Paid:
    instrument = terms.instruments[fill.symbol]
    share = terms.costs.slippage(instrument)
    if coefficient := terms.costs.impact(instrument):
        share += impact_share(coefficient, fill.quantity, quote)
    notional = fill.quantity * quote.open * fill.fx_rate
    return Paid(
        realised=fill.signed_quantity * (fill.price - quote.open) * fill.fx_rate,
        modelled=notional * share,
        notional=notional,
    )
