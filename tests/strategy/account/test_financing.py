from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.financing import financing_entries
from strategy.account.interest_rates import FinancingTerms, RatesMissing, constant, flat
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account, EntryKind, Position
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Calendar, Instrument
from testing.accounts.worked_days import LEVERAGED, RATES, SHORT, TERMS, WorkedAccount

D = Decimal
MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)
FLAT = flat(D("0.05"))


def account(cash: str, **held: tuple[str, str]) -> Account:
    positions = {symbol: Position(quantity=D(quantity), mark=D(mark)) for symbol, (quantity, mark) in held.items()}
    return Account(as_of=MONDAY, cash=D(cash), positions=positions)


def moved(held: Account, as_of: date, terms: FinancingTerms) -> dict[str, Decimal]:
    return {str(entry.kind): entry.cash for entry in financing_entries(held, as_of, terms)}


@pytest.mark.parametrize("worked", [LEVERAGED, SHORT], ids=["leveraged", "short"])
def test_the_worked_days_of_the_method_settle_to_the_last_digit(worked: WorkedAccount) -> None:
    terms = TradingTerms(
        account="a", instruments={"SPY": Instrument(symbol="SPY", calendar=Calendar.XNYS)}, costs=Costs(financing=TERMS)
    )
    held = worked.opened("SPY")
    for day in worked.days:
        before = held
        settled = settle(held, [], {"SPY": Quote(open=day.close, close=day.close)}, day.day, terms)
        held = settled.account
        paid = {"financing": day.financing, "interest": day.interest, "short_fee": day.short_fee}
        assert {entry.kind: entry.cash for entry in settled.entries} == {
            kind: cash for kind, cash in paid.items() if cash
        }
        assert (held.cash, held.equity) == (day.cash, day.equity)
        risk_free = TERMS.risk_free.at(before.as_of) * (day.day - before.as_of).days / 365
        assert float(held.equity / before.equity - 1 - risk_free) == pytest.approx(day.excess, abs=1e-17)


def test_the_method_page_prints_the_worked_days() -> None:
    page = (Path(__file__).parents[3] / "docs" / "method.md").read_text(encoding="utf-8")
    for name, worked in (("leveraged", LEVERAGED), ("short", SHORT)):
        for day in worked.days:
            money = (day.financing, day.interest, day.short_fee, day.cash, day.equity)
            cells = [name, day.day, day.close, *money, f"{day.excess:.12f}"]
            assert (
                f"| {' | '.join(str(cell) for cell in cells)} |".replace("-", "−").replace("2020−01−", "2020-01-")
                in page
            )


def test_the_method_page_prints_the_worked_days_of_a_perpetual() -> None:
    """Those that `tests/strategy/market/test_funding_settlement.py` settles."""
    page = Path("docs/method.md").read_text(encoding="utf-8").replace("−", "-")
    for row in ("0.3 - 0.404 + 0.202 = 0.098 | 12049.902 | 10009.902", "= 0.199 | 12049.703 | 10069.703"):
        assert row in page


def test_at_a_flat_rate_leverage_pays_for_what_is_borrowed_and_shorts_for_their_value() -> None:
    # Long 15000 on 10000 of equity borrows 5000 for one day at 5 %.
    paid = {"financing": D("-0.684931506849")}
    assert moved(account("-5000", SPY=("150", "100")), TUESDAY, FLAT) == paid
    # Short 5000 of 10000: the short's value is borrowed, whatever the cash.
    assert moved(account("15000", SPY=("-50", "100")), TUESDAY, FLAT) == paid
    assert moved(account("5000", SPY=("50", "100")), TUESDAY, FLAT) == {}
    # Of a position of 0.5, 0.4 are borrowed.
    assert moved(account("-0.4", SPY=("0.5", "1")), TUESDAY, FLAT) == {"financing": D("-0.000054794521")}


def test_financing_covers_every_day_since_the_last_marks() -> None:
    short = account("15000", SPY=("-50", "100"))
    assert moved(short, date(2020, 1, 9), FLAT) == {"financing": D("-2.054794520548")}


def test_the_proceeds_of_a_short_earn_nothing_and_pay_no_debt() -> None:
    # Long 12000, short 3000, cash 1000: equity is 10000, so 2000 are borrowed although there is cash.
    both = account("1000", SPY=("120", "100"), QQQ=("-30", "100"))
    rates = FinancingTerms(rates=constant(D("0.0215")), risk_free=constant(D("0.0215")))
    assert moved(both, TUESDAY, rates) == {"financing": D("-0.200000000000"), "short_fee": D("-0.041095890411")}


def test_an_account_without_equity_earns_no_interest() -> None:
    # Cash of 1000 against a short of 1500: equity is -500, and 500 are owed.
    ruined = account("1000", SPY=("-15", "100"))
    assert moved(ruined, TUESDAY, TERMS) == {"financing": D("-0.047945205479"), "short_fee": D("-0.020547945205")}


def test_a_negative_rate_makes_borrowing_cheaper_and_never_charges_cash() -> None:
    terms = FinancingTerms(rates=constant(D("-0.005")), risk_free=constant(D("-0.005")))
    assert moved(account("10000"), TUESDAY, terms) == {}
    assert moved(account("-5000", SPY=("150", "100")), TUESDAY, terms) == {"financing": D("-0.136986301370")}


def test_an_entry_concerns_the_whole_account() -> None:
    (entry,) = financing_entries(account("10000"), TUESDAY, TERMS)
    assert (entry.kind, entry.symbol, entry.quantity, entry.as_of) == (EntryKind.INTEREST, "", 0, TUESDAY)


def test_a_day_without_a_rate_cannot_be_settled() -> None:
    late = Account(as_of=date(2020, 3, 1), cash=D(10000))
    with pytest.raises(RatesMissing, match="the rates of worked have none between 2020-01-06 and 2020-03-01"):
        financing_entries(late, date(2020, 3, 2), TERMS)
    assert RATES.at(date(2020, 2, 20)) == D("0.02")
