"""What is learned from is sized as the account sizes it, date by date, and knows nothing of the future."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import NO_COSTS
from strategy.account.quotes import quotes_by_date
from strategy.backtest.replay import replay
from strategy.market.bars import Bars
from strategy.market.instruments import Membership
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import symbol_signals
from strategy.training.rollout import net_returns
from strategy.training.training_panel import FIRST_ROW, training_panel
from testing.markets.panels import mandate, market, stock, walk


def mixed() -> dict[str, Bars]:
    return market(walk("COIN", 1, 900), stock("STK", 2, 640), walk("YOUNG", 3, 500, first="2011-02-05"))


def test_the_prior_on_the_panel_trades_as_the_exact_backtest_does() -> None:
    """Calendars, a late listing, budgets, portfolio scale, costs and financing: all of it, to the last nine digits."""
    trades_as_the_exact_backtest(mandate(mixed()))


def test_what_leaves_the_universe_and_comes_back_is_sold_and_bought_as_the_exact_backtest_does() -> None:
    rules = mandate(mixed())
    spans = (
        Membership(first=date(2010, 1, 1), last=date(2011, 8, 5)),
        Membership(first=date(2011, 11, 1), last=date(2012, 2, 3)),
    )
    instruments = dict(rules.terms.instruments)
    instruments["STK"] = replace(instruments["STK"], memberships=spans)
    trades_as_the_exact_backtest(replace(rules, terms=replace(rules.terms, instruments=instruments)))


def trades_as_the_exact_backtest(rules: AccountConfig) -> None:
    bars = mixed()
    panel = training_panel(bars, rules)
    first = date(2011, 3, 1)
    days = [day for day in account_dates(bars) if day >= first]
    calendars = {symbol: instrument.calendar for symbol, instrument in rules.terms.instruments.items()}
    view = aligned_signals(symbol_signals(bars, calendars, rules.strategy), rules.symbols)
    exact = replay(view, quotes_by_date(bars, days[0], days[-1]), days, Decimal(10_000), rules)
    equity = np.array([float(snapshot.equity) for snapshot in exact.snapshots])
    span = range(len(panel) - len(days), len(panel) - 1)
    learned = net_returns(np.zeros((len(span), 3)), panel, span)
    assert learned.net == pytest.approx(equity[1:] / equity[:-1] - 1.0, abs=1e-9)


def test_a_symbol_without_history_or_session_is_not_tradable() -> None:
    panel = training_panel(mixed(), mandate(mixed()))
    young = panel.dates.symbols.index("YOUNG")
    born = int(np.searchsorted(panel.open_time, np.datetime64("2011-02-05")))
    assert not panel.tradable[: born + FIRST_ROW, young].any()
    assert panel.tradable[born + FIRST_ROW :, young].all()
    assert (panel.weight[: born + FIRST_ROW, young] == 0.0).all()
    weekend = ~np.is_busday(panel.open_time.astype("M8[D]"))
    assert not panel.tradable[weekend, panel.dates.symbols.index("STK")].any()


def test_the_panel_ignores_the_future() -> None:
    bars = mixed()
    cut = np.datetime64("2012-03-01", "us")
    whole = training_panel(bars, mandate(bars))
    past = training_panel({symbol: series.until(cut) for symbol, series in bars.items()}, mandate(bars))
    for name in ("prior", "weight", "tradable", "open", "close", "days"):
        assert np.array_equal(getattr(whole, name)[: len(past)], getattr(past, name), equal_nan=True), name
    for longer, shorter in zip(whole.inputs, past.inputs, strict=True):
        assert np.array_equal(longer[: len(shorter)], shorter, equal_nan=True)


def test_a_split_of_the_stock_is_no_return() -> None:
    plain = walk("A", 1)
    raw = np.where(np.arange(len(plain)) < 450, 2.0, 1.0)
    halved = replace(plain, factor=1.0 / raw, **{name: plain[name] * raw for name in ("open", "high", "low", "close")})
    split, whole = (training_panel(market(series), mandate(market(series))) for series in (halved, plain))
    assert split.close == pytest.approx(whole.close, rel=1e-15, nan_ok=True)


def test_a_venue_without_shorts_admits_no_exposure_below_zero() -> None:
    bars = market(walk("A", 1))
    panel = training_panel(bars, mandate(bars, shortable=False))
    span = range(600, 900)
    short = net_returns(np.full((300, 1), -1.0), panel, span)
    assert (short.net == 0.0).all()


def test_without_cost_and_position_nothing_is_earned() -> None:
    bars = market(walk("A", 1))
    panel = training_panel(bars, mandate(bars, NO_COSTS))
    flat = net_returns(-panel.prior[600:900], panel, range(600, 900))
    assert (flat.net == 0.0).all()


def test_training_needs_a_symbol() -> None:
    with pytest.raises(ValueError, match="training was given no symbol; give at least one"):
        training_panel({}, mandate(market(walk("A", 1))))


def test_a_symbol_with_one_bar_does_not_disturb_the_others() -> None:
    alone = market(walk("A", 1))
    beside = alone | market(walk("B", 2, 1))
    panel, expected = training_panel(beside, mandate(beside)), training_panel(alone, mandate(alone))
    assert panel.weight[:, 0] == pytest.approx(expected.weight[:, 0], rel=1e-12)
    assert (panel.weight[:, 1] == 0.0).all()
