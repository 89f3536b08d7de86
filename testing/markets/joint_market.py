"""A made-up joint market with the stylised facts of a real one: clustered volatility, fat tails, common shocks."""

from collections.abc import Mapping

import numpy as np

from strategy.market.bars import Bars


def joint_market(days: int = 1_400, seed: int = 1) -> dict[str, Bars]:
    """Two shares that trade on weekdays and a token that trades every day, correlated, with common volatility."""
    draw = np.random.default_rng(seed)
    dates = np.datetime64("2015-01-05") + np.arange(days)
    log_volatility = np.zeros(days)
    for day in range(1, days):
        log_volatility[day] = 0.985 * log_volatility[day - 1] + 0.09 * draw.standard_normal()
    shocks = draw.standard_t(4, (days, 4)) / np.sqrt(2.0)
    weekday = (dates.astype(np.int64) + 3) % 7 < 5
    bars = {}
    for column, (symbol, size, share) in enumerate((("BOND", 0.006, -0.6), ("SHARE", 0.01, 0.8), ("TOKEN", 0.03, 0.4))):
        own = np.sqrt(1.0 - share**2) * shocks[:, column] + share * shocks[:, 3]
        returns = size * np.exp(log_volatility) * own + 2e-4
        rows = np.ones(days, dtype=bool) if symbol == "TOKEN" else weekday
        bars[symbol] = _bars(symbol, dates[rows], np.cumsum(returns)[rows], draw)
    return bars


def _bars(symbol: str, dates: np.ndarray, log_close: np.ndarray, draw: np.random.Generator) -> Bars:
    close = 100.0 * np.exp(log_close)
    opening = np.concatenate([close[:1], close[:-1]]) * np.exp(draw.normal(0.0, 0.002, len(close)))
    return Bars(
        symbol=symbol,
        open_time=dates.astype("datetime64[us]"),
        open=opening,
        high=np.maximum(opening, close) * (1.0 + draw.uniform(0.0, 0.01, len(close))),
        low=np.minimum(opening, close) * (1.0 - draw.uniform(0.0, 0.01, len(close))),
        close=close,
        volume=draw.uniform(1e3, 1e5, len(close)),
        factor=np.ones(len(close)),
    )


def with_closes(bars: Mapping[str, Bars], returns: Mapping[str, np.ndarray]) -> dict[str, Bars]:
    """Bars on the same dates whose closes follow these log returns (T - 1,)."""
    made = {}
    for symbol, series in bars.items():
        close = np.exp(np.concatenate([[0.0], np.cumsum(returns[symbol])]))
        made[symbol] = Bars(
            symbol=symbol,
            open_time=series.open_time,
            open=close,
            high=close,
            low=close,
            close=close,
            volume=series.volume,
            factor=np.ones(len(close)),
        )
    return made
