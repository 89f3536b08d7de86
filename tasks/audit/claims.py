"""Headline audit: the figures the seed document claims, beside what this code measures on named real data."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Literal

import numpy as np

from exchange.ports import BarSource
from strategy.account.risk_free import risk_free
from strategy.audit.claims import CLAIMED, days_right_needed, foresight
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.builtin.registry import TURBO
from strategy.evaluation.metrics import Metrics, metrics
from strategy.market.bars import FloatArray
from strategy.market.instruments import account_days_per_year
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import SymbolSignals, symbol_signals
from strategy.signals.prior import PRIOR_BARS
from strategy.signals.rolling import change
from strategy.signals.strategies import Strategy
from tasks.audit.window import AuditAnswer, Audited, AuditRefused, AuditRequest, audited
from tasks.backtest.measured import measure
from tasks.backtest.run import Window, backtest
from tasks.data.used_data import used_sha256
from tasks.notices.excess_rates import above_zero
from tasks.run.answers import Answer
from tasks.run.job import Job

FORESIGHT = "foresight"
FIGURES = {
    "total_return": "total return of {:.2%}",
    "sharpe": "Sharpe ratio of {:.2f}",
    "max_drawdown": "maximum drawdown of {:.2%}",
    "win_rate": "win rate of {:.1%}",
}


class AccountAnswer(Answer):
    """The figures of an account, and the share of days on the right side that its Sharpe ratio takes."""

    account: str
    total_return: float | None
    sharpe: float | None
    max_drawdown: float | None
    win_rate: float | None
    days_right_needed: float | None


class HeadlineAnswer(AuditAnswer):
    """The answer of `turbodmt audit headline`."""

    audit: Literal["headline"]
    days: int
    accounts: tuple[AccountAnswer, ...]
    verdict: str
    warnings: tuple[str, ...]


def headline(
    job: Job,
    request: AuditRequest,
    open_source: Callable[[], BarSource],
    notify: Callable[[str], None],
    count: Callable[[int, int], None],
) -> HeadlineAnswer:
    """Return the answer of `turbodmt audit headline`: net figures of one symbol's accounts from the day all may trade.

    The accounts are turbo's prior, the requested strategies, `turbo` itself walked forward, and one-day perfect
    foresight, all under the same account rules. `notify` is called before each training; `count` is called with the
    number of finished accounts that replay a rule, and their total. Raises AuditRefused and what `audited` and the
    backtest raise.
    """
    if len(job.symbols) > 1:
        raise AuditRefused(f"the seed's figures are of one symbol, not of {', '.join(job.symbols)}; name one of them")
    known = audited(job, request.start, open_source)
    known = replace(known, dates=_tradable(known))
    returns = _returns(known)
    days_per_year = account_days_per_year(frozenset(instrument.calendar for instrument in known.instruments.values()))
    measured = _measured(known, [strategy for strategy in request.strategies if not strategy.learner], count)
    for learner in [strategy for strategy in request.strategies if strategy.learner]:
        policy = replace(job.policy, strategy=learner)
        window = Window(strategies=(learner,), start=known.dates[0])
        measured[learner.name] = backtest(replace(job, policy=policy), window, open_source, notify).net.metrics
    figures = {name: {figure: getattr(account, figure) for figure in FIGURES} for name, account in measured.items()}
    rows = {"claimed": asdict(CLAIMED), **figures}
    return HeadlineAnswer(
        audit="headline",
        source=job.source,
        symbols=known.symbols,
        start=known.dates[0],
        end=known.dates[-1],
        data_sha256=used_sha256(known.bars, job.policy.costs),
        code_version=job.code_version,
        seed=job.policy.recipe.seed,
        days=len(known.dates),
        accounts=tuple(
            AccountAnswer(
                account=name,
                **row,
                days_right_needed=None
                if row["sharpe"] is None
                else days_right_needed(row["sharpe"], returns, days_per_year),
            )
            for name, row in rows.items()
        ),
        verdict=verdict(figures, known.symbols[0], days_right_needed(CLAIMED.sharpe, returns, days_per_year)),
        warnings=(*known.warnings, *above_zero(job.policy.costs.financing)),
    )


def _tradable(known: Audited) -> tuple[date, ...]:
    """Return the dates of the window from the first on which every strategy has enough history. Raises AuditRefused."""
    every = account_dates(known.bars)
    dates = tuple(day for day in known.dates if day in every[PRIOR_BARS - 1 :])
    if len(dates) < 2:
        raise AuditRefused(
            f"the history is too short: the accounts need {PRIOR_BARS} bars before they trade and two days after, and "
            f"by {known.dates[-1]} there are {len(every)}; choose a later --end-date or a source with more history"
        )
    return dates


def _returns(known: Audited) -> FloatArray:
    """Return the symbol's adjusted returns on the dates of the window."""
    (bars,) = known.bars.values()
    found: FloatArray = change(bars.close * bars.factor, 1)[-len(known.dates) + 1 :]
    return found


def _measured(known: Audited, strategies: list[Strategy], count: Callable[[int, int], None]) -> dict[str, Metrics]:
    calendars = {symbol: instrument.calendar for symbol, instrument in known.instruments.items()}
    names = {"turbo (prior)": TURBO, **{str(strategy): strategy for strategy in strategies}}
    found = {}
    for done, (name, strategy) in enumerate(names.items()):
        count(done, len(names))
        found[name] = _account(known, strategy, symbol_signals(known.bars, calendars, strategy))
    count(len(names), len(names))
    return {**found, FORESIGHT: _foresight(known, account_days_per_year(frozenset(calendars.values())))}


def _foresight(known: Audited, days_per_year: int) -> Metrics:
    first = np.datetime64(known.dates[0], "us")
    path = foresight(known.bars, known.account_config(TURBO), first)
    cash = risk_free(known.job.policy.costs.financing, known.dates)
    return metrics(path.equity[:, 0], path.turnover[:, 0], days_per_year, cash)


def _account(known: Audited, strategy: Strategy, seen: Mapping[str, SymbolSignals]) -> Metrics:
    quotes = fill_quotes(known.bars, known.dates[0], known.dates[-1], known.account_config(strategy).terms)
    capital = known.job.policy.capital
    daily_replay = replay(
        aligned_signals(seen, known.symbols), quotes, known.dates, capital, known.account_config(strategy)
    )
    return measure(daily_replay, known.instruments, known.job.policy.costs.financing)


def verdict(measured: Mapping[str, Mapping[str, float | None]], symbol: str, days_right: float | None) -> str:
    """Return one sentence: which claimed figures no account reaches without knowing the future, and why.

    >>> verdict({"hold": {**asdict(CLAIMED), "sharpe": 0.4}}, "SPY", 0.76)
    'Not reproducible here: a Sharpe ratio of 5.77; ...'
    """
    honest = [row for name, row in measured.items() if name != FORESIGHT]
    missed = [
        text.format(getattr(CLAIMED, figure))
        for figure, text in FIGURES.items()
        if not any(_reaches(figure, row[figure]) for row in honest)
    ]
    if not missed:
        return "Each of the claimed figures is reached by some account here, which proves nothing for other data."
    needed = "more than all days" if days_right is None else f"{days_right:.0%} of all days"
    listed = " and ".join(part for part in (", ".join(missed[:-1]), missed[-1]) if part)
    return (
        f"Not reproducible here: a {listed}; a Sharpe ratio of {CLAIMED.sharpe} takes the right side of {symbol} on "
        f"{needed}, and in the public code that carries the claims they come from a random generator tuned to them."
    )


def _reaches(figure: str, value: float | None) -> bool:
    claimed: float = getattr(CLAIMED, figure)
    if value is None:
        return False
    return value <= claimed if figure == "max_drawdown" else value >= claimed
