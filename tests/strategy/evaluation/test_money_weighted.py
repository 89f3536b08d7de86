from datetime import date, timedelta

import pytest

from strategy.evaluation.money_weighted import money_weighted_return

START = date(2020, 1, 1)


def on(year: float) -> date:
    return START + timedelta(days=round(365 * year))


def test_capital_alone_grows_by_its_compound_rate() -> None:
    assert money_weighted_return([(START, 100.0)], 121.0, on(2)) == pytest.approx(0.1)
    assert money_weighted_return([(START, 100.0)], 25.0, on(2)) == pytest.approx(-0.5)


def test_flows_weigh_by_their_time() -> None:
    """100 at the start and 100 after a year, at 10 %: 121 + 110."""
    assert money_weighted_return([(START, 100.0), (on(1), 100.0)], 231.0, on(2)) == pytest.approx(0.1)
    # Paid in before a gain, or after it: the account is the same, the person is not.
    early = money_weighted_return([(START, 100.0), (on(0.1), 1_000.0)], 2_200.0, on(2))
    late = money_weighted_return([(START, 100.0), (on(1.9), 1_000.0)], 2_200.0, on(2))
    assert early is not None
    assert late is not None
    assert late > early > 0


def test_withdrawals_between_deposits_leave_one_root() -> None:
    flows = [(START, 1_000.0), (on(0.5), -200.0), (on(1), 500.0), (on(1.5), -100.0)]
    rate = money_weighted_return(flows, 1_400.0, on(2))
    assert rate is not None
    assert sum(amount * (1 + rate) ** ((on(2) - day).days / 365) for day, amount in flows) == pytest.approx(1_400.0)


def test_two_roots_or_none_are_no_rate() -> None:
    # 1600·x² − 10000·x + 10000 is 0 at 1.25 and at 5.
    assert money_weighted_return([(START, 1_600.0), (on(1), -10_000.0)], -10_000.0, on(2)) is None
    assert money_weighted_return([(START, 100.0)], -5.0, on(1)) is None
    assert money_weighted_return([(START, 100.0)], 0.0, on(1)) is None
    assert money_weighted_return([], 0.0, on(1)) is None
    # It only touches zero: (x − 2)².
    assert money_weighted_return([(START, 1.0), (on(1), -4.0)], -4.0, on(2)) == pytest.approx(1.0, abs=1e-6)
