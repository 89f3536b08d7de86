"""Days on which the largest exposure decided."""

from datetime import date, timedelta
from decimal import Decimal

from strategy.account.state import Account, Snapshot
from strategy.builtin.registry import HOLD, RULES
from strategy.portfolio.capped_days import capped_days
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.sizing import SizingParams

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
