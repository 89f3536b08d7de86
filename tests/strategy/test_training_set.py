"""Windows are cut so that nothing of the validation, nor of the purge before it, is learned."""

import numpy as np
import pytest

from strategy.bars import Bars, make_bars
from strategy.training_set import FIRST_ROW, SplitRule, TrainingSeries, TrainingSet, gather, split, training_series

RULE = SplitRule(context_bars=32, validation_share=0.15, purge_bars=20)


def bars(symbol: str = "A", count: int = 900, first: str = "2010-01-01", seed: int = 0) -> Bars:
    dates = np.datetime64(first, "us") + np.arange(count) * np.timedelta64(1, "D")
    close = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(count)))
    return make_bars(symbol, dates, close=close)


def series(source: Bars) -> TrainingSeries:
    ones = np.ones(len(source))
    return training_series(source, regime_multiplier=ones, volatility_multiplier=ones, cost=2e-4)


def test_a_row_holds_what_happens_until_the_next_bar() -> None:
    rows = series(make_bars("A", ["2020-01-03", "2020-01-06"], close=[10.0, 12.0], open=[9.0, 11.0]))
    assert rows.open_ratio.tolist() == pytest.approx([1.1, np.nan], nan_ok=True)
    assert rows.close_ratio.tolist() == pytest.approx([1.2, np.nan], nan_ok=True)
    assert rows.days.tolist() == pytest.approx([3.0, np.nan], nan_ok=True)
    assert rows.cost == pytest.approx(0.0002)


def test_a_split_of_the_stock_is_no_return() -> None:
    plain = bars()
    raw = np.where(np.arange(900) < 450, 2.0, 1.0)
    halved = Bars(
        symbol="A",
        open_time=plain.open_time,
        volume=plain.volume,
        factor=1.0 / raw,
        open=plain.open * raw,
        high=plain.high * raw,
        low=plain.low * raw,
        close=plain.close * raw,
    )
    assert series(halved).close_ratio[:-1] == pytest.approx(series(plain).close_ratio[:-1], rel=1e-15)


def test_where_a_multiplier_is_unknown_nothing_is_held() -> None:
    source = bars(count=300)
    unknown = np.full(300, np.nan)
    rows = training_series(source, regime_multiplier=np.ones(300), volatility_multiplier=unknown, cost=2e-4)
    assert (rows.multiplier == 0.0).all()


def test_multipliers_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="A: 300 bars have 300 regime and 299 volatility multipliers"):
        training_series(bars(count=300), regime_multiplier=np.ones(300), volatility_multiplier=np.ones(299), cost=2e-4)


@pytest.mark.parametrize("cost", [-1.0, np.nan, np.inf])
def test_a_cost_that_is_no_cost_is_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="A: cost is"):
        training_series(bars(count=3), regime_multiplier=np.ones(3), volatility_multiplier=np.ones(3), cost=cost)


def test_a_training_set_needs_a_symbol() -> None:
    with pytest.raises(ValueError, match="training was given no symbol"):
        TrainingSet(series=())


@pytest.mark.parametrize("first_of_b", ["2010-01-01", "2011-03-01", "2008-06-01"])
def test_training_ends_a_purge_before_the_validation_of_every_symbol(first_of_b: str) -> None:
    sources = [bars("A"), bars("B", first=first_of_b, count=700, seed=1)]
    training_set = TrainingSet(series=tuple(series(source) for source in sources))
    parts = split(training_set, RULE)
    learned = max(sources[n].open_time[start + RULE.context_bars] for n, start in parts.training)
    scored_rows = parts.validation[:, 1:] + np.arange(16, 32)
    judged = min(
        sources[n].open_time[rows[marks].min()]
        for n, rows, marks in zip(parts.validation[:, 0], scored_rows, parts.validation_scored, strict=True)
        if marks.any()
    )
    assert judged - learned > np.timedelta64(RULE.purge_bars, "D")


def test_validation_windows_score_every_row_of_the_newest_share_once() -> None:
    training_set = TrainingSet(series=(series(bars()),))
    parts = split(training_set, RULE)
    rows = (parts.validation[:, 1:] + np.arange(16, 32))[parts.validation_scored]
    usable = 900 - 1 - FIRST_ROW
    assert rows.tolist() == list(range(FIRST_ROW + int(usable * 0.85), 899))


def test_a_symbol_too_short_for_a_window_is_skipped() -> None:
    long, short, single = series(bars("A")), series(bars("B", count=280, seed=1)), series(bars("C", count=1))
    parts = split(TrainingSet(series=(short, long, single)), RULE)
    assert set(parts.training[:, 0]) == set(parts.validation[:, 0]) == {1}


def test_windows_are_as_many_as_rows_so_that_long_symbols_weigh_more() -> None:
    parts = split(TrainingSet(series=(series(bars("A", 2000)), series(bars("B", 1000, seed=1)))), RULE)
    counts = np.bincount(parts.training[:, 0])
    assert counts[0] > counts[1] > 0


def test_too_little_history_is_refused_with_the_numbers() -> None:
    training_set = TrainingSet(series=(series(bars(count=400)),))
    with pytest.raises(ValueError, match=r"1 symbols with 400 bars at most give .* a single symbol needs \d+ bars"):
        split(training_set, RULE)


@pytest.mark.parametrize("context_bars", [32, 33, 252])
def test_the_number_of_bars_asked_for_is_enough_and_one_less_is_not(context_bars: int) -> None:
    rule = SplitRule(context_bars=context_bars, validation_share=0.15, purge_bars=90)
    enough = rule.least_bars
    assert len(split(TrainingSet(series=(series(bars(count=enough)),)), rule).training) > 0
    with pytest.raises(ValueError, match="a single symbol needs"):
        split(TrainingSet(series=(series(bars(count=enough - 1)),)), rule)


def test_a_batch_holds_the_rows_of_its_windows() -> None:
    one = series(bars())
    windows = np.array([[0, 300], [0, 317]])
    batch = gather(TrainingSet(series=(one,)), windows, RULE)
    assert batch.features.shape == (2, 32, 15)
    assert batch.prior.shape == batch.days.shape == (2, 16)
    assert (batch.features[1] == one.features[317:349].astype(np.float32)).all()
    assert (batch.close_ratio[0] == one.close_ratio[316:332].astype(np.float32)).all()
