"""Quotes of a day; and market impact in fills: the square-root law by hand, where it is not known, what it may read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.orders import Fill, Order, Side
from strategy.account.paper_fills import fill_at_open
from strategy.account.quotes import Quote, quote_row, quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.fill_quotes import IMPACT_BARS, fill_quotes
from strategy.market.bars import Bars, make_bars
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument
from strategy.signals.rolling import daily_volatility
from tasks.notices.impact import without_impact

D = Decimal
SHARE = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1))
DECIDED, DAY = date(2020, 1, 2), date(2020, 1, 3)
TABLE = InstrumentTable(symbols={"SPY": InstrumentTerms(impact=Decimal(1), half_spread_bps=Decimal(5))})
COSTS = Costs(fee_bps=Decimal(0), instruments=TABLE)


def filled(costs: Costs, quote: Quote, side: Side = Side.BUY) -> Fill:
    order = Order(order_id="a", symbol="SPY", as_of=DECIDED, side=side, quantity=Decimal(100))
    terms = TradingTerms(account="a", instruments={"SPY": SHARE}, costs=costs)
    _, fill = fill_at_open(order, {"SPY": quote}, DAY, terms)
    assert fill is not None
    return fill


QUOTE = Quote(open=Decimal(300), close=Decimal(301), volume=10_000.0, volatility=0.02)


def test_the_square_root_law_by_hand() -> None:
    # 0.02 × √(100 / 10,000) = 0.002, and half a spread of 0.0005: 300 × 1.0025 and 300 × 0.9975.
    assert filled(COSTS, QUOTE).price == Decimal("300.75")
    assert filled(COSTS, QUOTE, Side.SELL).price == Decimal("299.25")
    # Twice the cost: 300 × 1.005.
    assert filled(replace(COSTS, multiplier=Decimal(2)), QUOTE).price == Decimal("301.5")
    # A given slippage replaces both.
    assert filled(replace(COSTS, slippage_bps=Decimal(1)), QUOTE).price == Decimal("300.03")


def test_without_volume_or_volatility_there_is_no_impact() -> None:
    assert filled(COSTS, replace(QUOTE, volume=None)).price == Decimal("300.15")
    assert filled(COSTS, replace(QUOTE, volatility=float("nan"))).price == Decimal("300.15")


def test_quotes_that_nobody_gave_a_volatility_are_refused() -> None:
    with pytest.raises(ValueError, match="carry no volatility; make them with fill_quotes"):
        filled(COSTS, replace(QUOTE, volatility=None))


def some_bars(T: int = 140, volume: float = 10_000.0) -> Bars:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, T)))
    times = np.datetime64("2020-01-01", "us") + np.arange(T) * np.timedelta64(1, "D")
    return Bars(
        symbol="SPY",
        open_time=times,
        open=close,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=np.full(T, volume),
        factor=np.ones(T),
    )


def terms_of(costs: Costs) -> TradingTerms:
    return TradingTerms(account="a", instruments={"SPY": SHARE}, costs=costs)


def test_the_volatility_is_that_of_the_bar_before_and_a_bare_window_gives_the_same_bits() -> None:
    bars = some_bars()
    days = bars.open_time.astype("datetime64[D]").tolist()
    quotes = fill_quotes({"SPY": bars}, days[0], days[-1], terms_of(COSTS))
    assert quotes.on(days[-1])["SPY"].volatility == daily_volatility(bars.close)[-2]
    assert np.isnan(quotes.on(days[IMPACT_BARS - 1])["SPY"].volatility)
    assert np.isfinite(quotes.on(days[IMPACT_BARS])["SPY"].volatility)
    window = bars.rows(len(bars) - IMPACT_BARS - 1, len(bars))
    assert len(window) == IMPACT_BARS + 1
    assert fill_quotes({"SPY": window}, days[-1], days[-1], terms_of(COSTS)).on(days[-1]) == quotes.on(days[-1])


def test_quotes_are_those_of_the_bars_of_a_day_by_symbol_and_by_column() -> None:
    bars = {
        "B": make_bars("B", ["2020-01-01", "2020-01-02"], close=[1.5, 3.0], open=[1.25, 2.75]),
        "A": make_bars("A", ["2020-01-02"], close=[1 / 3]),
    }
    bars["B"] = replace(bars["B"], factor=np.array([1.0, 0.5]), volume=np.array([0.0, 7.0]))
    quotes = quotes_by_date(bars, date(2020, 1, 1), date(2020, 1, 2))
    first, last = (quotes.on(date(2020, 1, day)) for day in (1, 2))
    halved = Quote(open=D("2.75"), close=D(3), factor_change=D("0.5"), volume=7.0)
    assert (list(first), len(first), "A" in first, "C" in first) == (["B"], 1, False, False)
    assert dict(first) == {"B": Quote(open=D("1.25"), close=D("1.5"))}
    assert last == {"A": Quote(open=D("0.333333333333"), close=D("0.333333333333")), "B": halved}
    for symbols in (("A", "B"), ("B", "A"), ("C", "B")):
        for today in (first, last, dict(first), dict(last)):
            row = quote_row(today, symbols)
            found = [today.get(symbol) for symbol in symbols]
            assert list(map(row.quote, range(2))) == found
            assert list(row.closes) == [quote and quote.close for quote in found]
            assert [None if np.isnan(near) else near for near in row.near] == [
                quote and float(quote.close) for quote in found
            ]
            split = [column for column, quote in enumerate(found) if quote and quote.factor_change != 1]
            assert [column for column in row.changed if column in split] == split
    with pytest.raises(KeyError, match="A"):
        first["A"]


def test_without_impact_the_quotes_are_the_plain_ones() -> None:
    bars = {"SPY": some_bars()}
    span = (date(2020, 1, 1), date(2020, 6, 1))
    assert fill_quotes(bars, *span, terms_of(Costs())).quotes == quotes_by_date(bars, *span).quotes


def test_fills_without_the_stated_impact_are_told() -> None:
    day = date(2020, 5, 10)
    quotes = fill_quotes({"SPY": some_bars(volume=0.0)}, day, day, terms_of(COSTS))
    fill = filled(COSTS, quotes.on(day)["SPY"])
    told = without_impact([replace(fill, as_of=day)], quotes, terms_of(COSTS))
    assert told == [
        "instruments.toml states an impact of SPY, and 1 of its 1 fills have none: 1 bars have no volume, 0 have too "
        "few bars before them for a volatility"
    ]
    assert without_impact([replace(fill, as_of=day)], quotes, terms_of(Costs())) == []
