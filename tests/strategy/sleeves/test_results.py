"""The results of sleeves, replayed from the record of an account: the days of the method page, changes of sleeves."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay
from strategy.backtest.replay import replay
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.sleeves import combined
from strategy.signals.strategies import Sleeve, Strategy
from strategy.sleeves.results import SleeveResults, sleeve_results

D = Decimal
DAYS = [date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)]
#: Decided at 100, filled at 101, marked at 103; decided there, filled at 102, marked at 104.
WORKED = make_bars("A", [str(day) for day in DAYS], close=[100, 103, 104], open=[100, 101, 102])
SHARE = Instrument(symbol="A", calendar=Calendar.WEEKDAYS)


def falling(bars: Bars) -> np.ndarray:
    return -0.4 * np.arange(1, len(bars.close) + 1)


CALM = Strategy(name="calm", signal=lambda bars: np.ones(len(bars.close)), history_bars=1, sizing="direct")
GLOOMY = Strategy(name="gloomy", signal=falling, history_bars=1, sizing="direct", trusted=True)
BOTH = combined([Sleeve(strategy=CALM, weight=0.5), Sleeve(strategy=GLOOMY, weight=0.5)])


def run(strategy: Strategy = BOTH, days: list[date] = DAYS) -> Replay:
    costs = Costs(fee_bps=D(10), slippage_bps=D(0), financing=flat(D(0)))
    config = AccountConfig(
        strategy=strategy,
        symbols=("A",),
        sizing=SizingParams(),
        limits=RiskLimits(),
        terms=TradingTerms(account="test", instruments={"A": SHARE}, costs=costs),
    )
    view = aligned_signals(symbol_signals({"A": WORKED}, {"A": Calendar.WEEKDAYS}, strategy), ("A",))
    return replay(view, quotes_by_date({"A": WORKED}, days[0], days[-1]), days, D(10_000), config)


def found(record: Replay) -> SleeveResults:
    results = sleeve_results(record)
    assert results is not None
    return results


def test_the_days_that_the_method_page_works_through() -> None:
    first, second = found(run(days=DAYS[:2])), found(run())
    (order, later, _) = run().orders
    assert (order.signed_quantity, later.signed_quantity) == (D(30), D("-20.235951"))
    assert first.filled == {order.order_id: (D(50), D(-20))}
    assert [sleeve.profit for sleeve in first.sleeves] == [D("97.835714285714"), D("-40.865714285714")]
    assert [sleeve.fees for sleeve in first.sleeves] == [D("2.164285714286"), D("0.865714285714")]
    assert second.filled[later.order_id] == (D("-1.179757254950"), D("-19.056193745050"))
    assert [sleeve.profit for sleeve in second.sleeves] == [D("145.355864535809"), D("-100.921833537809")]
    assert [sleeve.fees for sleeve in second.sleeves] == [D("2.284620954291"), D("2.809446047709")]
    assert sum((sleeve.profit for sleeve in second.sleeves), D(0)) == run().snapshots[-1].equity - 10_000


def test_an_account_with_one_strategy_has_no_sleeves() -> None:
    assert sleeve_results(run(CALM)) is None


def test_sleeves_begin_on_the_day_from_which_the_account_has_them() -> None:
    before, after = run(CALM), run()
    decisions = (*before.decisions[:1], *after.decisions[1:])
    results = found(replace(before, decisions=decisions))
    assert results.since == DAYS[1]
    # What was held is shared by weight, and its profit is counted from then on.
    assert sum((sleeve.quantities["A"] for sleeve in results.sleeves), D(0)) == before.snapshots[2].account.quantity(
        "A"
    )
    earned = before.snapshots[2].equity - before.snapshots[1].equity
    assert sum((sleeve.profit for sleeve in results.sleeves), D(0)) == earned


def test_other_weights_of_the_same_sleeves_go_on() -> None:
    shifted = combined([Sleeve(strategy=CALM, weight=0.25), Sleeve(strategy=GLOOMY, weight=0.25)])
    before, after = run(), run(shifted)
    results = found(replace(before, decisions=(*before.decisions[:2], *after.decisions[2:])))
    assert results.since == DAYS[0]
    assert [sleeve.weight for sleeve in results.sleeves] == [0.25, 0.25]
