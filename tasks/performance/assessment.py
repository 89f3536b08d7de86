"""The assessment of an account: its attribution, its risk, and how it compares with a benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.risk_free import risk_free
from strategy.attribution.contributions import Attribution, attribution
from strategy.attribution.gains import Gain
from strategy.attribution.sleeve_gains import sleeve_gains
from strategy.backtest.day_loop import Replay
from strategy.evaluation.costs import Quotes, Rates
from strategy.evaluation.crises import CrisisResult, crisis_results
from strategy.evaluation.drawdown_periods import DrawdownPeriod, drawdown_periods
from strategy.evaluation.metrics import daily_returns, excess_returns
from strategy.evaluation.risk import Relative, TailRisk, WorstDay, relative, tail_risk, worst_days
from strategy.market.bars import FloatArray
from strategy.sleeves.results import SleeveResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The benchmark of an assessment: its name, and its equity or price on the same days, (T,), above 0 at first."""

    name: str
    path: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The assessment of an account; `equity` is that at its first close, and `path` that of every close.

    `benchmark` names what `relative`, the worst days and the crises compare with, None without any. `relative` is also
    None where the benchmark hardly moves, `tail` for fewer than 20 returns. `sleeves` is what each of several sleeves
    gained, by name, since the close of `sleeves_since`, from which on the account has them.
    """

    dates: tuple[date, ...]
    equity: Decimal
    path: FloatArray
    trades: int
    attribution: Attribution
    benchmark: str | None
    relative: Relative | None
    tail: TailRisk | None
    worst_days: tuple[WorstDay, ...]
    drawdowns: tuple[DrawdownPeriod, ...]
    crises: tuple[CrisisResult, ...]
    sleeves: Mapping[str, Gain]
    sleeves_since: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What an account traded under: the quotes of its bars, its rates, and the account days in a year."""

    quotes: Quotes
    rates: Rates
    days_per_year: int


def assess(record: Replay, rival: Rival | None, under: Conditions, sleeves: SleeveResults | None) -> Assessment:
    """Return the assessment of an account; returns are of unit values, so that money paid in or out is no return.

    Those compared are above the risk-free rate. Raises RatesMissing.
    """
    dates = record.dates
    path = _path(record)
    returns = daily_returns(path)
    theirs = None if rival is None else rival.path
    return Assessment(
        dates=dates,
        equity=record.equities[0],
        path=path,
        trades=len(record.fills),
        attribution=attribution(record, under.quotes, under.rates),
        benchmark=None if rival is None else rival.name,
        relative=None if theirs is None else _relative((path, theirs), dates, under),
        tail=tail_risk(returns),
        worst_days=worst_days(dates[1:], returns, None if theirs is None else daily_returns(theirs)),
        drawdowns=drawdown_periods(dates, path),
        crises=crisis_results(dates, path, theirs),
        sleeves={} if sleeves is None else sleeve_gains(sleeves, record, under.quotes),
        sleeves_since=None if sleeves is None else sleeves.since,
    )


def _relative(paths: tuple[FloatArray, FloatArray], dates: tuple[date, ...], under: Conditions) -> Relative | None:
    cash = risk_free(under.rates.financing, dates)
    ours, theirs = (excess_returns(path, cash) for path in paths)
    return relative(ours, theirs, under.days_per_year)


def _path(record: Replay) -> FloatArray:
    return np.array([float(value) for value in record.unit_values])
