"""Metrics of an exact account: its returns, measured against those of cash."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from strategy.account.interest_rates import FinancingTerms
from strategy.account.risk_free import RiskFree, risk_free
from strategy.backtest.day_loop import Replay, turnovers
from strategy.evaluation.metrics import Metrics, metrics
from strategy.market.bars import FloatArray
from strategy.market.instruments import Instrument, account_days_per_year


def measure(replayed: Replay, instruments: Mapping[str, Instrument], financing: FinancingTerms) -> Metrics:
    """Return the metrics of an account on these terms of financing, annualised by its account days."""
    return metrics(equity_of(replayed), turnovers(replayed), days_per_year(instruments), cash_of(replayed, financing))


def measure_account(replayed: Replay, instruments: Mapping[str, Instrument], financing: FinancingTerms) -> Metrics:
    """Return the metrics of an account of days, without the ratios of excess returns where a rate is not known.

    Those of a backtest are above 0 then; an account's would change what they are measured against from day to day.
    """
    days = replayed.dates
    if financing.lacking is None and financing.risk_free.lacks(days[0], days[-1]) is None:
        return measure(replayed, instruments, financing)
    raw = metrics(equity_of(replayed), turnovers(replayed), days_per_year(instruments))
    return replace(raw, sharpe=None, sortino=None, rate_mean=None)


def cash_of(replayed: Replay, financing: FinancingTerms) -> RiskFree:
    """Return what cash alone would have returned on the account's days."""
    return risk_free(financing, replayed.dates)


def equity_of(replayed: Replay) -> FloatArray:
    """Return the account's equity by day, free of money paid in or out, (T,)."""
    return np.array([float(value) for value in replayed.unit_values])


def days_per_year(instruments: Mapping[str, Instrument]) -> int:
    """Return the account days in a year."""
    return account_days_per_year(frozenset(instrument.calendar for instrument in instruments.values()))
