"""Days on which the largest exposure decided."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.state import Account, Snapshot
from strategy.builtin.registry import HOLD, RULES, VOL_TARGET
from strategy.portfolio.aligned_signals import AlignedSignals
from strategy.portfolio.capped_days import capped_days, volatility_at_cap
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.sizing import SizingParams
from strategy.portfolio.volatility import PORTFOLIO_BARS, portfolio_volatilities
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


def test_the_volatility_at_the_cap_is_the_median_of_what_was_decided_on_its_days() -> None:
    changes = 0.01 * np.random.default_rng(1).normal(size=(140, 2))
    union = np.datetime64(FIRST, "us") + np.arange(140) * np.timedelta64(1, "D")
    view = AlignedSignals(outlooks=(), union=union, changes=changes)
    held = {number: (0.1 * number - 12.0, None if number == 130 else 0.5) for number in (10, 126, 130, 139)}
    decisions = [
        Decision(as_of=FIRST + timedelta(days=number), symbol=symbol, status=Status.TRADED, exposure=exposure)
        for number, pair in held.items()
        for symbol, exposure in zip("AB", pair, strict=True)
    ]
    days = {FIRST + timedelta(days=number) for number in (10, 130, 139)}
    exposures = np.array([[1.0, 0.0], [0.1 * 139 - 12.0, 0.5]])
    known = portfolio_volatilities(changes, np.array([131, 140]), exposures, 365)
    # On the first there is no volatility yet, and one was not capped.
    assert volatility_at_cap(view, decisions, days, 365) == pytest.approx(known.mean(), rel=1e-12)
    assert volatility_at_cap(view, decisions, {FIRST + timedelta(days=10)}, 365) is None
    assert volatility_at_cap(view, decisions, set(), 365) is None
    assert PORTFOLIO_BARS < 131
