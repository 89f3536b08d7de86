"""Costs: whether fills cost more than the account's terms assume, tested over its days with fills."""

import numpy as np

from strategy.drift.looks import Looks
from strategy.market.bars import FloatArray

#: Days with fills before which nothing is judged: a few signs prove nothing.
FEWEST_DAYS = 10


def excess(realised: FloatArray, modelled: FloatArray, notional: FloatArray) -> FloatArray:
    """Return what each day's fills (T,) cost above the modelled cost, as a fraction of the money traded.

    All are money; cost is fees, and what was paid beyond the open.

    >>> excess(np.array([3.0]), np.array([2.0]), np.array([1000.0])).tolist()
    [0.001]
    """
    result: FloatArray = (realised - modelled) / notional
    return result


def evidence(excesses: FloatArray) -> FloatArray:
    """Return the evidence after each day with fills (T,) that they cost too much: Σx / √Σx²; 0 before FEWEST_DAYS.

    A t statistic whose size, for errors as likely above as below, hardly depends on their distribution: signs alone
    decide it (Efron 1969). Equal costs give 0.

    >>> evidence(np.full(12, 0.001)).round(2).tolist()[-3:]
    [3.16, 3.32, 3.46]
    """
    squares = np.cumsum(excesses * excesses)
    found = np.cumsum(excesses) / np.sqrt(np.where(squares > 0.0, squares, 1.0))
    return np.where(np.arange(1, len(excesses) + 1) < FEWEST_DAYS, 0.0, found)


def frozen_limit(looks: Looks) -> float:
    """Return what the largest evidence of a year exceeds in a share of years if fills cost what is modelled."""
    noise = np.random.default_rng(looks.seed).normal(size=(looks.paths, looks.year_days))
    squares = np.sqrt(np.cumsum(noise * noise, axis=1))
    largest = (np.cumsum(noise, axis=1) / squares)[:, FEWEST_DAYS - 1 :].max(axis=1)
    return float(np.quantile(largest, 1.0 - looks.share))
