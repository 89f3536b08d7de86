"""Days that rebalance, and what a rebalance band makes of the targets."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.account.state import Account, Position, Snapshot
from strategy.builtin.registry import HOLD, VOL_TARGET
from strategy.portfolio.decision import Decision, PreTradeView, Status, as_decided, decided
from strategy.portfolio.rebalancing import Frequency, Rebalance, banded, rebalances, rebalancing_rows
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from testing.markets.panels import mandate, market, walk

D = Decimal
MONDAY = date(2020, 6, 8)
EXPOSURES = st.lists(st.sampled_from([-0.6, -0.3, -0.05, 0.0, 0.05, 0.3, 0.35, 0.6]), min_size=3, max_size=3)


def test_an_iso_week_goes_over_the_new_year_and_a_month_does_not() -> None:
    days = [date(2020, 12, 28) + timedelta(days=number) for number in range(14)]
    weeks = [rebalances(day, day - timedelta(days=1), Frequency.WEEKLY) for day in days]
    assert [day.day for day, due in zip(days, weeks, strict=True) if due] == [28, 4]
    months = [rebalances(day, day - timedelta(days=1), Frequency.MONTHLY) for day in days]
    assert [day.day for day, due in zip(days, months, strict=True) if due] == [1]


def test_a_week_without_its_monday_rebalances_on_the_first_date_it_has() -> None:
    dates = np.array(["2020-06-05", "2020-06-09", "2020-06-10", "2020-06-15"], "M8[us]")
    assert rebalancing_rows(dates, Frequency.WEEKLY).tolist() == [True, True, False, True]
    assert rebalancing_rows(dates, Frequency.MONTHLY).tolist() == [True, False, False, False]
    assert rebalancing_rows(dates, Frequency.DAILY).all()


@given(EXPOSURES, EXPOSURES, st.sampled_from([0.1, 0.25, 0.5]))
def test_what_is_traded_to_is_never_further_than_the_band(held: list[float], wanted: list[float], band: float) -> None:
    current, targets = np.array(held), np.array(wanted)
    room = max(float(np.abs(targets).sum()), 0.5)
    traded = banded(current, targets, band, room)
    assert (np.abs(traded - targets) <= band + 1e-12).all()
    assert (np.abs(traded - current) <= np.abs(targets - current) + 1e-12).all()
    assert np.abs(traded).sum() <= room * (1 + 1e-9)
    assert (traded[targets == 0.0] == 0.0).all()
    crossed = targets * current < 0.0
    assert (traded[crossed] == targets[crossed]).all()


def test_without_a_band_the_target_is_traded_to() -> None:
    rng = np.random.default_rng(1)
    current, targets = rng.normal(0, 0.3, (2, 50))
    assert (banded(current, targets, 0.0, 100.0) == targets).all()


COINS = mandate(market(walk("A", 1, 30), walk("B", 2, 30), walk("C", 3, 30)))


def a_view(exposures: list[float], outside: tuple[bool, ...] = (False,) * 3) -> PreTradeView:
    statuses = tuple((Status.OUTSIDE, "not in the universe") if out else (Status.TRADED, "") for out in outside)
    return PreTradeView(
        as_of=MONDAY,
        rows=((0, 1.0, 1, 0.5, 0.2),) * 3,
        statuses=statuses,
        ordered=np.ones(3, dtype=np.bool_),
        whole=True,
        outside=np.array(outside),
        exposures=np.array(exposures),
        floor=np.full(3, -np.inf),
    )


def a_snapshot(exposures: list[float], previous: date | None = None) -> Snapshot:
    positions = {
        symbol: Position(quantity=D(repr(held)) * 100, mark=D(100), marked_on=MONDAY)
        for symbol, held in zip("ABC", exposures, strict=True)
        if held
    }
    cash = D(10_000) - sum((position.value for position in positions.values()), D(0))
    account = Account(as_of=MONDAY, cash=cash, positions=positions)
    return Snapshot(account=account, equity=account.equity, drawdown=0.0, previous=previous)


def told(view: PreTradeView, snapshot: Snapshot, sizing: SizingParams, **changes: object) -> tuple[Decision, ...]:
    config = replace(COINS, strategy=VOL_TARGET, sizing=sizing, limits=RiskLimits(max_turnover=9.0))
    return decided(view, snapshot, replace(config, **changes))  # type: ignore[arg-type]


def test_a_decision_says_what_the_band_made_of_it() -> None:
    found = told(a_view([0.52, 0.4, -0.3]), a_snapshot([0.5, 0.1, 0.2]), SizingParams(rebalance_band=0.05))
    assert [decision.exposure for decision in found] == [None, pytest.approx(0.35), -0.3]
    assert [decision.rebalance for decision in found] == [Rebalance.KEPT, Rebalance.EDGE, Rebalance.REVERSED]
    assert [decision.reason for decision in found] == [
        "kept within the band, 5% of equity around the target of +0.52",
        "traded to the edge of the band, 5% of equity around the target of +0.4",
        "",
    ]


def test_the_cap_overrides_the_band() -> None:
    sizing = SizingParams(rebalance_band=0.1, max_position_size=1.0)
    found = told(a_view([0.5, 0.3, 0.2]), a_snapshot([0.55, 0.35, 0.15]), sizing)
    assert [decision.exposure for decision in found] == [0.5, 0.3, None]
    assert [decision.rebalance for decision in found] == [Rebalance.CAPPED, Rebalance.CAPPED, Rebalance.KEPT]


def test_between_the_dates_that_rebalance_only_what_left_the_universe_is_sold() -> None:
    sizing = SizingParams(rebalance_every=Frequency.MONTHLY)
    view, held = a_view([0.5, 0.3, 0.0], (False, False, True)), [0.1, 0.2, 0.3]
    found = told(view, a_snapshot(held, previous=MONDAY - timedelta(days=1)), sizing)
    assert [decision.exposure for decision in found] == [None, None, 0.0]
    assert [decision.rebalance for decision in found] == [Rebalance.WAITING, Rebalance.WAITING, None]
    assert [decision.reason for decision in found] == [
        "kept until the next monthly rebalancing",
        "kept until the next monthly rebalancing",
        "not in the universe",
    ]
    due = told(view, a_snapshot(held, previous=date(2020, 5, 29)), sizing)
    assert [decision.exposure for decision in due] == [0.5, 0.3, 0.0]
    assert {decision.rebalance for decision in due} == {None}
    assert due == told(view, a_snapshot(held), sizing)


def test_a_halted_account_and_one_that_buys_once_have_no_band() -> None:
    sizing = SizingParams(rebalance_band=0.1, rebalance_every=Frequency.WEEKLY)
    view, snapshot = a_view([0.5, 0.3, 0.2]), a_snapshot([0.45, 0.0, 0.1], previous=MONDAY)
    config = replace(COINS, strategy=VOL_TARGET, sizing=sizing)
    halted = decided(view, snapshot, config.at_once)
    assert [decision.exposure for decision in halted] == [0.5, 0.3, 0.2]
    assert as_decided(config, halted) == config.at_once
    assert as_decided(config, decided(view, snapshot, config)) == config
    once = told(view, snapshot, sizing, strategy=HOLD)
    assert once == told(view, snapshot, SizingParams(), strategy=HOLD)
    assert [decision.exposure is None for decision in once] == [True, False, True]


def test_a_limit_on_turnover_leaves_what_is_kept() -> None:
    found = told(
        a_view([0.5, 0.8, 0.3]),
        a_snapshot([0.45, 0.1, 0.32]),
        SizingParams(rebalance_band=0.1),
        limits=RiskLimits(max_turnover=0.3),
    )
    assert [decision.exposure for decision in found] == [None, pytest.approx(0.4), None]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rebalance_band": -0.1}, "rebalance_band is -0.1; it must be at least 0 and below 1"),
        ({"rebalance_band": 1.0}, "rebalance_band is 1.0; it must be at least 0 and below 1"),
        ({"rebalance_band": float("nan")}, "rebalance_band is nan; it must be at least 0 and below 1"),
        ({"rebalance_every": "hourly"}, "rebalance_every is 'hourly'; it must be one of daily, weekly, monthly"),
    ],
)
def test_a_rebalancing_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SizingParams(**changes)  # type: ignore[arg-type]


def test_the_frequency_may_be_a_plain_word() -> None:
    assert SizingParams(rebalance_every="weekly").rebalance_every is Frequency.WEEKLY  # type: ignore[arg-type]
