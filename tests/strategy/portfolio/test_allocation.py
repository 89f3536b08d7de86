"""Budgets: what they are by an independent solution, what they may not depend on, and what odd bars make of them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.backtest.pretrade import pretrade_views
from strategy.backtest.replay import replay
from strategy.builtin.registry import RULES, TURBO, VOL_TARGET
from strategy.explain.sizes import sized
from strategy.kernel.grid import Grid, Point, chunks, points
from strategy.kernel.grid_accounts import PanelRules, sweep_panel, swept, targets
from strategy.market.bars import Bars, FloatArray, make_bars
from strategy.market.session_dates import account_dates
from strategy.portfolio import allocation
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.allocation import (
    MOST_UNSHARED,
    OVERLAP_DAYS,
    PORTFOLIO_BARS,
    SHRINKAGE,
    balanced_risks,
    budgets,
    correlations,
    risk_shares,
)
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.portfolio.sizing import Allocation, ExposureCaps, SizingParams, risk_budgets
from strategy.signals.outlook import history_bars, symbol_signals
from strategy.signals.rolling import VOLATILITY_SPAN, exponential_weights
from strategy.training.rollout import net_returns
from strategy.training.training_panel import training_panel
from testing.markets.panels import mandate, market, stock, walk

EQUAL_RISK = Allocation.EQUAL_RISK
#: Two calendars, and so many symbols that a sum over them is taken in pairs.
BARS = market(*(walk(f"C{number:02}", number, 420) for number in range(9)), stock("S", 20, 300))
FIRST = date(2010, 5, 10)


def covariance(seed: int, symbols: int, factor: float) -> FloatArray:
    """A random covariance of symbols with and against a common factor, no two of the same volatility."""
    rng = np.random.default_rng(seed)
    moved = rng.normal(size=(4 * symbols, symbols)) + factor * rng.normal(size=(4 * symbols, 1)) * rng.choice(
        [-1, 1, 1], symbols
    )
    moved *= rng.uniform(0.05, 0.9, symbols)
    return np.asarray(moved.T @ moved / len(moved))


def test_equations_of_many_symbols_are_solved_without_threads() -> None:
    rng = np.random.default_rng(3)
    S = MOST_UNSHARED + 1
    roots = rng.normal(size=(2, S, S))
    matrix, right = roots @ roots.transpose(0, 2, 1) / S + np.eye(S), rng.normal(size=(2, S))
    found = allocation.solved(matrix, right)
    assert found == pytest.approx(np.linalg.solve(matrix, right[:, :, None])[:, :, 0], rel=1e-9, abs=1e-12)
    assert np.array_equal(found[1:], allocation.solved(matrix[1:], right[1:]))


def solved(sigma: FloatArray) -> FloatArray:
    """Equal risk contributions of a covariance, (S,), by the product's descent."""
    volatility = np.sqrt(np.diagonal(sigma))
    share = balanced_risks((sigma / np.outer(volatility, volatility))[None])[0] / volatility
    return np.asarray(share / share.sum())


def by_scipy(sigma: FloatArray) -> FloatArray:
    """The same by another method: Newton's, on the logarithms of the budgets."""
    count = len(sigma)
    scale = np.sqrt(np.diagonal(sigma))

    def objective(log: FloatArray) -> float:
        held = np.exp(log) / scale
        return float(held @ sigma @ held / 2 - log.sum() / count)

    def gradient(log: FloatArray) -> FloatArray:
        held = np.exp(log) / scale
        return np.asarray(held * (sigma @ held) - 1 / count)

    found = minimize(objective, np.full(count, -np.log(count)), jac=gradient, method="BFGS", options={"gtol": 1e-11})
    held = np.exp(found.x) / scale
    return np.asarray(held / held.sum())


@pytest.mark.parametrize("symbols", [2, 3, 5, 12, 40])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_risk_is_the_minimum_that_another_method_finds(symbols: int, factor: float, seed: int) -> None:
    sigma = covariance(seed, symbols, factor)
    found = solved(sigma)
    assert found == pytest.approx(by_scipy(sigma), rel=2e-6)
    risk = found * (sigma @ found)
    assert risk / risk.sum() == pytest.approx(np.full(symbols, 1 / symbols), rel=1e-11)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), symbols=st.integers(1, 15), factor=st.floats(0, 2), scale=st.floats(1e-3, 1e3))
def test_contributions_are_equal_whatever_the_order_and_the_scale(
    seed: int, symbols: int, factor: float, scale: float
) -> None:
    sigma = covariance(seed, symbols, factor)
    held = solved(sigma)
    risk = held * (sigma @ held)
    assert risk / risk.sum() == pytest.approx(np.full(symbols, 1 / symbols), rel=1e-10)
    assert held.sum() == pytest.approx(1.0, abs=1e-12)
    assert (held > 0).all()
    order = np.random.default_rng(seed).permutation(symbols)
    assert solved(sigma[np.ix_(order, order)]) == pytest.approx(held[order], rel=1e-10)
    assert solved(sigma * scale) == pytest.approx(held, rel=1e-9)


@pytest.mark.parametrize("correlation", [-1.0, -0.999, -0.3, 0.0, 0.8, 1.0])
def test_two_symbols_are_split_by_inverse_volatility(correlation: float) -> None:
    matrix = np.array([[[1.0, correlation], [correlation, 1.0]]])
    share = balanced_risks(matrix)[0] / [0.1, 0.3]
    assert share / share.sum() == pytest.approx(risk_budgets(np.array([0.1, 0.3])), rel=1e-12)


def test_symbols_that_hedge_each_other_are_split_all_the_same() -> None:
    # Shrunk, two pairs of opposites have no variance left in the sum of all four.
    pairs = np.kron(np.eye(2), [[1.0, -1.0], [-1.0, 1.0]])
    mean = (pairs.sum() - 4) / 12
    shrunk = np.where(np.eye(4, dtype=bool), 1.0, (1 - SHRINKAGE) * pairs + SHRINKAGE * mean)
    share = balanced_risks(shrunk[None])[0]
    assert share / share.sum() == pytest.approx([0.25] * 4, rel=1e-2)
    # Many in two blocks that move against each other.
    side = np.repeat([1.0, -1.0], 32)
    blocks = np.where(np.eye(64, dtype=bool), 1.0, 0.4 * np.outer(side, side))
    risk = balanced_risks(blocks[None])[0]
    contribution = risk * (blocks @ risk)
    assert contribution / contribution.sum() == pytest.approx(np.full(64, 1 / 64), rel=1e-10)


def test_correlations_are_those_of_overlapping_returns_shrunk_to_their_mean() -> None:
    rng = np.random.default_rng(3)
    changes = 0.01 * rng.normal(size=(200, 4)) + 0.01 * rng.normal(size=(200, 1))
    (found,) = correlations(changes, np.array([180]), np.array([[True, True, False, True]]))
    window = changes[180 - PORTFOLIO_BARS : 180][:, [0, 1, 3]]
    summed = np.array([window[day - OVERLAP_DAYS + 1 : day + 1].sum(axis=0) for day in range(2, len(window))])
    weights = exponential_weights(VOLATILITY_SPAN, len(summed))
    products = (weights[:, None] * summed).T @ summed
    plain = products / np.sqrt(np.outer(np.diagonal(products), np.diagonal(products)))
    mean = (plain.sum() - 3) / 6
    expected = np.where(np.eye(3, dtype=bool), 1.0, (1 - SHRINKAGE) * plain + SHRINKAGE * mean)
    np.testing.assert_allclose(found[np.ix_([0, 1, 3], [0, 1, 3])], expected, rtol=1e-12)
    assert not found[2].any()
    assert not found[:, 2].any()


def test_what_does_not_move_or_is_missing_gets_no_budget_and_a_twin_gets_its_own() -> None:
    rng = np.random.default_rng(4)
    changes = 0.01 * rng.normal(size=(150, 5))
    changes[:, 1] = 0.0
    changes[:, 4] = changes[:, 0]
    volatility = np.array([[0.2, 0.0, np.nan, 0.3, 0.2]])
    (split,) = budgets(EQUAL_RISK, volatility, changes, np.array([150]))
    assert split[[1, 2]].tolist() == [0.0, 0.0]
    assert split[0] == pytest.approx(split[4], rel=1e-12)
    # Two that are one share the room of one and a bit: less each than a third of the risk alone would give.
    assert split[0] < risk_budgets(volatility)[0, 0]
    assert split.sum() == pytest.approx(1.0, abs=1e-12)
    # A volatility of its own last year, but no move in the window of the account: uncorrelated, and still a share.
    (still,) = budgets(EQUAL_RISK, np.where(volatility == 0.0, 0.1, volatility), changes, np.array([150]))
    assert 0.0 < still[1] < 1.0
    (one,) = budgets(EQUAL_RISK, np.array([[np.nan, 0.1, np.nan, np.nan, np.nan]]), changes, np.array([150]))
    assert one.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]
    nothing = budgets(EQUAL_RISK, np.full((1, 5), np.nan), changes, np.array([150]))
    assert not nothing.any()


def test_before_the_window_is_full_equal_risk_is_inverse_volatility() -> None:
    changes = 0.01 * np.random.default_rng(5).normal(size=(150, 3))
    volatility = np.array([[0.1, 0.2, 0.4]] * 2)
    early, late = budgets(EQUAL_RISK, volatility, changes, np.array([PORTFOLIO_BARS - 1, PORTFOLIO_BARS]))
    assert early.tolist() == risk_budgets(volatility)[0].tolist()
    assert late.tolist() != early.tolist()
    assert budgets(EQUAL_RISK, volatility[:1], changes[:2], np.array([2])).tolist() == [early.tolist()]


def test_equal_parts_are_those_of_the_symbols_with_a_volatility() -> None:
    split = budgets(Allocation.EQUAL, np.array([[0.1, np.nan, 0.4]]), np.zeros((2, 3)), np.array([2]))
    assert split.tolist() == [[0.5, 0.0, 0.5]]


def test_a_book_of_equal_risk_has_equal_shares_and_correlations() -> None:
    rng = np.random.default_rng(6)
    changes = 0.01 * rng.normal(size=(150, 4)) + 0.01 * rng.normal(size=(150, 1))
    volatility, stops = np.array([[0.1, 0.2, np.nan, 0.4]]), np.array([150])
    (correlation,) = correlations(changes, stops, np.isfinite(volatility))
    share, along = risk_shares(budgets(EQUAL_RISK, volatility, changes, stops)[0], volatility[0], correlation)
    assert share == pytest.approx([1 / 3, 1 / 3, 0.0, 1 / 3], rel=1e-12)
    # A symbol at risk y has the correlation 1 / (n·y) with the book.
    assert np.isnan(along[2])
    split = budgets(Allocation.EQUAL, volatility, changes, stops)[0]
    uneven, _ = risk_shares(split, volatility[0], correlation)
    held = split[[0, 1, 3]] * volatility[0][[0, 1, 3]]
    matrix = correlation[np.ix_([0, 1, 3], [0, 1, 3])]
    assert uneven[[0, 1, 3]] == pytest.approx(held * (matrix @ held) / (held @ matrix @ held), rel=1e-12)
    unknown = risk_shares(np.zeros(4), volatility[0], correlation)
    assert all(np.isnan(values).all() for values in unknown)


def rules(allocation: Allocation) -> AccountConfig:
    found = mandate(BARS, Costs())
    return replace(found, sizing=replace(found.sizing, allocation=allocation))


def seen(bars: dict[str, Bars], config: AccountConfig) -> AlignedSignals:
    calendars = {symbol: instrument.calendar for symbol, instrument in config.terms.instruments.items()}
    return aligned_signals(symbol_signals(bars, calendars, config.strategy), config.symbols)


@pytest.mark.parametrize("allocation", [EQUAL_RISK, Allocation.EQUAL])
def test_one_day_from_the_bare_window_and_all_days_at_once_give_the_same_bits(allocation: Allocation) -> None:
    wanted = rules(allocation)
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    among = pretrade_views(seen(BARS, wanted), dates, wanted)
    count = history_bars(wanted.strategy)
    for day, view in list(zip(dates, among, strict=True))[::17]:
        past = {symbol: series.until(np.datetime64(day, "us")) for symbol, series in BARS.items()}
        bare = {symbol: series.rows(max(0, len(series) - count), len(series)) for symbol, series in past.items()}
        (alone,) = pretrade_views(seen(bare, wanted), [day], wanted)
        assert np.array_equal(alone.exposures, view.exposures)
    inverse = pretrade_views(seen(BARS, wanted), dates, rules(Allocation.INVERSE_VOL))
    assert not np.array_equal(inverse[-1].exposures, among[-1].exposures)


@pytest.mark.parametrize("chunk", [100, 1_000, 1_000_000])
def test_chunks_do_not_change_a_bit(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = 0.01 * np.random.default_rng(8).normal(size=(400, 6))
    stops, volatility = np.arange(120, 400), np.random.default_rng(9).uniform(0.1, 0.9, (280, 6))
    whole = budgets(EQUAL_RISK, volatility, changes, stops)
    monkeypatch.setattr("strategy.portfolio.allocation._CHUNK_NUMBERS", chunk)
    monkeypatch.setattr("strategy.portfolio.allocation._CACHED_NUMBERS", chunk // 3)
    assert np.array_equal(budgets(EQUAL_RISK, volatility, changes, stops), whole)


@pytest.mark.parametrize("allocation", list(Allocation))
def test_live_sweep_training_and_explanation_split_every_date_alike(allocation: Allocation) -> None:
    wanted = replace(rules(allocation), sizing=replace(rules(allocation).sizing, neutral_zone=0.0))
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    view = seen(BARS, wanted)
    days = pretrade_views(view, dates, wanted)
    live = np.array([day.exposures for day in days])
    point = Point(symbols=wanted.symbols, strategy=TURBO, sizing=wanted.sizing, costs=Costs())
    panel = sweep_panel(
        BARS, wanted.terms.instruments, TURBO, np.datetime64(FIRST, "us"), PanelRules(allocation=allocation)
    )
    assert np.array_equal(targets(panel, (point,))[:, :, 0], live)
    told = [sized(view, day, wanted)[0] for day in days[::40]]
    assert {size.allocation for size in told if size} == {allocation}
    if allocation is EQUAL_RISK:
        shares = [size.risk_share for size in sized(view, days[-1], wanted) if size and size.budget]
        assert shares == pytest.approx([1 / len(shares)] * len(shares), rel=1e-9)
    learned = training_panel(BARS, wanted)
    begin = len(learned) - len(dates)
    gross = np.abs(learned.prior * learned.weight)[begin:].sum(axis=1, keepdims=True)
    sizing = wanted.sizing.max_position_size / np.maximum(gross, wanted.sizing.max_position_size)
    assert (learned.prior * learned.weight)[begin:] * sizing == pytest.approx(live, rel=1e-12, abs=1e-15)


def test_live_sweep_training_and_explanation_keep_the_caps_of_symbols_and_groups() -> None:
    caps = ExposureCaps(symbol=0.08, group=0.12, groups=(("C00", "C01", "C02"), ("S",)))
    base = rules(EQUAL_RISK)
    wanted = replace(base, sizing=replace(base.sizing, neutral_zone=0.0, caps=caps))
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    view = seen(BARS, wanted)
    days = pretrade_views(view, dates, wanted)
    live = np.array([day.exposures for day in days])
    free = np.array([day.exposures for day in pretrade_views(view, dates, base)])
    assert np.abs(live).max() <= 0.08 + 1e-12
    assert np.abs(live[:, :3]).sum(axis=1).max() <= 0.12 + 1e-12
    assert np.abs(free).max() > 0.08
    point = Point(symbols=wanted.symbols, strategy=TURBO, sizing=wanted.sizing, costs=Costs())
    (kept,) = points(Grid(accounts=(wanted.symbols,), strategies=(TURBO,), sizings=(wanted.sizing,), costs=(Costs(),)))
    assert kept == point
    shared = PanelRules(allocation=EQUAL_RISK)
    panel = sweep_panel(BARS, wanted.terms.instruments, TURBO, np.datetime64(FIRST, "us"), shared)
    assert np.array_equal(targets(panel, (point,))[:, :, 0], live)
    told = sized(view, days[-1], wanted)
    assert [size.within_caps for size in told if size] == live[-1].tolist()
    assert {size.within_caps for size in sized(view, days[-1], base) if size} == {None}
    learned = training_panel(BARS, wanted)
    begin = len(learned) - len(dates)
    book = book_caps(learned.sizing, learned.dates.symbols)
    trained = portfolio_exposures(learned.prior[begin:], learned.weight[begin:], 2.0, book)
    assert trained == pytest.approx(live, rel=1e-12, abs=1e-15)


def test_the_accounts_of_a_grid_and_of_training_are_the_exact_one() -> None:
    bars = market(*(walk(f"C{number}", number, 500) for number in range(3)))
    base = mandate(bars, Costs())
    wanted = replace(base, limits=replace(base.limits, max_turnover=1e9), sizing=SizingParams(allocation=EQUAL_RISK))
    dates = [day for day in account_dates(bars) if day >= FIRST]
    snapshots = replay(
        seen(bars, wanted), quotes_by_date(bars, dates[0], dates[-1]), dates, Decimal(10_000), wanted
    ).snapshots
    equity = np.array([float(snapshot.equity / 10_000) for snapshot in snapshots])
    point = Point(symbols=wanted.symbols, strategy=TURBO, sizing=wanted.sizing, costs=Costs())
    first, shared = np.datetime64(FIRST, "us"), PanelRules(allocation=EQUAL_RISK)
    panel = sweep_panel(bars, wanted.terms.instruments, TURBO, first, shared)
    assert swept(panel, (point,)).net[:, 0] == pytest.approx(equity[1:] / equity[:-1] - 1, abs=1e-9)
    learned = training_panel(bars, wanted)
    span = range(len(learned) - len(dates), len(learned) - 1)
    net = net_returns(np.zeros((len(span), 3)), learned, span).net
    assert net == pytest.approx(equity[1:] / equity[:-1] - 1, abs=1e-9)
    other = replace(point, sizing=SizingParams())
    with pytest.raises(ValueError, match="1 points do not share account, strategy and rules with their panel"):
        swept(panel, (other,))


def test_points_of_one_symbol_do_not_differ_in_allocation_and_chunks_have_one() -> None:
    sizings = tuple(SizingParams(allocation=allocation) for allocation in Allocation)
    grid = Grid(accounts=(("A",), ("A", "B")), strategies=(RULES, VOL_TARGET), sizings=sizings, costs=(Costs(),))
    made = points(grid)
    assert [point.sizing.allocation for point in made if len(point.symbols) == 1] == [Allocation.INVERSE_VOL] * 2
    assert len(made) == 2 + 2 * 3
    for chunk in chunks(made, 100):
        assert len({point.sizing.allocation for point in chunk}) == 1


def test_a_flat_series_does_not_stop_the_others() -> None:
    flat = make_bars("FLAT", walk("C0", 0, 420).open_time, close=np.full(420, 50.0))
    bars = market(flat, walk("C0", 0, 420), walk("C1", 1, 420), walk("C2", 2, 420))
    base = mandate(bars, Costs())
    wanted = replace(base, strategy=VOL_TARGET, sizing=replace(base.sizing, allocation=EQUAL_RISK))
    (view,) = pretrade_views(seen(bars, wanted), account_dates(bars)[-1:], wanted)
    assert view.exposures[wanted.symbols.index("FLAT")] == 0.0
    assert np.isfinite(view.exposures).all()
    assert (view.exposures > 0.0).sum() == 3
