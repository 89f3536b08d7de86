"""The twin: joint paths made of the past alone, the same for the same seed, whole in their bars, calm in the end."""

import time
from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.market.bars import Bars, make_bars
from strategy.market.data_hash import data_sha256
from strategy.market.session_dates import account_dates
from strategy.signals.features import FEATURE_BARS, features
from strategy.signals.rolling import daily_volatility
from strategy.twin.generator import HALF_LIFE_ROWS, LEAST_ROWS, MOST_SCALE, Jitter, Twin, _blocks, fit, simulate
from strategy.twin.stylised_facts import joint_returns
from testing.markets.joint_market import joint_market

STEADY = Jitter(drift=0.0, volatility=0.0)
TWENTY_YEARS = 7_300


@lru_cache(maxsize=1)
def market() -> dict[str, Bars]:
    return joint_market()


@lru_cache(maxsize=1)
def fitted() -> Twin:
    return fit(market())


def flat(symbol: str, bars: int) -> Bars:
    dates = np.datetime64("2015-01-05") + np.arange(bars)
    return make_bars(symbol, dates.astype("datetime64[us]"), close=[5.0] * bars)


# --- the past alone


def contents(value: object) -> list[bytes]:
    """Every array of a twin, its succession included, as bytes."""
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    if hasattr(value, "__dataclass_fields__"):
        return [part for field in fields(value) for part in contents(getattr(value, field.name))]  # type: ignore[arg-type]
    return [repr(value).encode()]


@pytest.mark.parametrize("row", [700, 1_000])
def test_what_comes_after_the_cut_changes_nothing(row: int) -> None:
    day = market()["TOKEN"].open_time[row]
    future = {symbol: replace_after(series, day) for symbol, series in market().items()}
    assert data_sha256(future) != data_sha256(market())
    cut = fit({symbol: series.until(day) for symbol, series in market().items()})
    assert contents(fit({symbol: series.until(day) for symbol, series in future.items()})) == contents(cut)
    assert contents(cut) != contents(fitted())


def replace_after(bars: Bars, day: np.datetime64) -> Bars:
    later = bars.open_time > day
    return replace(bars, **{name: np.where(later, bars[name] * 7.0, bars[name]) for name in ("open", "high", "close")})


@pytest.mark.parametrize("rows", [1, 100, 1_400, 5_000])
def test_no_row_is_dated_after_the_newest_of_the_twin(rows: int) -> None:
    path = simulate(fitted(), rows=rows, seed=3)
    dates = account_dates(path)
    assert len(dates) == rows
    assert 0 <= (fitted().last - dates[-1]).days <= 6


# --- the same seed


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, same = (simulate(fitted(), rows=800, seed=5) for _ in range(2))
    drawn = simulate(fitted(), rows=800, seed=np.random.default_rng(5))
    assert data_sha256(one) == data_sha256(same) == data_sha256(drawn)
    assert data_sha256(one) != data_sha256(simulate(fitted(), rows=800, seed=6))


# --- bars


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 600))
@settings(max_examples=30)
def test_every_bar_holds_its_open_and_close_and_opens_near_the_close_before(seed: int, rows: int) -> None:
    path = simulate(fitted(), rows=rows, seed=seed)
    assert list(path) == ["BOND", "SHARE", "TOKEN"]
    for series in path.values():
        assert (series.low <= np.minimum(series.open, series.close)).all()
        assert (series.high >= np.maximum(series.open, series.close)).all()
        assert (series.factor == 1.0).all()
        assert (np.abs(np.log(series.open[1:] / series.close[:-1])) < 0.1).all()


def test_a_bar_keeps_the_shape_of_a_real_one() -> None:
    def shapes(bars: Bars) -> np.ndarray:
        """Where open and close lie between low and high, on a logarithmic scale."""
        low, span = np.log(bars.low), np.log(bars.high / bars.low)
        return np.stack([np.log(bars.open) - low, np.log(bars.close) - low], axis=-1) / span[:, None]

    real, made = shapes(market()["SHARE"]), shapes(simulate(fitted(), rows=400, seed=1)["SHARE"])
    nearest = np.abs(made[:, None, :] - real[None, :, :]).max(axis=-1).min(axis=-1)
    assert nearest.max() < 1e-9


def test_a_symbol_has_no_bar_where_its_calendar_has_none() -> None:
    path = simulate(fitted(), rows=1_000, seed=9)
    weekday = {
        symbol: (series.open_time.astype("datetime64[D]").astype(int) + 3) % 7 for symbol, series in path.items()
    }
    assert weekday["SHARE"].max() == weekday["BOND"].max() == 4
    assert np.array_equal(path["SHARE"].open_time, path["BOND"].open_time)
    assert (np.diff(path["TOKEN"].open_time) == np.timedelta64(1, "D")).all()
    gaps = np.diff(path["SHARE"].open_time) / np.timedelta64(1, "D")
    assert set(gaps) == {1.0, 3.0}


def test_a_split_is_no_move() -> None:
    share = market()["SHARE"]
    split = np.where(np.arange(len(share)) >= 500, 4.0, 1.0)
    raw = replace(share, factor=split, **{name: share[name] / split for name in ("open", "high", "low", "close")})
    one, other = (simulate(fit({"SHARE": bars}), rows=300, seed=2)["SHARE"].close for bars in (share, raw))
    assert one == pytest.approx(other, rel=1e-9)


def test_ranges_that_do_not_hold_their_own_close_are_widened() -> None:
    share = market()["SHARE"]
    path = simulate(fit({"SHARE": replace(share, high=share.close * 0.9)}), rows=500, seed=1)["SHARE"]
    assert (path.high >= np.maximum(path.open, path.close)).all()


def test_every_feature_can_be_computed_on_a_path() -> None:
    for series in simulate(fitted(), rows=1_000, seed=8).values():
        assert np.isfinite(features(series.close)[FEATURE_BARS:]).all()


# --- joint


def test_the_symbols_move_together_as_they_did() -> None:
    def correlation(bars: dict[str, Bars]) -> np.ndarray:
        returns = joint_returns(bars)
        return np.corrcoef(returns[np.isfinite(returns).all(axis=1)].T)

    paths = [correlation(simulate(fitted(), rows=len(fitted()), seed=seed)) for seed in range(20)]
    assert np.mean(paths, axis=0) == pytest.approx(correlation(market()), abs=0.05)


def test_every_date_is_drawn_equally_often() -> None:
    drawn = np.zeros(len(fitted()))
    for seed in range(60):
        source, _ = _blocks(fitted(), TWENTY_YEARS, np.random.default_rng(seed))
        drawn += np.bincount(source, minlength=len(drawn))
    tenths = np.array([part.mean() for part in np.array_split(drawn, 10)]) / drawn.mean()
    assert tenths == pytest.approx(np.ones(10), abs=0.15)


# --- volatility


def test_volatility_goes_on_over_a_join() -> None:
    twin, fade = fitted(), 0.5 ** (1.0 / HALF_LIFE_ROWS)
    source, log_scale = _blocks(twin, 20_000, np.random.default_rng(4))
    joins = np.flatnonzero(np.diff(source) != 1) + 1
    joins = joins[source[joins - 1] + 1 < len(twin)]
    due = twin.log_volatility[source[joins - 1] + 1] + fade * log_scale[joins - 1]
    jump = np.abs(twin.log_volatility[source[joins]] + log_scale[joins] - due)
    scaled = np.abs(log_scale[joins]) < np.log(MOST_SCALE) - 1e-9
    assert len(joins) > 100
    assert scaled.mean() > 0.9
    assert jump[scaled].max() < 1e-12
    assert np.abs(log_scale).max() <= np.log(MOST_SCALE) + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_volatility_neither_explodes_nor_vanishes_in_twenty_years(seed: int) -> None:
    path = simulate(fitted(), rows=TWENTY_YEARS, seed=seed, jitter=STEADY)
    for symbol, series in path.items():
        real, made = daily_volatility(market()[symbol].close), daily_volatility(series.close)
        assert np.nanmax(made) < 2.0 * np.nanmax(real)
        assert np.nanmin(made) > np.nanmin(real) / 2.0
        early, late = np.nanmedian(made[: len(made) // 3]), np.nanmedian(made[-len(made) // 3 :])
        assert 0.5 < late / early < 2.0


def test_the_jitter_is_symmetric_and_of_the_stated_size() -> None:
    twin = fitted()
    shifts, factors = [], []
    for seed in range(300):
        jitter = Jitter(drift=0.5, volatility=0.2)
        steady, moved = (
            joint_returns(simulate(twin, rows=40, seed=seed, jitter=variant)) for variant in (STEADY, jitter)
        )
        # Two unknowns, the factor and the shift, of one line per symbol.
        known = np.isfinite(steady[:, 2])
        slope, shift = np.polyfit(steady[known, 2], moved[known, 2], 1)
        factors.append(np.log(slope) / 0.2)
        shifts.append(shift / twin.drift_unit[2] / 0.5)
    for draws in (shifts, factors):
        assert np.mean(draws) == pytest.approx(0.0, abs=0.2)
        assert np.std(draws) == pytest.approx(1.0, abs=0.15)


def test_a_path_of_ten_symbols_takes_less_than_a_tenth_of_a_second() -> None:
    bars = {f"{symbol}{number}": replace(series, symbol=f"{symbol}{number}")
            for number in range(4) for symbol, series in market().items()}  # fmt: skip
    twin = fit({symbol: bars[symbol] for symbol in sorted(bars)[:10]})
    seconds = []
    for seed in range(5):
        start_s = time.perf_counter()
        simulate(twin, rows=1_500, seed=seed)
        seconds.append(time.perf_counter() - start_s)
    assert min(seconds) < 0.1


# --- bad input


def test_prices_that_never_move_stay_where_they_are() -> None:
    path = simulate(fit({"FLAT": flat("FLAT", 400)}), rows=500, seed=1)["FLAT"]
    assert path.close == pytest.approx(np.full(500, 5.0))
    pair = fit({"FLAT": flat("FLAT", 1_400), "TOKEN": market()["TOKEN"]})
    assert simulate(pair, rows=500, seed=1)["FLAT"].high == pytest.approx(np.full(500, 5.0))


def test_too_little_history_is_refused_in_one_sentence() -> None:
    token = market()["TOKEN"]
    with pytest.raises(ValueError, match="the twin was given no symbol; give at least one"):
        fit({})
    with pytest.raises(ValueError, match=r"^NEW has 1 bar, hence no return; a twin needs 252 dates: leave it out or"):
        fit({"TOKEN": token, "NEW": flat("NEW", 1)})
    with pytest.raises(ValueError, match=r"^TOKEN has 251 dates in common; a twin needs 252: leave out the youngest"):
        fit({"TOKEN": token.rows(0, LEAST_ROWS)})
    assert len(fit({"TOKEN": token.rows(0, LEAST_ROWS + 1)})) == LEAST_ROWS
    with pytest.raises(ValueError, match=r"^SHARE, TOKEN have 97 dates in common"):
        fit({"SHARE": market()["SHARE"], "TOKEN": token.rows(1_300, 1_400)})
    seldom = market()["SHARE"]
    weekly = Bars(symbol="WEEKLY", **{field.name: getattr(seldom, field.name)[::9] for field in fields(Bars)[1:-1]})
    with pytest.raises(ValueError, match=r"^WEEKLY has 1\d\d sessions in the \d+ dates that all symbols share; its"):
        fit({"TOKEN": token, "WEEKLY": weekly})


def test_symbols_of_different_age_share_their_common_period() -> None:
    twin = fit({"SHARE": market()["SHARE"], "TOKEN": market()["TOKEN"].rows(600, 1_200)})
    days = market()["TOKEN"].open_time.astype("datetime64[D]")
    assert (twin.first, twin.last) == (days[601].item(), days[1_199].item())


def test_what_cannot_be_drawn_is_refused() -> None:
    for rows in (0, -1, 100_001):
        with pytest.raises(ValueError, match=rf"a path of {rows} rows was requested; it must have 1 to 100000"):
            simulate(fitted(), rows=rows, seed=1)
    with pytest.raises(ValueError, match=r"the jitter of the drift is -0\.1; it must lie between 0 and 1"):
        Jitter(drift=-0.1)
    with pytest.raises(ValueError, match="the jitter of the volatility is nan"):
        Jitter(volatility=float("nan"))
