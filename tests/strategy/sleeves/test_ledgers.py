"""Virtual ledgers add up to the account, to the last digit, whatever the account books."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateSeries
from strategy.account.orders import Fill, Order, OrderState, Side
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Calendar, Instrument
from strategy.sleeves.ledgers import _STEPS, BookedDay, OrderWish, SleeveLedgers, booked, opened

D = Decimal
DAY, NEXT = date(2020, 1, 6), date(2020, 1, 7)
SERIES = RateSeries(name="made", dates=(date(2019, 1, 1),), rates=(D("0.03"),), unending=True)
TERMS = TradingTerms(
    account="test",
    instruments={symbol: Instrument(symbol=symbol, calendar=Calendar.ALWAYS) for symbol in ("A", "B")},
    costs=Costs(financing=FinancingTerms(rates=SERIES, risk_free=SERIES)),
)
HALVES = (D("0.5"), D("0.5"))


def fill(quantity: str, price: str, symbol: str = "A", fee: str = "0", order_id: str = "o1") -> Fill:
    size = D(quantity)
    return Fill(
        order_id=order_id,
        trade_id="1",
        symbol=symbol,
        as_of=NEXT,
        side=Side.BUY if size > 0 else Side.SELL,
        quantity=abs(size),
        price=D(price),
        fee=D(fee),
    )


def wish(quantity: str, *wanted: str, held: tuple[str, ...] | None = None) -> OrderWish:
    """What sleeves that hold nothing, or `held`, want to hold at a mark of 1."""
    return OrderWish(
        quantity=D(quantity),
        worth=tuple(map(D, wanted)),
        held=tuple(map(D, held or ("0",) * len(wanted))),
        mark=D(1),
        whole=True,
    )


def after(
    before: SleeveLedgers, cash: str, held: str, mark: str, *fills: Fill, wishes: dict[str, OrderWish]
) -> SleeveLedgers:
    positions = {"A": Position(quantity=D(held), mark=D(mark))} if D(held) else {}
    account = Account(as_of=NEXT, cash=D(cash), positions=positions)
    return booked(before, BookedDay(account=account, fills=fills, entries=(), wishes=wishes), HALVES)


NEW = opened(Account(as_of=DAY, cash=D(1000)), HALVES)


def test_opposite_wishes_cross_inside_at_the_price_of_the_fill_and_pay_the_fee_by_size() -> None:
    # The first wants 30, the second −10: the account buys 20 at 2 and pays 4, then it closes at 3.
    told = after(NEW, "956", "20", "3", fill("20", "2", fee="4"), wishes={"o1": wish("20", "30", "-10")})
    assert [ledger.quantities for ledger in told.ledgers] == [{"A": D(30)}, {"A": D(-10)}]
    assert [ledger.cash for ledger in told.ledgers] == [D(-63), D(19)]
    assert [ledger.fees for ledger in told.ledgers] == [D(3), D(1)]
    assert told.profits == (D(27), D(-11))
    assert sum(told.profits) == told.account.equity - 1000


def test_where_the_account_ends_flat_every_sleeve_does() -> None:
    first = after(NEW, "956", "20", "3", fill("20", "2", fee="4"), wishes={"o1": wish("20", "30", "-10")})
    sold = replace(fill("-20", "4"), order_id="o2")
    wishes = {"o2": wish("-20", "10", "-10", held=("30", "-10"))}
    told = after(first, "1036", "0", "1", sold, wishes=wishes)
    assert [dict(ledger.quantities) for ledger in told.ledgers] == [{}, {}]
    assert told.profits == (D(57), D(-21))


def test_a_fill_without_a_wish_is_shared_by_what_is_held() -> None:
    first = after(NEW, "940", "30", "2", fill("30", "2"), wishes={"o1": wish("30", "20", "10")})
    told = after(first, "970", "15", "2", replace(fill("-15", "2"), order_id="delisted"), wishes={})
    assert [ledger.quantities["A"] for ledger in told.ledgers] == [D(10), D(5)]


def test_what_was_held_before_there_were_sleeves_is_shared_by_weight_and_not_earned() -> None:
    held = {"A": Position(quantity=D(9), mark=D(10))}
    begun = opened(Account(as_of=DAY, cash=D(10), positions=held), (D("0.25"), D("0.5")))
    assert [ledger.quantities["A"] for ledger in begun.ledgers] == [D(3), D(6)]
    assert begun.profits == (D(0), D(0))
    assert begun.unallocated == D(100)


@pytest.mark.parametrize(
    ("entry", "profits"),
    [
        # Long 30 and short 10 at the last marks of 3: financing by 90 and 30.
        (Entry(as_of=NEXT, kind=EntryKind.FINANCING, symbol="", cash=D(-4), quantity=D(0)), (D(-3), D(-1))),
        (Entry(as_of=NEXT, kind=EntryKind.SHORT_FEE, symbol="", cash=D(-4), quantity=D(0)), (D(0), D(-4))),
        (Entry(as_of=NEXT, kind=EntryKind.INTEREST, symbol="", cash=D(4), quantity=D(0)), (D(2), D(2))),
        # What is long pays, what is short receives.
        (Entry(as_of=NEXT, kind=EntryKind.FUNDING, symbol="A", cash=D(-2), quantity=D(0)), (D(-3), D(1))),
        # A dividend of 1 in 20, reinvested at the mark of 3.
        (Entry(as_of=NEXT, kind=EntryKind.FACTOR, symbol="A", cash=D(0), quantity=D(1)), (D("4.5"), D("-1.5"))),
        # Paid in and out is not earned.
        (Entry(as_of=NEXT, kind=EntryKind.DEPOSIT, symbol="", cash=D(500), quantity=D(0)), (D(0), D(0))),
        (Entry(as_of=NEXT, kind=EntryKind.TRANSFER, symbol="A", cash=D(0), quantity=D(8)), (D(0), D(0))),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Entry) else "",
)
def test_entries_are_shared_by_what_causes_them(entry: Entry, profits: tuple[Decimal, ...]) -> None:
    first = after(NEW, "956", "20", "3", fill("20", "2", fee="4"), wishes={"o1": wish("20", "30", "-10")})
    position = Position(quantity=D(20) + entry.quantity, mark=D(3))
    account = Account(as_of=NEXT, cash=first.account.cash + entry.cash, positions={"A": position})
    told = booked(first, BookedDay(account=account, fills=(), entries=(entry,), wishes={}), HALVES)
    assert tuple(now - before for now, before in zip(told.profits, first.profits, strict=True)) == profits


def test_funding_is_shared_by_what_is_held_when_it_is_due() -> None:
    # The first holds 10 all day; the second sells 9 at the open, so that the account is left with 1.
    first = after(NEW, "990", "10", "1", fill("10", "1"), wishes={"o1": wish("10", "10", "0")})
    sold = replace(fill("-9", "1"), order_id="o2")
    paid = Entry(as_of=NEXT, kind=EntryKind.FUNDING, symbol="A", cash=D("-0.12"), quantity=D(0), before_fills=D("-0.1"))
    account = Account(as_of=NEXT, cash=D("998.88"), positions={"A": Position(quantity=D(1), mark=D(1))})
    wishes = {"o2": wish("-9", "10", "-9", held=("10", "0"))}
    told = booked(first, BookedDay(account=account, fills=[sold], entries=[paid], wishes=wishes), HALVES)
    assert told.profits == (D("-0.3"), D("0.18"))


def test_every_kind_of_entry_has_its_step() -> None:
    assert _STEPS.keys() == set(EntryKind)


PRICES = st.decimals(min_value="0.01", max_value=10_000, places=6)
CHANGES = st.decimals(min_value=-50, max_value=50, places=6)
A_DAY = st.tuples(
    st.fixed_dictionaries({"A": st.tuples(PRICES, PRICES), "B": st.tuples(PRICES, PRICES)}),
    st.fixed_dictionaries({"A": st.tuples(CHANGES, CHANGES, CHANGES), "B": st.tuples(CHANGES, CHANGES, CHANGES)}),
    st.sampled_from(["1", "2", "0.333333333333"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(A_DAY, min_size=1, max_size=6))
def test_sleeves_hold_what_the_account_holds_and_earn_what_it_earns(days: list[object]) -> None:
    account = Account(as_of=DAY, cash=D(1_000_000))
    weights = (D("0.2"), D("0.3"), D("0.4"))
    told, capital = opened(account, weights), account.equity
    pending: list[Order] = []
    wishes: dict[str, OrderWish] = {}
    for number, (prices, wanted, factor) in enumerate(days, start=1):  # type: ignore[misc]
        as_of = DAY + timedelta(days=number)
        quotes = {
            symbol: Quote(open=opened_at, close=closed_at, factor_change=D(factor))
            for symbol, (opened_at, closed_at) in prices.items()
        }
        settled = settle(account, pending, quotes, as_of, TERMS)
        account = settled.account
        day = BookedDay(account=account, fills=settled.fills, entries=settled.entries, wishes=wishes)
        told = booked(told, day, weights)
        assert sum(told.profits, D(0)) == account.equity - capital
        assert sum((ledger.fees for ledger in told.ledgers), D(0)) >= 0
        for symbol in ("A", "B"):
            assert sum(told.held(symbol), D(0)) == account.quantity(symbol)
        pending, wishes = [], {}
        for symbol, changes in wanted.items():
            total = sum(changes, D(0)).quantize(D("0.01"))
            if total:
                order = Order(
                    order_id=f"{symbol}{number}",
                    symbol=symbol,
                    as_of=as_of,
                    side=Side.BUY if total > 0 else Side.SELL,
                    quantity=abs(total),
                )
                pending.append(order)
                mark = quotes[symbol].close
                held = told.held(symbol)
                wishes[order.order_id] = OrderWish(
                    quantity=order.signed_quantity,
                    worth=tuple((own + change) * mark for own, change in zip(held, changes, strict=True)),
                    held=held,
                    mark=mark,
                    whole=True,
                )
    assert all(order.state is OrderState.INTENDED for order in pending)
