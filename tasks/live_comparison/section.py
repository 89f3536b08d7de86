"""The part of a backtest's report on the live accounts that trade the same."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import bulk
from storage.ledger import positions as position_store
from strategy.account.orders import Fill
from strategy.account.quotes import Quote, quotes_by_date
from strategy.drift.looks import Check
from strategy.evaluation.costs import slipped
from strategy.evaluation.metrics import drawdowns
from tasks.backtest.measured import equity_of
from tasks.backtest.run import Backtest
from tasks.daily.drift import Edges, drift, edges
from tasks.live_comparison.finding import LiveAccount, live_accounts
from tasks.report.backtest_page import LiveBeside, LiveSection
from tasks.report.charts import EquityPicture, Line
from tasks.report.markup import ABSENT, Table, figure, share
from tasks.run.job import PAPER

#: Accounts that are drawn: more are named.
MOST_ACCOUNTS = 3
MOST_DAYS = 1_000_000
#: The fewest daily differences that say how large one usually is.
FEWEST_DIFFERENCES = 20
#: Differences of returns below this are of rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of an account's fills: their number, fees and slippage, and the money traded."""

    trades: int
    paid: Decimal
    traded: Decimal

    @property
    def bps(self) -> float | None:
        """Return the cost in basis points of what was traded; None if nothing was.

        >>> Costs(trades=2, paid=Decimal(3), traded=Decimal(10_000)).bps
        3.0
        """
        return float(10_000 * self.paid / self.traded) if self.traded else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lived:
    """A live account's days, its unit values on them, and its fills; `band` are the edges on these days, if any.

    `standing` says in words where its newest day stands in the band.
    """

    days: tuple[date, ...]
    units: tuple[float, ...]
    fills: tuple[Fill, ...]
    band: Edges | None
    standing: str


def live_section(tested: Backtest) -> LiveSection:
    """Return what the report says of the home's live accounts of the same strategy. Raises StoreError.

    An account with another plan is not compared: what differs is said instead.
    """
    found = live_accounts(tested)
    same = [each for each in found if not each.differences]
    said = [_not_compared(each) for each in found if each.differences]
    shown = []
    for each in same[:MOST_ACCOUNTS]:
        with connect(tested.job.home) as store:
            lived = _lived(store, each)
        if len(lived.days) < 2:
            said.append(
                f"Account {each.account} trades this since {each.since}; it can be compared from its second day on."
            )
        else:
            shown.append(_beside(tested, each, lived))
    said += [f"Account {each.account} trades this too." for each in same[MOST_ACCOUNTS:]]
    return LiveSection(accounts=tuple(shown), said=tuple(said) if found else (_none(tested),))


def _none(tested: Backtest) -> str:
    strategy = str(tested.job.policy.strategy)
    return (
        f"There is nothing to compare: no account of this home has been traded by {strategy} from day to day; "
        "`turbodmt daily` with the same options, or `turbodmt up`, trades one on paper."
    )


def _not_compared(each: LiveAccount) -> str:
    return (
        f"Account {each.account} is not compared, as it does not trade what was tested: {'; '.join(each.differences)}. "
        "Test what it trades, with the same options."
    )


def _lived(store: Connection, live: LiveAccount) -> _Lived:
    every = position_store.snapshots(store, live.account, until=live.last, last_days=MOST_DAYS)
    lived = [each for each in every if each.account.as_of >= live.since]
    days = tuple(each.account.as_of for each in lived)
    band = edges(store, live.account, days)
    return _Lived(
        days=days,
        units=tuple(float(each.unit_value) for each in lived),
        fills=tuple(fill for fill in bulk.fills(store, live.account, live.last) if fill.as_of > live.since),
        band=band,
        standing=_standing(store, live),
    )


def _standing(store: Connection, live: LiveAccount) -> str:
    """Return where the account stands in the band, as its day's page judges it."""
    found = drift(store, live.account, live.last)
    check = next((each for each in found.checks if each.check is Check.BAND), None) if found else None
    if check is None or check.newest is None or check.newest.low is None:
        return f"no band: {check.reason}" if check else "no band: nothing has been expected of it"
    newest, low = check.newest, check.newest.low
    middle, half = math.log(low * newest.high) / 2, math.log(newest.high / low) / 2
    state = f"left on {check.left.on}" if check.left else "within it"
    if newest.value <= 0:
        return f"{state}; nothing is left of the account"
    off = (math.log(newest.value) - middle) / half
    return f"{state}; {abs(off):.0%} of the way from its middle to its {'upper' if off > 0 else 'lower'} edge"


def _beside(tested: Backtest, live: LiveAccount, lived: _Lived) -> LiveBeside:
    """Return an account beside the backtest, on the days that both have."""
    known = dict(zip(tested.net.replay.dates, map(float, tested.net.replay.unit_values), strict=True))
    own = dict(zip(lived.days, lived.units, strict=True))
    common = [day for day in lived.days if day in known]
    begin = own[common[0]] / known[common[0]] if common and known[common[0]] > 0 else math.nan
    path = tuple(known.get(day, math.nan) * begin for day in lived.days)
    where = "on paper" if live.broker == PAPER else f"at {live.broker}"
    return LiveBeside(
        told=(
            f"Account {live.account}, {where}, has the same strategy, settings, symbols and rates since {live.since}. "
            f"{_days_told(tested, lived, common)}{_scale(common, (own, known))}"
        ),
        facts=(
            ("Days compared", f"{len(common):,} of {len(lived.days):,}"),
            ("Live equity in the band of its past", lived.standing),
        ),
        picture=EquityPicture(
            title=f"Account {live.account} against the backtest",
            dates=lived.days,
            lines=(Line(label="live", values=lived.units), Line(label="backtest, same days", values=path)),
            band=None if lived.band is None else (lived.band.low, lived.band.high),
        ),
        figures=_figures(tested, lived, common, (own, known)),
    )


def _days_told(tested: Backtest, lived: _Lived, common: Sequence[date]) -> str:
    if len(common) > 1:
        left = "" if common[-1] == lived.days[-1] else f"; the backtest ends there, the account on {lived.days[-1]}"
        return f"Both have the days {common[0]} to {common[-1]}{left}.{_carried(tested, common[0])}"
    return (
        f"The backtest, {tested.dates[0]} to {tested.dates[-1]}, shares fewer than two days with it; test up to "
        f"{lived.days[-1]} to see returns and costs side by side."
    )


def _carried(tested: Backtest, first: date) -> str:
    """Return what the backtest brings from days before the account's first one; its sizes depend on it."""
    row = tested.net.replay.dates.index(first)
    if not row:
        return ""
    depth = drawdowns(equity_of(tested.net.replay)[: row + 1])[-1]
    return (
        f" On {first} the backtest already holds positions and is {share(float(depth))} below its peak; to "
        f"begin as the account did, test with `--start-date {first}`."
    )


def _scale(common: Sequence[date], paths: tuple[Mapping[date, float], Mapping[date, float]]) -> str:
    """Return how far the account is ahead or behind in units of what such daily differences add up to by chance.

    Daily differences that are independent, with mean 0 and standard deviation s, add up to s √n over n days, one
    standard deviation.
    """
    units = np.array([[values[day] for day in common] for values in paths])
    if units.shape[1] <= FEWEST_DIFFERENCES or not (units > 0).all():
        return ""
    gaps = np.diff(np.log(units[0] / units[1]))
    ended = units[:, -1] / units[:, 0] - 1
    apart, usual = float(ended[0] - ended[1]), float(gaps.std(ddof=1)) * math.sqrt(len(gaps))
    if usual < ROUNDING:
        return ""
    times = abs(float(gaps.sum())) / usual
    return (
        f" The account is {100 * abs(apart):.2f} percentage points {'ahead' if apart > 0 else 'behind'}: {times:.1f} "
        f"times what daily differences as large as these usually add up to over {len(gaps):,} days."
    )


def _figures(
    tested: Backtest, lived: _Lived, common: Sequence[date], paths: tuple[Mapping[date, float], Mapping[date, float]]
) -> Table:
    """Return return and cost on the common days, live and in the backtest, and live less backtest."""
    columns = ("", "Live", "Backtest", "Live less backtest")
    heading = "Live against backtest, on the same days"
    if len(common) < 2:
        return Table(heading=heading, columns=columns, rows=(), empty="No two days are common to both.")
    returns = [values[common[-1]] / values[common[0]] - 1 if values[common[0]] > 0 else None for values in paths]
    paid = _costs(tested, common, (lived.fills, tested.net.replay.fills))
    trades = [costs.trades for costs in paid]
    bps = [costs.bps for costs in paid]
    rows = (
        ("Return", *(_percent(value) for value in (*returns, _less(*returns)))),
        ("Trades", *(f"{count:,}" for count in trades), _count(trades[0] - trades[1])),
        ("Fees and slippage, of what was traded", *(_bps(value) for value in (*bps, _less(*bps)))),
    )
    return Table(heading=heading, columns=columns, numbers=frozenset(columns[1:]), rows=rows)


def _costs(tested: Backtest, common: Sequence[date], accounts: tuple[Sequence[Fill], Sequence[Fill]]) -> list[Costs]:
    """Return what the fills of each account cost on the common days after the first, against the opens of one store."""
    within = [[fill for fill in fills if fill.as_of in set(common[1:])] for fills in accounts]
    symbols = tuple(sorted({fill.symbol for fills in within for fill in fills}))
    job, first = tested.job, common[0]
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, symbols, until=common[-1], last_bars=(common[-1] - first).days + 1)
    quotes = quotes_by_date(bars, first, common[-1])
    return [_cost(fills, {day: quotes.on(day) for day in common}) for fills in within]


def _cost(fills: Sequence[Fill], quotes: Mapping[date, Mapping[str, Quote]]) -> Costs:
    return Costs(
        trades=len(fills),
        paid=sum((fill.fee + slipped(fill, quotes[fill.as_of].get(fill.symbol)) for fill in fills), Decimal(0)),
        traded=sum((abs(fill.paid) for fill in fills), Decimal(0)),
    )


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _count(value: int) -> str:
    """Return a difference of counts with its sign; zero has none.

    >>> _count(1_200), _count(-3), _count(0)
    ('+1,200', '−3', '0')
    """
    return f"{value:+,}".replace("-", "−") if value else "0"


def _percent(value: float | None) -> str:
    """Return a return of a few days, which is often below a tenth of a percent.

    >>> _percent(0.0012), _percent(-0.00001), _percent(None)
    ('+0.12%', '0.00%', '–')
    """
    if value is None:
        return ABSENT
    text = f"{value:+,.2%}".replace("-", "−")
    return text[1:] if text.strip("+−0.%") == "" else text


def _bps(value: float | None) -> str:
    return ABSENT if value is None else f"{figure(value)} bps"
