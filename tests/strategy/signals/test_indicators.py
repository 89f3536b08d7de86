"""The relative strength index by literal numbers."""

import numpy as np

from strategy.signals.indicators import rsi


def test_rsi_is_the_share_of_gains_in_all_movement() -> None:
    close = np.array([10.0, 11.0, 10.0, 13.0])
    assert rsi(close, 3)[-1] == 80.0


def test_rsi_is_at_its_ends_when_prices_move_one_way() -> None:
    rising = np.arange(1.0, 20.0)
    assert (rsi(rising)[14:] == 100.0).all()
    assert (rsi(rising[::-1])[14:] == 0.0).all()


def test_rsi_is_fifty_where_nothing_moves() -> None:
    assert (rsi(np.full(20, 7.0))[14:] == 50.0).all()


def test_rsi_is_unknown_before_its_window_is_full() -> None:
    assert np.isnan(rsi(np.arange(1.0, 20.0))[:14]).all()
    assert np.isnan(rsi(np.arange(1.0, 5.0))).all()


def test_rsi_sees_its_window_alone_to_the_last_bit() -> None:
    close = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(3).standard_normal(200)))
    whole = rsi(close)
    for row in range(14, 200):
        assert rsi(close[row - 14 : row + 1])[-1] == whole[row]
