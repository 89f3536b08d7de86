"""The twin's fidelity: the twin passes, and generators that lose a fact fail it."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from strategy.market.bars import Bars, make_bars
from strategy.twin.fidelity import SAMPLES, Fact, facts, judge, resampled_rows
from strategy.twin.generator import fit
from strategy.twin.stylised_facts import PAIR_FACTS, SYMBOL_FACTS, autocorrelations, fact_labels, measured
from strategy.work_progress import WorkStep, listening
from testing.markets.joint_market import joint_market, with_closes

REAL = Path(__file__).parents[4] / "shared" / "data" / "ohlcv_daily.parquet"
PATHS = 20
Returns = dict[str, np.ndarray]
Generator = Callable[[Returns, np.random.Generator], Returns]


@lru_cache(maxsize=1)
def made_market() -> dict[str, Bars]:
    return joint_market(days=2_600, seed=2)


@lru_cache(maxsize=1)
def real_market() -> dict[str, Bars]:
    """SPY, TLT, GLD and BTCUSDT as they were; the test is skipped where there is no data."""
    if not REAL.exists():
        pytest.skip(f"there is no {REAL}")
    frame = pd.read_parquet(REAL)
    return {symbol: one_symbol(frame, symbol) for symbol in ("SPY", "TLT", "GLD", "BTCUSDT")}


def one_symbol(frame: pd.DataFrame, symbol: str) -> Bars:
    rows = frame[frame["symbol"] == symbol].sort_values("date")
    ratio = (rows["adj_close"] / rows["close"]).fillna(1.0).to_numpy(float)
    prices = {name: rows[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume")}
    return Bars(symbol=symbol, open_time=np.array(rows["date"], dtype="M8[us]"), factor=ratio / ratio[0], **prices)


def common(bars: dict[str, Bars]) -> dict[str, Bars]:
    """The bars from the first date on which all are listed."""
    first = max(series.open_time[0] for series in bars.values())
    return {
        symbol: series.rows(int(np.searchsorted(series.open_time, first)), len(series))
        for symbol, series in bars.items()
    }


def verdicts(bars: dict[str, Bars], generator: Generator) -> dict[tuple[str, str], Fact]:
    """The facts of paths that a generator makes of the real log returns on the real dates."""
    shared = common(bars)
    returns = {symbol: np.diff(np.log(series.close * series.factor)) for symbol, series in shared.items()}

    def paths() -> Iterator[dict[str, Bars]]:
        for seed in range(PATHS):
            yield with_closes(shared, generator(returns, np.random.default_rng(seed)))

    return {(fact.name, fact.symbol): fact for fact in judge(shared, paths(), seed=1)}


def shuffled(returns: Returns, draw: np.random.Generator) -> Returns:
    """Every symbol's own returns in one random order: no clustering; its sessions as on the calendar of the longest."""
    order = np.argsort(draw.random(max(map(len, returns.values()))))
    return {symbol: values[np.argsort(order[: len(values)])] for symbol, values in returns.items()}


def gaussian(returns: Returns, draw: np.random.Generator) -> Returns:
    """Normal returns of the same mean and deviation."""
    return {symbol: draw.normal(values.mean(), values.std(), len(values)) for symbol, values in returns.items()}


def independent(returns: Returns, draw: np.random.Generator) -> Returns:
    """Every symbol's own blocks: its dynamics without the others."""
    return {symbol: values[resampled_rows(len(values), draw)] for symbol, values in returns.items()}


MARKETS = pytest.mark.parametrize("bars", [made_market, real_market], ids=["made", "real"])


@MARKETS
def test_all_facts_of_the_twin_lie_in_their_bands(bars: Callable[[], dict[str, Bars]]) -> None:
    found = facts(bars(), fit(bars()), paths=100, seed=1)
    symbols = sorted(bars())
    assert [(fact.name, fact.symbol) for fact in found] == list(fact_labels(tuple(symbols)))
    assert len(found) == 12 * len(symbols) + len(symbols) * (len(symbols) - 1)
    assert [(fact.name, fact.symbol) for fact in found if not fact.passed] == []
    assert [fact.name for fact in found if not (fact.low or 0) <= (fact.real or 0) <= (fact.high or 0)] == []


@MARKETS
def test_a_shuffle_fails_the_clustering_and_keeps_the_tails(bars: Callable[[], dict[str, Bars]]) -> None:
    found = verdicts(bars(), shuffled)
    for symbol in bars():
        assert not found["abs_autocorrelation_1_20", symbol].passed
        assert not found["abs_autocorrelation_1_5", symbol].passed
        assert found["excess_kurtosis", symbol].passed
        assert found["quantile_1pct", symbol].passed


@MARKETS
def test_a_normal_path_fails_the_tails(bars: Callable[[], dict[str, Bars]]) -> None:
    found = verdicts(bars(), gaussian)
    for symbol in bars():
        assert not found["excess_kurtosis", symbol].passed
        assert found["annual_volatility", symbol].passed
    assert sum(not found["quantile_1pct", symbol].passed for symbol in bars()) >= 2


@MARKETS
def test_symbols_resampled_one_by_one_fail_the_correlations(bars: Callable[[], dict[str, Bars]]) -> None:
    found = verdicts(bars(), independent)
    judged = [fact for (name, _), fact in found.items() if name in PAIR_FACTS]
    strong = [fact for fact in judged if abs(fact.real or 0.0) > 0.25]
    assert len(strong) >= 3
    assert not any(fact.passed for fact in strong)
    assert all(found["abs_autocorrelation_1_20", symbol].passed for symbol in bars())


def test_the_same_seed_gives_the_same_facts() -> None:
    bars = {symbol: series.rows(0, 400) for symbol, series in made_market().items()}
    twin = fit(bars)
    steps: list[WorkStep] = []
    with listening(steps.append):
        found = facts(bars, twin, paths=3, seed=4)
    assert [step.done for step in steps if step.work.name == "Twin"] == [0, 1, 2, 3]
    assert [(step.done, step.total) for step in steps][-1] == (SAMPLES, SAMPLES)
    assert found == facts(bars, twin, paths=3, seed=4)
    assert facts(bars, twin, paths=3, seed=4) != facts(bars, twin, paths=3, seed=5)


def test_what_is_undefined_has_no_verdict() -> None:
    token = made_market()["TOKEN"].rows(0, 500)
    bars = {"FLAT": make_bars("FLAT", token.open_time, close=[5.0] * 500), "TOKEN": token}
    found = {(fact.name, fact.symbol): fact for fact in facts(bars, fit(bars), paths=3, seed=1)}
    kurtosis = found["excess_kurtosis", "FLAT"]
    assert (kurtosis.real, kurtosis.low, kurtosis.high, kurtosis.twin, kurtosis.passed) == (None,) * 5
    assert found["correlation_stress", "FLAT/TOKEN"].passed is None
    drawdown = found["max_drawdown", "FLAT"]
    assert (drawdown.real, drawdown.low, drawdown.high) == (0.0, 0.0, 0.0)
    assert found["excess_kurtosis", "TOKEN"].passed is not None


def test_a_verdict_needs_a_path() -> None:
    bars = {"TOKEN": made_market()["TOKEN"]}
    with pytest.raises(ValueError, match="0 paths were requested; give at least 1"):
        facts(bars, fit(bars), paths=0, seed=1)
    with pytest.raises(ValueError, match="the twin was judged by no path; give at least one"):
        judge(bars, [], seed=1)


# --- the facts themselves


def one_fact(name: str, returns: np.ndarray) -> float:
    return float(measured(returns[:, None], np.array([252.0]))[SYMBOL_FACTS.index(name)])


def test_drawdown_and_time_under_water_are_counted_by_hand() -> None:
    returns = np.zeros(100)
    returns[[10, 11, 20]] = np.log([0.8, 0.9, 1.0 / 0.72])
    assert one_fact("max_drawdown", returns) == pytest.approx(0.28)
    returns[20] += 1e-3
    assert one_fact("longest_under_water", returns) == pytest.approx(10 / 100)
    assert one_fact("mean_under_water", returns) == pytest.approx(10 / 101)


def test_tails_volatility_and_leverage_are_what_they_say() -> None:
    draw = np.random.default_rng(1)
    normal = draw.normal(0.0, 0.01, 100_000)
    assert one_fact("excess_kurtosis", normal) == pytest.approx(0.0, abs=0.1)
    assert one_fact("quantile_1pct", normal) == pytest.approx(-2.326, abs=0.05)
    assert one_fact("quantile_99pct", normal) == pytest.approx(2.326, abs=0.05)
    assert one_fact("annual_volatility", normal) == pytest.approx(0.01 * np.sqrt(252), rel=0.01)
    assert one_fact("leverage_effect", normal) == pytest.approx(0.0, abs=0.01)
    upset = normal * np.where(np.concatenate([[0.0], normal[:-1]]) < 0, 2.0, 1.0)
    assert one_fact("leverage_effect", upset) < -0.02
    assert autocorrelations(np.tile([1.0, -1.0], 500), 1)[0] == pytest.approx(-1.0, abs=0.01)


def test_correlation_in_stress_is_told_from_that_in_calm() -> None:
    draw = np.random.default_rng(2)
    wild = np.arange(4_000) % 400 < 60
    common_part, own = draw.normal(size=4_000), draw.normal(size=(4_000, 2))
    returns = np.where(wild[:, None], 5.0 * (common_part[:, None] + 0.3 * own), own)
    returns[::3, 1] = np.nan
    calm, stress = measured(returns, np.array([252.0, 252.0]))[-2:]
    assert calm < 0.4
    assert stress > 0.85


def test_resampled_rows_are_blocks_of_the_stated_mean_length() -> None:
    draw = np.random.default_rng(3)
    rows = [resampled_rows(2_000, draw) for _ in range(50)]
    assert all(row.shape == (2_000,) and row.min() >= 0 and row.max() < 2_000 for row in rows)
    joins = sum(int((after - before) % 2_000 != 1) for row in rows for before, after in pairwise(row.tolist()))
    assert joins == pytest.approx(50 * 2_000 / 100, rel=0.15)
