"""The network's inputs: own features, the market's mean beside them, and nothing from the future."""

import numpy as np
import pytest

from strategy.market.bars import Bars, make_bars
from strategy.signals.features import FEATURE_BARS, FEATURES, features
from strategy.signals.network_inputs import INPUTS, bars_behind, inputs

F = len(FEATURES)


def walk(symbol: str, first: str, count: int, seed: int, weekend: bool = True) -> Bars:
    days = np.arange(np.datetime64(first, "D"), np.datetime64(first, "D") + 2 * count)
    dates = (days if weekend else days[np.is_busday(days)])[:count].astype("datetime64[us]")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0005, 0.015, count)))
    return make_bars(symbol, dates, close=close)


def market() -> dict[str, Bars]:
    """A coin, a stock with weekdays, one that is listed late and one that is gone early."""
    return {
        "COIN": walk("COIN", "2018-01-01", 900, 1),
        "STK": walk("STK", "2018-01-01", 640, 2, weekend=False),
        "YOUNG": walk("YOUNG", "2019-03-01", 475, 3),
        "GONE": walk("GONE", "2018-01-01", 500, 4),
    }


def test_every_input_has_a_name() -> None:
    one = market()["COIN"]
    assert inputs({"COIN": one})["COIN"].shape == (len(one), len(INPUTS)) == (900, 30)
    assert len(set(INPUTS)) == len(INPUTS)


def test_a_symbol_alone_is_its_own_market() -> None:
    one = market()["COIN"]
    rows = inputs({"COIN": one})["COIN"]
    assert np.array_equal(rows[:, :F], features(one.close), equal_nan=True)
    assert np.array_equal(rows[:, F:], rows[:, :F], equal_nan=True)


def test_the_market_is_the_mean_of_the_symbols_that_are_current_on_the_date() -> None:
    bars = {symbol: market()[symbol] for symbol in ("COIN", "STK")}
    rows = inputs(bars)
    saturday = np.datetime64("2019-06-01", "us")
    coin_row = int(np.searchsorted(bars["COIN"].open_time, saturday))
    friday = int(np.searchsorted(bars["STK"].open_time, saturday)) - 1
    expected = (features(bars["COIN"].close)[coin_row] + features(bars["STK"].close)[friday]) / 2
    assert rows["COIN"][coin_row, F:] == pytest.approx(expected, rel=1e-15)


def test_a_symbol_that_has_gone_leaves_the_market_after_a_week() -> None:
    bars = {symbol: market()[symbol] for symbol in ("COIN", "GONE")}
    coin = inputs(bars)["COIN"]
    alone = inputs({"COIN": bars["COIN"]})["COIN"]
    last = 499
    assert not np.array_equal(coin[last + 7, F:], alone[last + 7, F:])
    assert np.array_equal(coin[last + 8, F:], alone[last + 8, F:])


def test_a_symbol_joins_the_market_once_its_features_are_known() -> None:
    bars = {symbol: market()[symbol] for symbol in ("COIN", "YOUNG")}
    coin = inputs(bars)["COIN"]
    alone = inputs({"COIN": bars["COIN"]})["COIN"]
    joined = int(np.searchsorted(bars["COIN"].open_time, bars["YOUNG"].open_time[FEATURE_BARS - 1]))
    assert np.array_equal(coin[joined - 1], alone[joined - 1])
    assert not np.array_equal(coin[joined], alone[joined])


def test_inputs_ignore_the_future() -> None:
    bars = market()
    cut = np.datetime64("2019-12-01", "us")
    whole, past = inputs(bars), inputs({symbol: series.until(cut) for symbol, series in bars.items()})
    for symbol, rows in past.items():
        assert np.array_equal(whole[symbol][: len(rows)], rows, equal_nan=True)


@pytest.mark.parametrize("context_bars", [20, 252])
@pytest.mark.parametrize("missing", [None, "GONE"])
def test_the_bars_behind_a_context_determine_it_to_the_last_bit(context_bars: int, missing: str | None) -> None:
    bars = {symbol: series for symbol, series in market().items() if symbol != missing}
    whole = inputs(bars)
    count = bars_behind({symbol: series.open_time for symbol, series in bars.items()}, context_bars)
    bare = inputs({symbol: series.rows(max(0, len(series) - count), len(series)) for symbol, series in bars.items()})
    for symbol in bars:
        assert np.array_equal(bare[symbol][-context_bars:], whole[symbol][-context_bars:], equal_nan=True), symbol


def test_one_bar_less_is_not_enough() -> None:
    """The bound is tight: a week without one of the symbols, and its features right before are still needed."""
    bars = {"COIN": market()["COIN"], "GONE": market()["GONE"]}
    count = bars_behind({"COIN": bars["COIN"].open_time}, 401)
    cut = bars["COIN"].rows(900 - count + 8, 900)
    whole, bare = inputs({"COIN": bars["COIN"]})["COIN"], inputs({"COIN": cut})["COIN"]
    assert not np.array_equal(bare[-401:], whole[-401:], equal_nan=True)


def test_no_symbol_has_no_bars_behind_it() -> None:
    assert bars_behind({}, 20) == 0
