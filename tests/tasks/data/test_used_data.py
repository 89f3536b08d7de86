"""The hash of all data behind a result: what moves its money changes it, and neither settings nor later data do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateSeries, constant, flat
from strategy.market.currencies import Currencies, FxSeries
from strategy.market.data_hash import data_sha256
from strategy.market.funding_rates import Funding, FundingRate, FundingSeries
from strategy.market.session_dates import session_date
from tasks.data.used_data import used_sha256
from testing.markets.panels import stock

D = Decimal
BARS = {"A": stock("A", 1, 60)}
FIRST, LAST = (session_date(BARS["A"].open_time[row]) for row in (0, -1))
BEFORE, AFTER = FIRST - timedelta(days=3), LAST + timedelta(days=1)


def bills(*changed: date) -> FinancingTerms:
    dates = (BEFORE, FIRST, LAST, AFTER)
    series = RateSeries(
        name="bills", dates=dates, rates=tuple(D("0.02") + D("0.01") * (day in changed) for day in dates)
    )
    return FinancingTerms(rates=series, risk_free=series)


def euro(*changed: date) -> Currencies:
    dates = (FIRST - timedelta(days=9), BEFORE, FIRST, LAST, AFTER)
    rates = tuple(D("1.1") + D("0.01") * (day in changed) for day in dates)
    return Currencies(base="USD", fx={"EUR": FxSeries(pair="EURUSD", dates=dates, rates=rates)})


def funding(*changed: date, symbol: str = "A") -> Funding:
    paid = tuple(
        FundingRate(at=datetime(day.year, day.month, day.day, 8, tzinfo=UTC), rate=D("0.0001") * (1 + (day in changed)))
        for day in (FIRST, LAST, AFTER)
    )
    return Funding(series={symbol: FundingSeries(symbol=symbol, rates=paid)})


def test_settings_are_no_data() -> None:
    for terms in (flat(D("0.05")), FinancingTerms(rates=constant(D("0.02")), risk_free=constant(D("0.02")))):
        assert used_sha256(BARS, Costs(financing=terms)) == data_sha256(BARS)
    # Nor is the funding of what is not traded.
    assert used_sha256(BARS, Costs(funding=funding(symbol="B"))) == data_sha256(BARS)


@pytest.mark.parametrize(
    ("known", "revised", "later"),
    [
        (Costs(financing=bills()), Costs(financing=bills(LAST)), Costs(financing=bills(AFTER))),
        # The close before the first bar converts it where the first day has none.
        (Costs(currencies=euro()), Costs(currencies=euro(LAST)), Costs(currencies=euro(AFTER))),
        (Costs(currencies=euro()), Costs(currencies=euro(FIRST)), Costs(currencies=euro(BEFORE))),
        (Costs(funding=funding()), Costs(funding=funding(LAST)), Costs(funding=funding(AFTER))),
    ],
)
def test_what_moves_the_money_counts_and_nothing_else(known: Costs, revised: Costs, later: Costs) -> None:
    digest = used_sha256(BARS, known)
    assert used_sha256(BARS, replace(known)) == digest
    assert used_sha256(BARS, later) == digest
    assert len({digest, used_sha256(BARS, revised), data_sha256(BARS)}) == 3
