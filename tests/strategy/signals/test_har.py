"""HAR: causal to the last bit, the closes' estimate where nothing can be learned, and nearer the truth where it can."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.market.bars import Bars, FloatArray, make_bars
from strategy.signals.har import (
    AVERAGES,
    FIT_BARS,
    HAR_BARS,
    HORIZON_BARS,
    LEAST_BARS,
    LEAST_DAY,
    MOST_DAY,
    day_variance,
    har_ratios,
)
from strategy.signals.rolling import daily_volatility

STEPS = 64


def market(seed: int, bars: int = 1_600) -> tuple[Bars, FloatArray]:
    """Bars of a market whose log variance persists, sampled within the day, and its true variance of each day."""
    draw = np.random.default_rng(seed)
    state = np.zeros(bars)
    for row in range(1, bars):
        state[row] = 0.97 * state[row - 1] + 0.25 * draw.standard_normal()
    variance = 1e-4 * np.exp(state)
    moves = draw.standard_normal((bars, STEPS + 1)) * np.sqrt(variance / (STEPS + 1))[:, None]
    path = np.log(100.0) + np.cumsum(moves.ravel()).reshape(bars, STEPS + 1)
    prices = np.exp(path)
    days = np.arange("2010-01-01", "2030-01-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)][:bars].astype("datetime64[us]")
    series = Bars(
        symbol="A",
        open_time=days,
        open=prices[:, 0],
        high=prices.max(axis=1),
        low=prices.min(axis=1),
        close=prices[:, -1],
        volume=np.full(bars, np.nan),
        factor=np.ones(bars),
    )
    return series, variance


def altered(bars: Bars, rows: slice, **columns: FloatArray) -> Bars:
    changed = {name: getattr(bars, name).copy() for name in columns}
    for name, values in columns.items():
        changed[name][rows] = values
    return replace(bars, **changed)  # type: ignore[arg-type]


def test_a_days_variance_is_its_gap_and_its_range() -> None:
    bars, _ = market(1, 3)
    gap = np.log(bars.open[2] / bars.close[1])
    reach, body = np.log(bars.high[2] / bars.low[2]), np.log(bars.close[2] / bars.open[2])
    assert day_variance(bars)[2] == pytest.approx(gap**2 + reach**2 / 2 - 0.386294 * body**2, rel=1e-5)


def test_a_split_is_no_gap() -> None:
    bars, _ = market(1, 40)
    halved = {name: np.full(20, 0.5) * getattr(bars, name)[20:] for name in ("open", "high", "low", "close")}
    split = altered(bars, slice(20, 40), factor=np.full(20, 2.0), **halved)
    assert day_variance(split)[1:] == pytest.approx(day_variance(bars)[1:], rel=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_the_bare_window_gives_the_same_bits(seed: int) -> None:
    bars, _ = market(seed)
    whole = har_ratios(bars).ratio
    assert (whole[-300:] != 1.0).all()
    for row in range(HAR_BARS - 40, len(bars), 13):
        assert har_ratios(bars.rows(max(0, row + 1 - HAR_BARS), row + 1)).ratio[-1] == whole[row]


@settings(max_examples=10, deadline=None)
@given(row=st.integers(800, 1_590))
def test_the_future_is_ignored(row: int) -> None:
    bars, _ = market(3)
    stop = slice(row + 1, None)
    wild = {name: 3.0 * getattr(bars, name)[stop] for name in ("open", "high", "low", "close")}
    assert (har_ratios(altered(bars, stop, **wild)).ratio[: row + 1] == har_ratios(bars).ratio[: row + 1]).all()


def test_a_month_is_fitted_on_the_rows_before_it() -> None:
    bars, _ = market(4)
    found = har_ratios(bars)
    months = bars.open_time.astype("datetime64[M]")
    start = int(np.searchsorted(months, months[-1]))
    assert (found.coefficients[start:] == found.coefficients[-1]).all()
    assert (found.coefficients[start - 1] != found.coefficients[-1]).any()
    ewma = daily_volatility(bars.close) ** 2
    days = day_variance(bars)
    bounded = np.clip(days[1:], LEAST_DAY * ewma[:-1], MOST_DAY * ewma[:-1])
    rows = range(start - FIT_BARS, start - HORIZON_BARS)
    logs = np.log(bounded)
    inputs = [[1.0, *(logs[row - count : row].mean() - np.log(ewma[row]) for count in AVERAGES)] for row in rows]
    later = [np.log(bounded[row : row + HORIZON_BARS].mean() / ewma[row]) for row in rows]
    wanted = np.linalg.lstsq(np.array(inputs), np.array(later), rcond=None)[0]
    assert found.coefficients[-1, 1:] == pytest.approx(wanted[1:], rel=1e-4)
    fitted = np.exp(np.array(inputs) @ found.coefficients[-1])
    squares = (np.diff(bars.close) / bars.close[:-1]) ** 2
    met = [squares[row : row + HORIZON_BARS].mean() / ewma[row] for row in rows]
    assert np.mean(np.array(met) / fitted) == pytest.approx(1.0, rel=1e-4)


def test_the_forecast_is_nearer_the_true_variance_than_that_of_the_closes() -> None:
    for seed in range(3):
        bars, variance = market(seed, 2_500)
        found = har_ratios(bars)
        rows = slice(LEAST_BARS + 400, -HORIZON_BARS)
        later = np.convolve(variance, np.full(HORIZON_BARS, 1 / HORIZON_BARS), "valid")[1:][rows.start :]
        closes = daily_volatility(bars.close)[rows] ** 2
        plain, ours = (np.abs(np.log(each / later)) for each in (closes, closes * found.ratio[rows]))
        assert ours.mean() < 0.75 * plain.mean()


def test_too_short_a_history_is_the_closes_estimate() -> None:
    bars, _ = market(5, LEAST_BARS + 100)
    assert (har_ratios(bars).ratio == 1.0).all()
    assert (har_ratios(bars).coefficients == 0.0).all()
    assert len(har_ratios(bars.rows(0, 0)).ratio) == 0
    assert har_ratios(bars.rows(0, 3)).ratio.tolist() == [1.0, 1.0, 1.0]


def test_bars_without_ranges_of_their_own_are_the_closes_estimate() -> None:
    bars, _ = market(6)
    closes = make_bars("A", bars.open_time, close=bars.close)
    found = har_ratios(closes)
    assert (found.ratio == 1.0).all()
    assert found.ranged[-1] == 0.0
    still = replace(closes, open=np.full(len(bars), 5.0), high=np.full(len(bars), 5.0), low=np.full(len(bars), 5.0))
    assert (har_ratios(replace(still, close=np.full(len(bars), 5.0))).ratio == 1.0).all()


def test_one_wrong_print_is_bounded() -> None:
    bars, _ = market(7)
    plain = har_ratios(bars).ratio
    wrong = altered(bars, slice(1_500, 1_501), low=np.array([0.01]))
    assert har_ratios(wrong).ratio[1_500] < plain[1_500] * MOST_DAY
    assert day_variance(wrong)[1_500] > 1e5 * day_variance(bars)[1_500]
    assert (har_ratios(wrong).ratio[:1_500] == plain[:1_500]).all()
