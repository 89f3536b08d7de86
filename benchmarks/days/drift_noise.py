"""Noise for the checks of a live account: from the processes they were made with, and from others they were not."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from strategy.evaluation.bootstrap import Blocks, stationary_rows
from strategy.market.bars import FloatArray

YEAR, SYMBOLS = 252, 5
SHARPE, VOLATILITY = 0.8, 0.01
FILLED = 0.6
#: Part of the deviation of the account, and of each symbol, that all share.
COMMON, OWN = 0.7, math.sqrt(0.51)
#: Mean length of the blocks of real days: long enough to keep a crisis whole, and the calm before and after it.
REAL_BLOCK_DAYS = 504.0
#: Shares, bonds, credit and gold, which have bars together from November 2004 on.
FUNDS = ("SPY", "EFA", "IEF", "LQD", "GLD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Log returns of an account (T,) and its symbols (T, S), and the excess cost of days with fills (T,), else NaN."""

    account: FloatArray
    symbols: FloatArray
    excess: FloatArray

    def after(self, day: int) -> "Noise":
        """The noise after so many days."""
        return Noise(account=self.account[day:], symbols=self.symbols[day:], excess=self.excess[day:])


#: Draws the noise of so many days from a seed.
Process = Callable[[int, int], Noise]
#: From unit shocks (T,) and a generator to the deviation of each day (T,), about 1 on average.
Scale = Callable[[FloatArray, np.random.Generator], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shocks:
    """Shocks of a process: degrees of freedom of their t distribution (None: normal), what scales them, and AR(1)."""

    tail: int | None = None
    scale: Scale | None = None
    memory: float = 0.0


def made(shocks: Shocks, days: int, seed: int) -> Noise:
    """Noise of an account whose Sharpe ratio is 0.8, and of the symbols that move with it."""
    random = np.random.default_rng(seed)
    size = (days, SYMBOLS + 2)
    drawn = random.normal(size=size) if shocks.tail is None else _student(random, shocks.tail, size)
    own, common, symbols = drawn[:, 0], drawn[:, 1], drawn[:, 2:]
    if shocks.scale is not None:
        scale = shocks.scale(common, np.random.default_rng([seed, 1]))
        own, common, symbols = own * scale, common * scale, symbols * scale[:, None]
    account = COMMON * common + OWN * own
    for day in range(1, days if shocks.memory else 0):
        account[day] += shocks.memory * account[day - 1]
    return Noise(
        excess=_costs(random, days),
        account=VOLATILITY * (account + SHARPE / math.sqrt(YEAR)),
        symbols=VOLATILITY * (COMMON * common[:, None] + OWN * symbols),
    )


def garch(shock: float, variance: float, shocks: FloatArray, _: np.random.Generator) -> FloatArray:
    """The deviation by GARCH(1, 1), whose weights of the last shock and variance are given."""
    now, result = 1.0, np.empty(len(shocks))
    for day, each in enumerate(shocks):
        result[day] = math.sqrt(now)
        now = (1.0 - shock - variance) + shock * now * each * each + variance * now
    return result


def stochastic(shocks: FloatArray, random: np.random.Generator) -> FloatArray:
    """The deviation by stochastic volatility with jumps.

    Log variance is AR(1) of 0.98 with errors of 0.18, in the middle of what is estimated for shares and currencies
    (Kim, Shephard and Chib 1998); on 0.6 % of days all prices jump by four times as much besides (Eraker, Johannes and
    Polson 2003).
    """
    errors = random.normal(size=len(shocks)) * 0.18
    stationary = 0.18 / math.sqrt(1.0 - 0.98**2)
    logs = np.empty(len(shocks))
    logs[0] = random.normal() * stationary
    for day in range(1, len(shocks)):
        logs[day] = 0.98 * logs[day - 1] + errors[day]
    jumps = np.where(random.random(len(shocks)) < 0.006, math.sqrt(17.0), 1.0)
    result: FloatArray = np.exp(0.5 * logs - 0.25 * stationary**2) * jumps
    return result


def switching(shocks: FloatArray, random: np.random.Generator) -> FloatArray:
    """The deviation by two regimes: 0.75 for 400 days on average, then 1.6 for 100 days (Hamilton and Susmel 1994)."""
    turbulent, result = False, np.empty(len(shocks))
    turns = random.random(len(shocks))
    for day, turn in enumerate(turns):
        turbulent ^= bool(turn < (1 / 100 if turbulent else 1 / 400))
        result[day] = 1.6 if turbulent else 0.75
    return result


#: The kinds that the checks, and the margin of the shift, were made with; the last one has the worst rate of them.
SEEN: dict[str, Process] = {
    "independent normal days": partial(made, Shocks()),
    "fat tails (t, 5)": partial(made, Shocks(tail=5)),
    "clustered volatility and autocorrelation": partial(
        made, Shocks(tail=8, scale=partial(garch, 0.05, 0.93), memory=0.1)
    ),
}
#: Kinds that nothing was chosen by.
UNSEEN: dict[str, Process] = {
    "GARCH(0.05, 0.93), t (8), no autocorrelation": partial(made, Shocks(tail=8, scale=partial(garch, 0.05, 0.93))),
    "GARCH(0.10, 0.88), t (5)": partial(made, Shocks(tail=5, scale=partial(garch, 0.10, 0.88), memory=0.1)),
    "GARCH(0.03, 0.96), t (8)": partial(made, Shocks(tail=8, scale=partial(garch, 0.03, 0.96), memory=0.1)),
    "stochastic volatility with jumps": partial(made, Shocks(scale=stochastic)),
    "two regimes": partial(made, Shocks(scale=switching)),
}


def real(folder: Path) -> dict[str, Process]:
    """Real days in blocks, from the development bars: funds held in equal parts or at a volatility, and an index."""
    frame = pd.read_parquet(folder / "ohlcv_daily.parquet", columns=["symbol", "date", "close", "adj_close"])
    closes = frame.assign(price=frame["adj_close"].fillna(frame["close"]))
    prices = closes.pivot_table(index="date", columns="symbol", values="price")
    funds = np.diff(np.log(prices[list(FUNDS)].dropna().to_numpy()), axis=0)
    index = np.diff(np.log(prices[["^GSPC"]].dropna().to_numpy()), axis=0)
    return {
        "real days of funds, equal parts": partial(_resampled, funds, funds.mean(axis=1)),
        "real days of funds, at a volatility": partial(_resampled, funds, _at_a_volatility(funds.mean(axis=1))),
        "real days of the S&P 500 since 1927": partial(_resampled, index, index[:, 0]),
    }


def _resampled(symbols: FloatArray, account: FloatArray, days: int, seed: int) -> Noise:
    """Noise of whole real days in blocks: `symbols` (T, S), `account` (T,)."""
    random = np.random.default_rng(seed)
    blocks = Blocks(days=REAL_BLOCK_DAYS, random=random)
    rows = stationary_rows(len(symbols), 1, blocks, days)[0]
    return Noise(account=account[rows], symbols=symbols[rows], excess=_costs(random, days))


def _at_a_volatility(account: FloatArray) -> FloatArray:
    """Returns over the deviation that an exponential average of earlier squares (span 40) foretells."""
    before = pd.Series(account**2).ewm(span=40).mean().shift(1).bfill().to_numpy()
    result: FloatArray = VOLATILITY * account / np.sqrt(before)
    return result


def _student(random: np.random.Generator, tail: int, size: tuple[int, int]) -> FloatArray:
    """Draws of the t distribution with deviation 1."""
    result: FloatArray = random.standard_t(tail, size=size) * math.sqrt((tail - 2) / tail)
    return result


def _costs(random: np.random.Generator, days: int) -> FloatArray:
    result: FloatArray = np.where(random.random(days) < FILLED, random.standard_t(4, size=days) * 0.0015, np.nan)
    return result
