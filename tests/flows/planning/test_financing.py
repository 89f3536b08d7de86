"""The rates of a run: those that were given, else those that fit what is traded, or a refusal before the run begins."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flows.config.settings import Settings, load
from flows.planning.adapters import open_source
from flows.planning.financing import with_rates
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, outline, plan
from storage.database import DATABASE_NAME
from strategy.account.interest_rates import NO_RATE, LackingRates, RatesMissing
from strategy.exit_codes import Exit
from strategy.market.instruments import Calendar, Instrument
from tasks.run.job import Job
from testing.markets.bars import Listing, record
from testing.runs.jobs import run_day

pytestmark = pytest.mark.usefixtures("default_rates")

NOW = datetime(2026, 1, 5, tzinfo=UTC)
#: The last day for which the shipped bills stand.
LAST = date(2019, 1, 14)


def priced_in(currency: str | None) -> Instrument:
    return Instrument(symbol="A", calendar=Calendar.ALWAYS, currency=currency)


def on_file(folder: Path, currency: str | None, last: date) -> dict[str, object]:
    """Settings of a home whose source is a file of bars in that currency up to a day."""
    bars = record(Listing(symbol="A", calendar=Calendar.ALWAYS, first=date(2018, 1, 1), last=last, seed=1))
    path = folder / "bars.csv"
    bars.assign(currency=currency).rename(columns={"open_time": "date"}).to_csv(path, index=False)
    return {"home": folder / "home", "source": f"file:{path}", "strategy": "vol-target"}


def job(given: dict[str, object], day: date | None = None) -> Job:
    settings = load(given)
    outlined = outline(settings, open_source(settings), Request(account="daily", as_of=day, clock=NOW))
    return on_kept_terms(settings, outlined)


@pytest.mark.parametrize(
    ("source", "currency", "fitting"),
    [
        ("sample", None, "bills"),
        ("file:bars.csv", "USD", "bills"),
        ("file:bars.csv", "USDT", "bills"),
        ("binance", "USDT", "yahoo"),
        ("binance", "EUR", "bills"),
        ("yahoo", "USD", "yahoo"),
        ("yahoo", None, "yahoo"),
        ("yahoo", "USDT", "yahoo"),
    ],
)
def test_the_rates_fit_what_is_traded(source: str, currency: str | None, fitting: str) -> None:
    assert with_rates(Settings(source=source), [priced_in(currency)]).rates == fitting
    assert with_rates(Settings(source=source, rates="constant:0.02"), [priced_in(currency)]).rates == "constant:0.02"


def test_dollar_coins_pay_the_spread_alone_and_need_no_series(tmp_path: Path) -> None:
    given = on_file(tmp_path, "USDT", date(2021, 6, 30))
    for terms in (job(given).policy.costs.financing, plan_of(given).policy.costs.financing):
        rates = terms.at(date(2021, 6, 30))
        assert (rates.borrow, rates.cash, rates.short) == (Decimal("0.015"), 0, Decimal("0.005"))
        # The bills that fit it end before: its returns are above 0, and say so.
        assert (terms.risk_free, terms.lacking) == (NO_RATE, LackingRates(name="bills", last=date(2018, 11, 30)))
    known = job(given, LAST).policy.costs.financing
    assert (known.risk_free.at(LAST), known.at(LAST).cash, known.lacking) == (Decimal("0.021815128251"), 0, None)
    # A series that is given is what excess returns are above, and cash earns nothing still.
    terms = job({**given, "rates": "constant:0.02"}).policy.costs.financing
    rates = terms.at(date(2021, 6, 30))
    assert (rates.borrow, rates.cash, terms.risk_free.name) == (Decimal("0.015"), 0, "constant:0.02")


def plan_of(given: dict[str, object]) -> Job:
    settings = load(given)
    return plan(settings, open_source(settings), Request(account="backtest", clock=NOW))


def test_a_file_has_the_bills_as_long_as_they_last(tmp_path: Path) -> None:
    given = on_file(tmp_path, None, date(2019, 1, 31))
    assert job(given, LAST).policy.costs.financing.risk_free.at(LAST) == Decimal("0.021815128251")
    match = (
        r"the rates of bills have none between 2018-11-30 and 2019-01-15, .* --financing-rate 0\.05, .* --rates yahoo"
    )
    with pytest.raises(RatesMissing, match=f"{match} for dollars or --rates constant:0.02") as refused:
        job(given, date(2019, 1, 15))
    assert refused.value.exit_code is Exit.DATA
    assert job({**given, "rates": "constant:0.02"}, date(2019, 1, 15)).policy.costs.financing.rates.unending


def test_an_account_at_a_flat_rate_goes_on_where_no_rate_fits(tmp_path: Path) -> None:
    given = on_file(tmp_path, "EUR", date(2021, 6, 30))
    with pytest.raises(RatesMissing, match="prices are in EUR, and the rates of bills are those of US Treasury bills"):
        job(given)
    first = job({**given, "financing_rate": 0.05}, date(2021, 6, 29))
    settings = load(given)
    run_day(first, lambda: open_source(settings))
    assert job(given).policy.costs.financing.flat_rate == Decimal("0.05")


def test_an_outline_asks_for_no_rates(tmp_path: Path) -> None:
    given = on_file(tmp_path, "EUR", date(2021, 6, 30))
    settings = load(given)
    assert outline(settings, open_source(settings), Request(account="import", clock=NOW)).currency == "EUR"
    assert not (tmp_path / "home" / DATABASE_NAME).exists()
