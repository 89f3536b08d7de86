from datetime import date
from decimal import Decimal

from exchange.rates.shipped_bills import bills
from strategy.account.dated_rates import demand_sound

D = Decimal


def test_the_shipped_bills_run_from_1926_to_the_end_of_november_2018_and_pass_the_gate() -> None:
    rates = bills()
    assert (rates[0].day, rates[-2].day, rates[-1].day) == (date(1926, 7, 1), date(2018, 11, 1), date(2018, 11, 30))
    # 0.18 % in November 2018, 0.22 % in July 1926.
    assert rates[-1].rate == rates[-2].rate == D("0.021815128251")
    assert float(rates[0].rate) == round(1.0022**12 - 1, 12)
    assert min(one.rate for one in rates) < 0
    demand_sound("bills", rates)
