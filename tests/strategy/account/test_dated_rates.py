from datetime import date, timedelta
from decimal import Decimal

import pytest

from strategy.account.dated_rates import MOST_GAP_DAYS, DatedRate, RateFault, RatesRefused, demand_sound
from strategy.exit_codes import Exit

D = Decimal
FIRST = date(2016, 1, 1)


def rates(*pairs: tuple[int, str]) -> list[DatedRate]:
    """Rates so many days after the first of January 2016."""
    return [DatedRate(day=FIRST + timedelta(days=days), rate=D(rate)) for days, rate in pairs]


@pytest.mark.parametrize(
    ("given", "fault", "match"),
    [
        ((), RateFault.EMPTY, "has no rate; give at least one row"),
        (((1, "0.01"), (0, "0.01")), RateFault.ORDER, "has 2016-01-01 after 2016-01-02; sort it by date"),
        (((0, "0.01"), (0, "0.01")), RateFault.TWICE, "has 2016-01-01 twice; keep one rate for each date"),
        (((0, "5"),), RateFault.LEVEL, r"has the rate 5 on 2016-01-01, outside -0\.05 to 0\.5; .* divide .* by 100"),
        (((0, "-0.4"),), RateFault.LEVEL, r"has the rate -0\.4 on 2016-01-01, outside"),
        (((0, "0.05"), (30, "0.16")), RateFault.JUMP, r"jumps from 0\.05 on 2016-01-01 to 0\.16 on 2016-01-31"),
        (((0, "0.05"), (46, "0.05")), RateFault.GAP, "has no rate for 46 days, from 2016-01-01 to 2016-02-16, and 45"),
    ],
)
def test_a_series_that_could_move_money_wrongly_is_refused(
    given: tuple[tuple[int, str], ...], fault: RateFault, match: str
) -> None:
    with pytest.raises(RatesRefused, match=match) as refused:
        demand_sound("rates.csv", rates(*given))
    assert (refused.value.fault, refused.value.exit_code) == (fault, Exit.DATA)


def test_what_markets_have_shown_passes() -> None:
    demand_sound("rates.csv", rates((0, "-0.0075"), (MOST_GAP_DAYS, "0.0925"), (46, "0.1625"), (47, "0.17")))
    demand_sound("rates.csv", rates((0, "-0.05")))
    demand_sound("rates.csv", rates((0, "0.5")))
