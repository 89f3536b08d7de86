from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd

from storage.database import connect
from storage.ledger.price_units import Used, open_as_used, unit_changes
from strategy.account.orders import Fill, Side
from strategy.backtest.restatement import UnitChange
from testing.markets.deliveries import deliver, delivery

D = Decimal
LATER = datetime(2020, 3, 1, tzinfo=UTC)
CLOSES = [100.0 + i for i in range(8)]
LAST = date(2020, 1, 8)


def restated(ratio: float, bars: int = 8) -> pd.DataFrame:
    told = delivery("A", "2020-01-01", CLOSES)
    told.loc[told.index[-bars:], ["open", "high", "low", "close"]] *= ratio
    return told


def used(close: str) -> Used:
    return Used(symbol="A", on=LAST, close=D(close).quantize(D("1e-12")))


def test_a_close_is_compared_with_the_revision_that_was_used(home: Path) -> None:
    """Thrice restated: an account may have used any of the revisions, and one that it never saw says nothing."""
    with connect(home) as store:
        for ratio in (1.0, 0.5, 0.25):
            deliver(store, restated(ratio), LATER)
        found = unit_changes(store, "test", [used("107"), used("53.5"), used("26.75"), used("77")])
        assert {float(price.close): (float(two.new / two.old), two.bars) for price, two in found.items()} == {
            107.0: (0.25, 8),
            53.5: (0.5, 8),
        }
        assert unit_changes(store, "other", [used("107")]) == {}
        deliver(store, restated(1.0), LATER)
        assert unit_changes(store, "test", [used("107")]) == {}


def test_a_change_is_told_of_the_close_that_was_used_and_the_bars_up_to_it(home: Path) -> None:
    with connect(home) as store:
        for ratio in (1.0, 0.5):
            deliver(store, restated(ratio), LATER)
        earlier = Used(symbol="A", on=date(2020, 1, 6), close=D(105).quantize(D("1e-12")))
        found = unit_changes(store, "test", [used("107"), earlier])
    assert found[earlier] == UnitChange(
        symbol="A", on=date(2020, 1, 6), old=earlier.close, new=D("52.5").quantize(D("1e-12")), bars=6
    )
    assert found[used("107")].bars == 8


def test_a_stretch_that_was_wrong_is_no_change_of_unit(home: Path) -> None:
    """What lies before it stays as it was, and an account that has lived through it would be moved for nothing."""
    with connect(home) as store:
        deliver(store, restated(1.0), LATER)
        deliver(store, restated(0.25, bars=6), LATER)
        (change,) = unit_changes(store, "test", [used("107")]).values()
    assert (change.certain, change.misleading) == (False, True)


def test_a_fill_is_explained_by_the_open_that_it_was_filled_at(home: Path) -> None:
    fill = Fill(
        order_id="o", trade_id="1", symbol="A", as_of=LAST, side=Side.BUY, quantity=D(1), price=D("107.2"), fee=D(0)
    )
    with connect(home) as store:
        deliver(store, restated(1.0), LATER)
        deliver(store, restated(0.25), LATER)
        assert open_as_used(store, "test", fill) == D(107)
        assert open_as_used(store, "other", fill) is None
