"""What an account paid, told apart, by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.account.quotes import quotes_by_date
from strategy.account.state import Entry, EntryKind
from strategy.builtin.registry import HOLD, VOL_TARGET
from strategy.evaluation.costs import Charges, charges, rates
from strategy.market.bars import make_bars
from strategy.market.instruments import Calendar, Instrument
from tests.strategy.backtest.test_day_loop import STOCK, days, mandate, run, walk

D = Decimal
DAYS = ["2020-01-06", "2020-01-07", "2020-01-08"]
FIRST, LAST = date(2020, 1, 6), date(2020, 1, 8)


def test_fees_slippage_and_financing_are_told_apart() -> None:
    bars = {"STK": make_bars("STK", DAYS, close=[100, 120, 90], open=[100, 80, 120])}
    costs = Costs(fee_bps=D(10), slippage_bps=D(50))
    result = run(bars, mandate(HOLD, STOCK, costs=costs), FIRST, LAST)
    # 100 units decided at 100 fill at 80 · 1.005, for a fee of 0.1 % of 8,000.
    paid = charges(result, quotes_by_date(bars, FIRST, LAST), 252)
    assert (paid.fees, paid.slippage, paid.financing, paid.total) == (8, 40, 0, 48)
    assert paid.average_equity == D("11634.666666666667")
    assert paid.years == pytest.approx(2 / 252)
    assert paid.per_year(paid.fees) == pytest.approx(8 / float(paid.average_equity) * 126)


def test_each_fill_slips_by_its_own() -> None:
    bars = {"STK": make_bars("STK", DAYS, close=[100, 120, 90], open=[100, 80, 120])}
    result = run(bars, mandate(HOLD, STOCK, costs=Costs(slippage_bps=D(50))), FIRST, LAST)
    twice = replace(result, fills=(*result.fills, *result.fills))
    once = charges(result, quotes_by_date(bars, FIRST, LAST), 252)
    assert charges(twice, quotes_by_date(bars, FIRST, LAST), 252).slippage == 2 * once.slippage != 0
    assert charges(replace(result, fills=()), quotes_by_date(bars, FIRST, LAST), 252).fees == 0


def test_a_share_a_year_needs_a_year_and_equity() -> None:
    def per_year(years: float | None, equity: str) -> float | None:
        zero = D(0)
        one = Charges(
            fees=zero,
            slippage=zero,
            financing=zero,
            short_fee=zero,
            interest=zero,
            average_equity=D(equity),
            years=years,
        )
        return one.per_year(D("0.5"))

    assert (per_year(2.0, "1"), per_year(2.0, "0.5")) == (0.25, 0.5)
    assert per_year(None, "1") is per_year(0.0, "1") is per_year(2.0, "0") is per_year(2.0, "-1") is None
    bars = {"STK": make_bars("STK", DAYS, close=[100, 120, 90], open=[100, 80, 120])}
    fresh = run(bars, mandate(HOLD, STOCK), FIRST, FIRST)
    assert charges(fresh, quotes_by_date(bars, FIRST, FIRST), 252).years is None


def test_what_is_borrowed_is_paid_for() -> None:
    coin = Instrument(symbol="COIN", calendar=Calendar.ALWAYS)
    bars = {"COIN": walk("COIN", days("2019-01-01", 300), 1)}
    first, last = date(2019, 9, 2), date(2019, 10, 20)
    free = Costs(fee_bps=D(0), slippage_bps=D(0))
    result = run(bars, mandate(VOL_TARGET, coin, costs=free), first, last)
    paid = charges(result, quotes_by_date(bars, first, last), 365)
    assert (paid.fees, paid.slippage) == (0, 0)
    assert paid.financing == -sum(entry.cash for entry in result.entries)
    assert paid.financing > 0


def test_interest_short_fee_and_financing_are_told_apart() -> None:
    bars = {"STK": make_bars("STK", DAYS, close=[100, 120, 90], open=[100, 80, 120])}
    result = run(bars, mandate(HOLD, STOCK), FIRST, LAST)

    def booked(kind: EntryKind, cash: str) -> Entry:
        return Entry(as_of=LAST, kind=kind, symbol="", cash=D(cash), quantity=D(0))

    entries = (
        booked(EntryKind.FINANCING, "-3"),
        booked(EntryKind.SHORT_FEE, "-2"),
        booked(EntryKind.INTEREST, "7"),
        booked(EntryKind.FUNDING, "11"),
    )
    paid = charges(replace(result, entries=entries), quotes_by_date(bars, FIRST, LAST), 252)
    assert (paid.financing, paid.short_fee, paid.interest) == (3, 2, 7)
    assert paid.funding == -11
    assert paid.total == paid.fees + paid.slippage + 5 - 11


def test_a_cost_that_nobody_set_is_told_by_its_value() -> None:
    coin = Instrument(symbol="COIN", calendar=Calendar.ALWAYS)
    found = rates(Costs(slippage_bps=D(3)), {"STK": STOCK, "COIN": coin})
    assert found.fee_bps == {"COIN": 10.0, "STK": 1.0}
    assert found.slippage_bps == {"COIN": 3.0, "STK": 3.0}
    assert found.financing == flat(D("0.05"))
