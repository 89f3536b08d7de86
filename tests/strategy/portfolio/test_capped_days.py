"""Days on which the largest exposure decided."""

from datetime import date, timedelta
from decimal import Decimal

from strategy.account.state import Account, Snapshot
from strategy.builtin.registry import HOLD, RULES, VOL_TARGET
from strategy.portfolio.capped_days import capped_days
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy

FIRST = date(2020, 1, 1)


def test_a_day_at_the_cap_counts_also_where_a_drawdown_has_cut_it() -> None:
    rows = [((1.5, -0.5), 0.0), ((1.5, -0.49), 0.0), ((0.25, 0.25), 0.25), ((0.25, 0.24), 0.25), ((None, 2.0), 0.0)]
    decisions, snapshots = [], []
    for number, (exposures, drawdown) in enumerate(rows):
        day = FIRST + timedelta(days=number)
        account = Account(as_of=day, cash=Decimal(100))
        snapshots.append(Snapshot(account=account, equity=account.equity, drawdown=drawdown))
        decisions += [
            Decision(as_of=day, symbol=symbol, status=Status.TRADED, exposure=exposure)
            for symbol, exposure in zip("AB", exposures, strict=True)
        ]
    found = capped_days(RULES, decisions, snapshots, SizingParams())
    assert [day.day for day in found] == [1, 3, 5]
    assert capped_days(HOLD, decisions, snapshots, SizingParams()) == ()
    # Without drawdown control there is only one cap.
    assert [day.day for day in capped_days(VOL_TARGET, decisions, snapshots, SizingParams())] == [1, 5]


def test_a_signal_that_is_an_exposure_is_capped_where_it_asks_for_more() -> None:
    direct = Strategy(name="long", signal=lambda bars: bars.close, history_bars=1, sizing="direct")
    account = Account(as_of=FIRST, cash=Decimal(100))
    snapshots = [Snapshot(account=account, equity=account.equity, drawdown=0.0)]
    for signals, days in (((0.75, -0.25), ()), ((0.75, -0.5), (FIRST,))):
        decisions = [
            Decision(as_of=FIRST, symbol=symbol, status=Status.TRADED, signal=signal, exposure=signal / 2)
            for symbol, signal in zip("AB", signals, strict=True)
        ]
        assert capped_days(direct, decisions, snapshots, SizingParams(max_position_size=1.0)) == days
