"""The compiled account is the day loop's own: equal to the exact one in Decimal, whatever the market does."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay, opening, plan_orders, settle_day, turnovers, with_orders
from strategy.backtest.replay import replay
from strategy.builtin.registry import TURBO
from strategy.kernel.forward_pass import LANES
from strategy.kernel.simulate import AccountMarket, AccountPath, flat_rates, rates_between, simulate
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams, drawdown_multiplier
from strategy.signals.outlook import symbol_signals

D = Decimal
CAPITAL = D(10_000)
COIN = Instrument(symbol="COIN", calendar=Calendar.ALWAYS, lot=D("1e-12"))
STOCK = Instrument(symbol="STOCK", calendar=Calendar.WEEKDAYS, lot=D("1e-12"))


def drawn_bars(instrument: Instrument, count: int, seed: int, *, vol: float = 0.02, events: bool = False) -> Bars:
    """Raw bars with gaps over the open; with events a 4:1 split, a reverse split and two dividends."""
    rng = np.random.default_rng(seed)
    dates = np.datetime64("2020-01-01", "D") + np.arange(count)
    if instrument.calendar is Calendar.WEEKDAYS:
        dates = dates[np.is_busday(dates)]
    total = 100 * np.exp(np.cumsum(rng.normal(0, vol, len(dates))))
    opens = total * np.exp(rng.normal(0, vol / 3, len(dates)))
    factor = np.ones(len(dates))
    if events:
        for share, change in ((0.2, 4.0), (0.35, 1.013), (0.5, 0.1), (0.8, 1.04)):
            factor[int(share * len(dates)) :] *= change
    bars = make_bars(instrument.symbol, dates.astype("datetime64[us]"), close=total / factor)
    opens /= factor
    high, low = np.maximum(opens, bars.close), np.minimum(opens, bars.close)
    return replace(bars, open=opens, high=high, low=low, factor=factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Bars, and the configuration to trade them; `target` and `tradable` (T, S) on the union of their dates."""

    bars: dict[str, Bars]
    target: np.ndarray
    tradable: np.ndarray
    costs: Costs
    params: SizingParams

    @property
    def account_config(self) -> AccountConfig:
        instruments = {instrument.symbol: instrument for instrument in (COIN, STOCK) if instrument.symbol in self.bars}
        return AccountConfig(
            strategy=TURBO,
            symbols=tuple(sorted(self.bars)),
            sizing=self.params,
            limits=RiskLimits(),
            terms=TradingTerms(account="test", instruments=instruments, costs=self.costs),
        )

    @property
    def market(self) -> AccountMarket:
        """The world as one path of the kernel."""
        dates = np.array(account_dates(self.bars), "datetime64[us]")
        opens, closes = np.full((2, len(dates), len(self.bars), 1), np.nan)
        for column, symbol in enumerate(sorted(self.bars)):
            one = self.bars[symbol]
            rows = np.searchsorted(dates, one.open_time)
            opens[rows, column, 0] = one.open * one.factor
            closes[rows, column, 0] = one.close * one.factor
        terms = self.account_config.terms
        cost = [
            float(terms.costs.fee(instrument) + terms.costs.slippage(instrument))
            for instrument in terms.instruments.values()
        ]
        days = np.diff(dates, prepend=dates[0]).astype("timedelta64[D]").astype(np.float64)
        return AccountMarket(
            open=opens,
            close=closes,
            tradable=self.tradable[:, :, None],
            days=days[:, None],
            cost=np.array(cost)[:, None],
            rates=rates_between(terms.costs.financing, dates),
            drawdown=np.zeros(1),
        )

    def exact(self) -> tuple[np.ndarray, list[float]]:
        """Equity over capital, and the drawdowns, of the day loop's own account, lots off, in Decimal."""
        dates, mandate = account_dates(self.bars), self.account_config
        quotes = quotes_by_date(self.bars, dates[0], dates[-1])
        standing = opening(dates[0], CAPITAL)
        equities, drawdowns = [], []
        for row, as_of in enumerate(dates):
            if row > 0:
                standing = settle_day(standing, quotes.on(as_of), as_of, mandate).state
            snapshot = standing.snapshot
            equities.append(float(snapshot.equity / CAPITAL))
            drawdowns.append(snapshot.drawdown)
            multiplier = drawdown_multiplier(snapshot.drawdown, self.params) if snapshot.equity > 0 else 0.0
            decisions = [
                Decision(as_of=as_of, symbol=symbol, status=Status.TRADED, exposure=float(target) * multiplier)
                for symbol, target, tradable in zip(mandate.symbols, self.target[row], self.tradable[row], strict=True)
                if tradable and symbol in quotes.on(as_of)
            ]
            standing = with_orders(standing, plan_orders(standing, decisions, quotes.on(as_of), mandate))
        return np.array(equities), drawdowns


def world(bars: list[Bars], seed: int, *, scale: float = 1.0, lookback: int = 252, costs: Costs | None = None) -> World:
    by_symbol = {series.symbol: series for series in bars}
    rng = np.random.default_rng(seed)
    T, S = len(account_dates(by_symbol)), len(bars)
    slow = np.repeat(rng.uniform(-0.5, 1.0, (T // 10 + 1, S)), 10, axis=0)[:T]
    return World(
        bars=by_symbol,
        target=scale * (slow + rng.uniform(-0.3, 0.3, (T, S))),
        tradable=rng.random((T, S)) < 0.9,
        costs=costs or Costs(),
        params=SizingParams(lookback_period=lookback),
    )


WORLDS = {
    "one symbol": world([drawn_bars(COIN, 200, 1)], 1),
    "one symbol, split and dividends": world([drawn_bars(STOCK, 250, 2, events=True)], 2),
    "two calendars, split and dividends": world(
        [drawn_bars(COIN, 200, 3), drawn_bars(STOCK, 200, 4, events=True)], 3, scale=1.2
    ),
    "leverage and shorts at a high rate": world(
        [drawn_bars(COIN, 200, 5), drawn_bars(STOCK, 200, 6)], 4, scale=2.5, costs=Costs(financing=flat(D("0.4")))
    ),
    "deep drawdowns, short look-back": world([drawn_bars(COIN, 300, 7, vol=0.05)], 5, scale=2.0, lookback=20),
    "a ruin": world([drawn_bars(COIN, 40, 8, vol=0.25), drawn_bars(STOCK, 40, 9, vol=0.25)], 6, scale=6.0),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_kernel_is_the_exact_account(name: str) -> None:
    made = WORLDS[name]
    path = simulate(made.target[:, :, None], made.market, made.params)
    assert path.equity[:, 0] == pytest.approx(made.exact()[0], abs=1e-9)


def test_the_worlds_are_what_their_names_say() -> None:
    deep = WORLDS["deep drawdowns, short look-back"].exact()[1]
    assert any(0.10 < share < 0.25 for share in deep)
    assert any(share > 0.25 for share in deep)
    assert min(WORLDS["a ruin"].exact()[0]) <= 0
    levered = WORLDS["leverage and shorts at a high rate"]
    free = replace(levered, costs=Costs(financing=flat(D(0))))
    assert levered.exact()[0][-1] < free.exact()[0][-1] - 0.01
    assert min(np.diff(next(iter(WORLDS["one symbol, split and dividends"].bars.values())).factor)) < -1


def test_the_kernel_repeats_a_backtest_of_what_was_decided() -> None:
    bars = {"COIN": drawn_bars(COIN, 700, 10, vol=0.04), "STOCK": drawn_bars(STOCK, 700, 11, events=True)}
    made = World(bars=bars, target=np.empty(0), tradable=np.empty(0), costs=Costs(), params=SizingParams())
    looks = symbol_signals(bars, {"COIN": COIN.calendar, "STOCK": STOCK.calendar}, TURBO)
    dates = account_dates(bars)
    whole = quotes_by_date(bars, dates[0], dates[-1])
    result = replay(aligned_signals(looks, ("COIN", "STOCK")), whole, dates, CAPITAL, made.account_config)
    multiplier = np.repeat([drawdown_multiplier(snapshot.drawdown, made.params) for snapshot in result.snapshots], 2)
    decided = np.array(
        [np.nan if decision.exposure is None else decision.exposure for decision in result.decisions], np.float64
    )
    target = (decided / multiplier).reshape(len(dates), 2)
    made = replace(made, target=target, tradable=np.isfinite(target))
    path = simulate(target[:, :, None], made.market, made.params)
    equity = np.array([float(snapshot.equity / CAPITAL) for snapshot in result.snapshots])
    assert np.nanmax(np.abs(decided)) > 0.2
    assert multiplier.min() < 1
    assert path.equity[:, 0] == pytest.approx(equity, abs=1e-9)
    assert exposures(path, made.market) == pytest.approx(held_in(result, ("COIN", "STOCK")), abs=1e-9)
    # The exact turnover counts slippage in the price; the kernel counts the notional at the open.
    assert path.turnover[:, 0] == pytest.approx(turnovers(result), rel=1e-3)


def exposures(path: AccountPath, market: AccountMarket) -> np.ndarray:
    """The value of each position over the equity, (T, S), of the only path."""
    held: np.ndarray = (path.held * market.mark)[:, :, 0] / path.equity
    return held


def held_in(replayed: Replay, symbols: Sequence[str]) -> np.ndarray:
    """The same of an exact account."""
    return np.array([[day.exposure(symbol) for symbol in symbols] for day in replayed.snapshots])


#: What the kernel gave before it had a rebalance band and dated rates.
GOLDEN = [0.5236582185034578, 0.8603176484105001, 0.6167252038904073, 1.2213253472714791]


def test_without_band_and_dated_rates_the_digits_are_those_of_before() -> None:
    """Only additions, products and quotients of small whole numbers, so that the digits are the same everywhere."""
    rng = np.random.default_rng(7)
    close = rng.integers(80, 120, (60, 3, 4)).astype(np.float64)
    market = AccountMarket(
        open=close + rng.integers(-3, 4, close.shape),
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.integers(1, 4, (60, 4)).astype(np.float64),
        cost=np.full((3, 4), 0.001),
        rates=flat_rates(0.05, 60),
        drawdown=np.zeros(4),
    )
    path = simulate(rng.integers(-4, 9, close.shape) / 8, market, SizingParams(lookback_period=15))
    assert path.equity[-1].tolist() == GOLDEN


def prices(*values: float) -> np.ndarray:
    return np.array(values, np.float64).reshape(-1, 1, 1)


def by_hand(opens: np.ndarray, closes: np.ndarray, *, cost: float = 0.0, rate: float = 0.0) -> AccountMarket:
    """One path in one symbol, a day between its rows."""
    return AccountMarket(
        open=opens,
        close=closes,
        tradable=np.isfinite(closes),
        days=np.ones(closes.shape[::2]),
        cost=np.full((1, 1), cost),
        rates=flat_rates(rate, len(closes)),
        drawdown=np.zeros(1),
    )


def test_three_rows_by_hand() -> None:
    met = by_hand(prices(1, 1.1, 1.2), prices(1, 1.2, 1.2), cost=0.01, rate=0.05)
    path = simulate(prices(1, 0, 0), met, SizingParams())
    # Bought one unit at 1.1 for 0.011, marked at 1.2; then sold at 1.2 for 0.012. It was held with 0.111 borrowed.
    first = 1 + 0.1 - 0.011
    assert path.equity[:, 0].tolist() == pytest.approx([1, first, first - 0.012 - 0.05 / 365 * (1.2 - first)])
    assert path.held[:, 0, 0].tolist() == [0, 1, 0]
    assert path.turnover[:, 0].tolist() == pytest.approx([0, 1.1, 1.2 / first])


def test_an_order_waits_for_the_next_session_and_is_not_replaced_before_it() -> None:
    nan = np.nan
    met = by_hand(prices(1, nan, nan, 2), prices(1, nan, nan, 3))
    path = simulate(prices(1, nan, -5, 0), met, SizingParams())
    assert path.equity[:, 0].tolist() == [1, 1, 1, 2]
    assert path.held[:, 0, 0].tolist() == [0, 0, 0, 1]


def test_the_starting_drawdown_stands_in_the_look_back_as_row_minus_one() -> None:
    flat = np.ones((4, 1, 1))
    met = replace_given(by_hand(flat, flat), drawdown=np.array([0.175]))
    path = simulate(flat, met, SizingParams(lookback_period=3))
    # Half-way between the knees d is 0.625; the third row no longer sees the row before the first.
    assert path.held[:, 0, 0].tolist() == pytest.approx([0, 0.625, 0.625, 1])


def replace_given(market: AccountMarket, **changes: object) -> AccountMarket:
    given = {field.name: getattr(market, field.name) for field in fields(market) if field.init}
    return AccountMarket(**{**given, **changes})  # type: ignore[arg-type]


def many(T: int, S: int, N: int) -> tuple[np.ndarray, AccountMarket]:
    rng = np.random.default_rng(0)
    close = np.exp(np.cumsum(rng.normal(0, 0.03, (T, S, N)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.01, close.shape))
    missing = rng.random(close.shape) < 0.2
    close[missing] = opens[missing] = np.nan
    market = AccountMarket(
        open=opens,
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.choice([1.0, 3.0], (T, N)),
        cost=rng.uniform(0, 0.003, (S, N)),
        rates=flat_rates(0.05, T),
        drawdown=rng.uniform(0, 0.3, N),
    )
    return rng.uniform(-1, 1.5, close.shape), market


def test_a_path_is_the_same_alone_and_in_any_block_and_thread() -> None:
    N = LANES + 90
    target, market = many(40, 2, N)
    params = SizingParams(lookback_period=15)
    whole = simulate(target, market, params).equity
    assert (simulate(target, market, params, threads=3).equity == whole).all()
    for n in (0, 7, LANES - 1, LANES, N - 1):
        one = slice(n, n + 1)
        alone = {
            name: getattr(market, name)[..., one] for name in ("open", "close", "tradable", "days", "cost", "drawdown")
        }
        assert (simulate(target[..., one], replace_given(market, **alone), params).equity == whole[:, one]).all()


@pytest.mark.parametrize("lookback", [2, 3, 7, 39, 40, 41, 60])
def test_the_peak_is_the_highest_equity_of_the_look_back(lookback: int) -> None:
    target, market = many(40, 1, 5)
    params = SizingParams(lookback_period=lookback)
    path = simulate(target, market, params)
    extended = np.vstack([1 / (1 - market.drawdown), path.equity])
    for t in range(39):
        peak = extended[max(0, t + 2 - lookback) : t + 2].max(axis=0)
        for n in np.flatnonzero(market.followed[t, 0] & market.session[t + 1, 0]):
            wanted = target[t, 0, n] * drawdown_multiplier(1 - path.equity[t, n] / peak[n], params)
            assert path.held[t + 1, 0, n] * market.mark[t, 0, n] == pytest.approx(wanted * path.equity[t, n], rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"close": np.ones((3, 1))}, r"close has shape \(3, 1\); it must be \(T, S, N\)"),
        ({"days": np.ones((2, 1))}, r"days has shape \(2, 1\); beside these closes it must be \(3,\) or \(3, 1\)"),
        ({"tradable": np.ones((3, 1, 1))}, "tradable holds float64; it must hold booleans"),
        ({"open": prices(1, np.nan, 1)}, r"open is nan at \(1, 0, 0\); it must be positive and finite where"),
        ({"close": prices(1, 1, 0)}, r"close is 0.0 at \(2, 0, 0\); it must be positive"),
        ({"days": np.array([[0.0], [1.0], [0.0]])}, r"days is 0.0 at \(2, 0\); it must be finite and above 0"),
        ({"cost": np.array([[-0.1]])}, r"cost is -0.1 at \(0, 0\); it must be at least 0 and below 1"),
        ({"drawdown": np.ones(1)}, r"drawdown is 1.0 at \(0,\); it must be at least 0 and below 1"),
        ({"rates": flat_rates(np.inf, 3)}, "rates.borrow holds inf; it must be finite"),
        (
            {"rates": flat_rates(0.0, 2)},
            r"rates.borrow has shape \(2,\); beside these closes it must be \(3,\) or \(3, 1\)",
        ),
    ],
)
def test_a_market_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    flat = np.ones((3, 1, 1))
    with pytest.raises(ValueError, match=message):
        replace_given(by_hand(flat, flat), **changes)


def test_a_target_of_another_shape_and_no_thread_are_refused() -> None:
    flat = np.ones((3, 1, 1))
    with pytest.raises(ValueError, match=r"target has shape \(2, 1, 1\); it must be that of the closes, \(3, 1, 1\)"):
        simulate(flat[:2], by_hand(flat, flat), SizingParams())
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        simulate(flat, by_hand(flat, flat), SizingParams(), threads=0)
