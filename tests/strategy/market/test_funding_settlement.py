"""Perpetual futures pay funding in place of interest: on what was held at each payment, at the mark of that time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs, without_costs
from strategy.account.interest_rates import FinancingTerms, constant, flat
from strategy.account.orders import Order, Side
from strategy.account.quotes import Quote
from strategy.account.settlement import settle, settle_late
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.account.trading_terms import TradingTerms
from strategy.market.currencies import Currencies, FxSeries
from strategy.market.funding_rates import Funding, FundingMissing, FundingRate, FundingSeries
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms, SymbolClass
from strategy.market.instruments import Calendar, Instrument

D = Decimal
MONDAY, TUESDAY, WEDNESDAY = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)
SWAP = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS, perpetual=True)
COIN = Instrument(symbol="ETHUSDT", calendar=Calendar.ALWAYS)


def payment(day: date, hour: int, rate: str, mark: str | None = None) -> FundingRate:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return FundingRate(at=at, rate=D(rate), mark=None if mark is None else D(mark))


PAYMENTS = (
    payment(TUESDAY, 0, "0.0001"),
    payment(TUESDAY, 8, "0.0002"),
    payment(TUESDAY, 16, "-0.0001"),
    payment(WEDNESDAY, 0, "-0.0003"),
    payment(WEDNESDAY, 8, "0.0001", mark="103.5"),
    payment(WEDNESDAY, 16, "0.0001"),
)


def funding(rates: Sequence[FundingRate] = PAYMENTS) -> Funding:
    return Funding(series={"BTCUSDT": FundingSeries(symbol="BTCUSDT", rates=tuple(rates))})


#: Dollars in a coin: cash earns nothing, and borrowing costs 1.5 %, short positions 0.5 % a year.
DOLLARS = FinancingTerms(rates=constant(D(0)), risk_free=constant(D(0)))
FREE = replace(NO_COSTS, financing=DOLLARS, funding=funding())
TERMS = TradingTerms(account="test", instruments={"BTCUSDT": SWAP, "ETHUSDT": COIN}, costs=FREE)
HELD = Account(
    as_of=MONDAY, cash=D(7000), positions={"BTCUSDT": Position(quantity=D(30), mark=D(100), marked_on=MONDAY)}
)
OPENS = {TUESDAY: Quote(open=D(101), close=D(102)), WEDNESDAY: Quote(open=D(103), close=D(99))}


def order(side: Side, quantity: int, day: date = MONDAY) -> Order:
    return Order(order_id=f"{day}", symbol="BTCUSDT", as_of=day, side=side, quantity=D(quantity))


def paid(day: date, cash: str, before_fills: str = "0") -> Entry:
    kind, nothing = EntryKind.FUNDING, D(0)
    return Entry(as_of=day, kind=kind, symbol="BTCUSDT", cash=D(cash), quantity=nothing, before_fills=D(before_fills))


def test_two_days_of_a_perpetual_that_turns_from_long_to_short() -> None:
    """The worked example of docs/method.md."""
    assert HELD.equity == D(10_000)
    tuesday = settle(HELD, [order(Side.SELL, 50)], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, TERMS)
    # Long 30 at Monday's close, then short 20 at Tuesday's open: 0.3 − 0.404 + 0.202.
    assert tuesday.entries == (paid(TUESDAY, "-0.098", "-0.3"),)
    assert tuesday.account.cash == D("12049.902")
    assert tuesday.account.equity == D("10009.902")
    wednesday = settle(tuesday.account, [], {"BTCUSDT": OPENS[WEDNESDAY]}, WEDNESDAY, TERMS)
    # Short 20 at Tuesday's close, at the recorded mark, and at Wednesday's open: 0.612 − 0.207 − 0.206.
    assert wednesday.entries == (paid(WEDNESDAY, "-0.199", "-0.612"),)
    assert wednesday.account.cash == D("12049.703")
    assert wednesday.account.equity == D("10069.703")


def test_shorts_receive_a_positive_rate_and_pay_a_negative_one() -> None:
    for rate, cash, first in (("0.0001", "0.9", "0.3"), ("-0.0001", "-0.9", "-0.3")):
        every = [payment(TUESDAY, hour, rate, mark="100") for hour in (0, 8, 16)]
        short = replace(HELD, positions={"BTCUSDT": replace(HELD.positions["BTCUSDT"], quantity=D(-30))})
        terms = replace(TERMS, costs=replace(FREE, funding=funding(every)))
        assert settle(short, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms).entries == (paid(TUESDAY, cash, first),)


def test_perpetuals_are_no_part_of_financing_interest_and_short_fees() -> None:
    """Whatever is held of them, long at three times the equity or short."""
    two = constant(D("0.02"))
    for quantity in (D(300), D(-300)):
        for financing in (DOLLARS, flat(D("0.05")), FinancingTerms(rates=two, risk_free=two)):
            position = Position(quantity=quantity, mark=D(100), marked_on=MONDAY)
            account = Account(as_of=MONDAY, cash=10_000 - quantity * 100, positions={"BTCUSDT": position})
            assert account.equity == D(10_000)
            terms = replace(TERMS, costs=replace(FREE, financing=financing))
            kinds = {entry.kind for entry in settle(account, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms).entries}
            assert kinds == {EntryKind.FUNDING}


def test_beside_other_positions_financing_is_that_of_the_others_and_collateral_earns_nothing() -> None:
    two = constant(D("0.02"))
    terms = replace(TERMS, costs=replace(FREE, financing=FinancingTerms(rates=two, risk_free=two)))
    swap, coin = (Position(quantity=D(quantity), mark=D(100), marked_on=MONDAY) for quantity in (-20, 30))
    account = Account(as_of=MONDAY, cash=D(9000), positions={"BTCUSDT": swap, "ETHUSDT": coin})
    assert account.equity == D(10_000)
    quotes = {"BTCUSDT": OPENS[TUESDAY], "ETHUSDT": OPENS[TUESDAY]}
    entries = {entry.kind: entry.cash for entry in settle(account, [], quotes, TUESDAY, terms).entries}
    # 1.5 % a year on 10,000 less 3,000 of the coin and 2,000 of the perpetual.
    assert entries[EntryKind.INTEREST] == round(D("0.015") / 365 * 5000, 12)
    assert set(entries) == {EntryKind.INTEREST, EntryKind.FUNDING}
    # Money is borrowed for the coin alone: 12,000 of it with an equity of 10,000.
    debtor = replace(account, cash=D(0), positions={**account.positions, "ETHUSDT": replace(coin, quantity=D(120))})
    entries = {entry.kind: entry.cash for entry in settle(debtor, [], quotes, TUESDAY, terms).entries}
    assert entries[EntryKind.FINANCING] == -round(D("0.035") / 365 * 2000, 12)


def test_a_day_without_its_bar_is_paid_when_the_next_bar_comes() -> None:
    quotes = {"ETHUSDT": Quote(open=D(1), close=D(1))}
    tuesday = settle(HELD, [], quotes, TUESDAY, TERMS)
    assert tuesday.entries == ()
    wednesday = settle(tuesday.account, [], {"BTCUSDT": OPENS[WEDNESDAY]}, WEDNESDAY, TERMS)
    # Tuesday's three payments and Wednesday's first at Monday's close, the others at the recorded mark and the open.
    expected = 30 * (100 * (D("0.0001") + D("0.0002") - D("0.0001") - D("0.0003")) + (D("103.5") + 103) * D("0.0001"))
    assert wednesday.entries == (paid(WEDNESDAY, str(-expected), "0.3"),)


def test_a_late_bar_pays_its_day_once_on_what_was_held_before_and_after_its_fill() -> None:
    sold = order(Side.SELL, 50)
    at_once = settle(HELD, [sold], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, TERMS)
    first = settle(HELD, [sold], {}, TUESDAY, TERMS)
    late = settle_late(first.account, first.orders, {"BTCUSDT": OPENS[TUESDAY]}, TERMS)
    assert (first.entries, late.entries) == ((), at_once.entries)
    assert late.account == at_once.account
    again = settle_late(late.account, (), {"BTCUSDT": OPENS[TUESDAY]}, TERMS)
    assert (again.entries, again.account) == ((), late.account)


def test_a_symbol_that_pays_nothing_does_not_end_the_day_of_the_next() -> None:
    """Without a bar, of the spot market, or empty."""
    position = HELD.positions["BTCUSDT"]
    others = dict.fromkeys(("AAA", "AAB"), position)
    spot = Instrument(symbol="AAB", calendar=Calendar.ALWAYS)
    terms = replace(TERMS, instruments={**TERMS.instruments, "AAA": replace(SWAP, symbol="AAA"), "AAB": spot})
    account = replace(HELD, positions={**others, "AAC": replace(position, quantity=D(0)), **HELD.positions})
    quotes = {"AAB": OPENS[TUESDAY], "AAC": OPENS[TUESDAY], "BTCUSDT": OPENS[TUESDAY]}
    alone = settle(HELD, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms)
    assert settle(account, [], quotes, TUESDAY, terms).entries == alone.entries


def test_a_position_of_unknown_mark_pays_from_the_accounts_last_day_on() -> None:
    unknown = replace(HELD, positions={"BTCUSDT": replace(HELD.positions["BTCUSDT"], marked_on=None)})
    quotes = {"BTCUSDT": OPENS[TUESDAY]}
    assert settle(unknown, [], quotes, TUESDAY, TERMS).entries == settle(HELD, [], quotes, TUESDAY, TERMS).entries
    # On the account's own day it has paid already.
    assert settle_late(replace(unknown, as_of=TUESDAY), [], quotes, TERMS).entries == ()


def test_a_new_position_pays_from_its_fill_on_and_a_closed_one_up_to_it() -> None:
    empty = Account(as_of=MONDAY, cash=D(10_000))
    opened = settle(empty, [order(Side.BUY, 10)], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, TERMS)
    assert opened.entries == (paid(TUESDAY, str(-(10 * 101 * D("0.0001")))),)
    closed = settle(HELD, [order(Side.SELL, 30)], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, TERMS)
    assert closed.entries == (paid(TUESDAY, "-0.3", "-0.3"),)
    assert settle(empty, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, replace(TERMS, costs=NO_COSTS)).entries == ()


def test_funding_in_another_currency_is_converted_at_the_rate_of_the_day() -> None:
    euro = FxSeries(pair="EURUSD", dates=(MONDAY, TUESDAY), rates=(D("1.10"), D("1.20")))
    costs = replace(FREE, currencies=Currencies(base="USD", fx={"EUR": euro}))
    terms = replace(TERMS, instruments={"BTCUSDT": replace(SWAP, currency="EUR")}, costs=costs)
    day = settle(HELD, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms)
    charged = [entry.cash for entry in day.entries if entry.kind is EntryKind.FUNDING]
    assert charged == [-(D("0.3") + 30 * 101 * D("0.0001")) * D("1.20")]


@pytest.mark.parametrize(
    ("hours", "match"),
    [
        ((), "BTCUSDT lacks a funding rate from 2024-01-02 00:00 UTC to 2024-01-03 00:00 UTC, .* choose other days"),
        ((8, 16), "from 2024-01-02 00:00 UTC to 2024-01-02 08:00 UTC"),
        ((0, 16), "from 2024-01-02 00:00 UTC to 2024-01-02 16:00 UTC"),
        ((0, 8), "from 2024-01-02 08:00 UTC to 2024-01-03 00:00 UTC"),
    ],
)
def test_a_held_day_without_all_its_payments_is_refused(hours: tuple[int, ...], match: str) -> None:
    lacking = [*(payment(TUESDAY, hour, "0.0001") for hour in hours), *PAYMENTS[3:]]
    terms = replace(TERMS, costs=replace(FREE, funding=funding(lacking)))
    with pytest.raises(FundingMissing, match=match):
        settle(HELD, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms)
    # Nothing is asked for where nothing is held.
    settle(replace(HELD, positions={}), [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms)


@pytest.mark.parametrize("every", [timedelta(hours=1), timedelta(hours=4)])
def test_symbols_that_pay_more_often_pay_each_time(every: timedelta) -> None:
    midnight = payment(TUESDAY, 0, "0.0001").at
    rates = [FundingRate(at=midnight + every * row, rate=D("0.0001")) for row in range(timedelta(days=1) // every)]
    terms = replace(TERMS, costs=replace(FREE, funding=funding(rates)))
    (entry,) = settle(HELD, [], {"BTCUSDT": OPENS[TUESDAY]}, TUESDAY, terms).entries
    assert entry.cash == -30 * D("0.0001") * (100 + 101 * (len(rates) - 1))


def test_perpetuals_run_the_exact_account_and_gross_accounts_pay_funding() -> None:
    assert not Costs().compiled([SWAP])
    assert Costs().compiled([COIN])
    stated = InstrumentTable(classes={SymbolClass.CRYPTO: InstrumentTerms(perpetual=True)})
    assert not Costs(instruments=stated).compiled([COIN])
    assert without_costs(FREE).funding == FREE.funding


def test_what_is_stated_makes_a_perpetual_and_what_its_source_says_stands_otherwise() -> None:
    stated = InstrumentTable(
        symbols={"ETHUSDT": InstrumentTerms(perpetual=True), "BTCUSDT": InstrumentTerms(perpetual=False)}
    )
    assert stated.applied(COIN).perpetual
    assert not stated.applied(SWAP).perpetual
    assert InstrumentTable(symbols={"BTCUSDT": InstrumentTerms(lot=D(1))}).applied(SWAP).perpetual
