from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from strategy.account.orders import Order, Side
from strategy.account.quotes import Quote
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.backtest.day_loop import AccountState, Day, opening
from strategy.broker.daily_booking import booked_day, realised, remarked, traded, with_fee_payers
from strategy.broker.fills import BrokerFill, FundingPayment, as_fill, charge_entries, fee_entries

D = Decimal
SUNDAY, MONDAY, TUESDAY = date(2020, 1, 5), date(2020, 1, 6), date(2020, 1, 7)


def an_execution(quantity: str, price: str, side: Side = Side.BUY, fee: str = "0", asset: str = "USDT") -> BrokerFill:
    return BrokerFill(
        order_id="o1",
        trade_id=f"{quantity}@{price}",
        symbol="BTCUSDT",
        executed_at=datetime(2020, 1, 7, 0, 5, tzinfo=UTC),
        side=side,
        quantity=D(quantity),
        price=D(price),
        fee=D(fee),
        fee_asset=asset,
    )


def booked(
    standing: AccountState,
    *executions: BrokerFill,
    entries: tuple[Entry, ...] = (),
    close: str | None = "110",
    on: date = TUESDAY,
) -> Day:
    told = Day(
        state=AccountState(account=Account(as_of=on, cash=D(0)), open_orders=(), unit_values=(D(0),)),
        fills=tuple(as_fill(execution, on) for execution in executions),
        entries=(*fee_entries(executions, on), *entries),
        settled=(),
    )
    quotes = {"BTCUSDT": Quote(open=D(1), close=D(close))} if close else {}
    return booked_day(standing, told, quotes, 20)


def test_cash_moves_by_what_the_broker_booked() -> None:
    bought = replace(an_execution("0.0123", "0.051237"), amount=D("0.00063021"))
    sold = replace(an_execution("0.0123", "0.051237", Side.SELL), amount=D("0.00063022"))
    day = booked(opening(MONDAY, D(1)), bought, bought, sold)
    assert day.state.account.cash == D(1) - D("0.00063020")
    assert traded([bought, bought, sold]).cash == -D("0.00063020")


def test_a_late_bar_marks_the_position_and_moves_nothing_else() -> None:
    account = booked(opening(MONDAY, D(10_000)), an_execution("2", "100"), close=None).state.account
    marked = remarked(account, {"BTCUSDT": Quote(open=D(1), close=D(120)), "OTHER": Quote(open=D(1), close=D(1))})
    assert marked.positions == {"BTCUSDT": Position(quantity=D(2), mark=D(120), marked_on=TUESDAY)}
    assert (marked.cash, marked.as_of, marked.equity) == (account.cash, TUESDAY, D(10_040))


def test_a_fee_in_units_leaves_fewer_units_and_all_the_cash() -> None:
    day = booked(opening(MONDAY, D(10_000)), an_execution("2", "100", fee="0.002", asset="BTC"))
    account = day.state.account
    assert (account.cash, account.quantity("BTCUSDT")) == (D(9_800), D("1.998"))
    assert account.equity == D(9_800) + D("1.998") * 110


def test_units_that_an_entry_brings_without_a_quote_are_marked_at_its_price() -> None:
    brought = Entry(as_of=TUESDAY, kind=EntryKind.REBASE, symbol="NEWUSDT", cash=D(-300), quantity=D(2))
    account = booked(opening(MONDAY, D(1_000)), entries=(brought,)).state.account
    assert dict(account.positions) == {"NEWUSDT": Position(quantity=D(2), mark=D(150), marked_on=TUESDAY)}
    assert (account.cash, account.equity) == (D(700), D(1_000))


def test_a_fee_in_cash_is_paid_in_cash() -> None:
    account = booked(opening(MONDAY, D(10_000)), an_execution("2", "100", fee="0.2")).state.account
    assert (account.cash, account.quantity("BTCUSDT")) == (D("9799.8"), D(2))


def test_a_fee_in_a_third_asset_touches_nothing_of_the_account() -> None:
    account = booked(opening(MONDAY, D(10_000)), an_execution("2", "100", fee="0.3", asset="BNB")).state.account
    assert (account.cash, account.quantity("BTCUSDT")) == (D(9_800), D(2))


COIN = {"BNBUSDT": "BNB", "BTCUSDT": "BTC"}


def in_coin(fee: str, symbol: str = "BTCUSDT", side: Side = Side.BUY, quantity: str = "1") -> BrokerFill:
    """A spot trade whose fee was paid in BNB."""
    base = COIN[symbol]
    return replace(an_execution(quantity, "100", side, fee, "BNB"), symbol=symbol, base=base, quote="USDT")


@pytest.mark.parametrize(
    ("owned", "fees", "payers"),
    [
        ("0.3", ("0.1", "0.2", "0.1"), ("BNBUSDT", "BNBUSDT", "")),
        # What is too much for the position is not taken from it in part, and the next fee may be small enough.
        ("0.15", ("0.2", "0.15"), ("", "BNBUSDT")),
        ("0", ("0.1",), ("",)),
    ],
)
def test_a_position_pays_fees_trade_by_trade_while_it_covers_the_whole_fee(
    owned: str, fees: tuple[str, ...], payers: tuple[str, ...]
) -> None:
    told = with_fee_payers([in_coin(fee) for fee in fees], {"BNBUSDT": D(owned)}, COIN)
    assert tuple(execution.fee_symbol for execution in told) == payers
    paid = sum((D(fee) for fee, payer in zip(fees, payers, strict=True) if payer), D(0))
    assert (traded(told).cash, traded(told).positions.get("BNBUSDT", D(0))) == (D(-100) * len(fees), -paid)


def test_a_sale_pays_in_what_it_sold_only_where_enough_of_it_is_left() -> None:
    owned = {"BNBUSDT": D("1.1")}
    kept, out = in_coin("0.1", "BNBUSDT", Side.SELL), in_coin("0.1", "BNBUSDT", Side.SELL, "1.1")
    assert [execution.fee_symbol for execution in with_fee_payers([kept], owned, COIN)] == ["BNBUSDT"]
    assert [execution.fee_symbol for execution in with_fee_payers([out], owned, COIN)] == [""]
    bought = in_coin("0.1", "BNBUSDT")
    # What was bought pays for itself, and then for what follows.
    told = with_fee_payers([bought, in_coin("0.9")], {}, COIN)
    assert [execution.fee_symbol for execution in told] == ["", "BNBUSDT"]
    assert traded(told).positions == {"BTCUSDT": D(1)}


def test_no_position_pays_a_fee_in_cash_on_margin_or_in_an_asset_that_no_symbol_names() -> None:
    owned = {"BNBUSDT": D(9)}
    fees = [replace(in_coin("0.1"), fee_asset="USDT"), replace(in_coin("0.1"), realised=D(0)), in_coin("0")]
    assert [execution.fee_symbol for execution in with_fee_payers(fees, owned, COIN)] == ["", "", ""]
    assert [execution.fee_symbol for execution in with_fee_payers([in_coin("0.1")], owned, {"BTCUSDT": "BTC"})] == [""]


def test_partial_fills_add_up_to_the_last_digit() -> None:
    parts = [an_execution("0.00001", "100.01"), an_execution("1.99999", "100.02")]
    account = booked(opening(MONDAY, D(10_000)), *parts).state.account
    assert account.cash == 10_000 - D("0.00001") * D("100.01") - D("1.99999") * D("100.02")


def test_funding_moves_the_cash_alone() -> None:
    charge = FundingPayment(
        charge_id="1", charged_at=datetime(2020, 1, 7, 8, tzinfo=UTC), symbol="BTCUSDT", cash=D("-1.5")
    )
    account = booked(opening(MONDAY, D(10_000)), entries=charge_entries([charge], TUESDAY)).state.account
    assert (account.cash, dict(account.positions)) == (D("9998.5"), {})


def test_a_trade_adds_to_what_is_held_of_its_symbol() -> None:
    day = booked(
        booked(opening(SUNDAY, D(10_000)), an_execution("2", "100"), on=MONDAY).state, an_execution("1", "110")
    )
    account = day.state.account
    assert (account.cash, account.quantity("BTCUSDT")) == (D(9_690), D(3))


def test_a_symbol_without_a_quote_is_marked_at_its_fill_and_keeps_that_mark() -> None:
    monday = booked(opening(SUNDAY, D(10_000)), an_execution("2", "100"), on=MONDAY, close=None).state
    tuesday = booked(monday, an_execution("1", "120"), close=None).state
    for standing, quantity in ((monday, D(2)), (tuesday, D(3))):
        expected = Position(quantity=quantity, mark=D(100), marked_on=MONDAY)
        assert dict(standing.account.positions) == {"BTCUSDT": expected}


def test_a_quote_marks_what_is_held_at_its_close() -> None:
    account = booked(opening(MONDAY, D(10_000)), an_execution("2", "100"), close="110").state.account
    assert account.positions["BTCUSDT"] == Position(quantity=D(2), mark=D(110), marked_on=TUESDAY)


def test_units_that_a_broker_gives_back_are_held_and_marked() -> None:
    entry = Entry(as_of=TUESDAY, kind=EntryKind.REBASE, symbol="BTCUSDT", cash=D(-200), quantity=D(2))
    account = booked(opening(MONDAY, D(10_000)), entries=(entry,)).state.account
    assert (account.cash, account.quantity("BTCUSDT"), account.equity) == (D(9_800), D(2), D(10_020))


def test_a_booked_day_keeps_its_open_orders_and_the_equities_of_the_look_back() -> None:
    waiting = Order(order_id="o2", symbol="BTCUSDT", as_of=TUESDAY, side=Side.BUY, quantity=D(1))
    before = replace(opening(MONDAY, D(10_000)), unit_values=(D(1), D(2), D(3)))
    account = Account(as_of=TUESDAY, cash=D(0))
    told = Day(
        state=AccountState(account=account, open_orders=(waiting,), unit_values=(D(0),)),
        fills=(),
        entries=(),
        settled=(),
    )
    after = booked_day(before, told, {}, 3).state
    assert (after.open_orders, after.unit_values) == ((waiting,), (D(2), D(3), D(10_000)))


def test_what_was_traded_is_what_the_balances_moved_by() -> None:
    both = [an_execution("2", "100", fee="0.002", asset="BTC"), an_execution("1.5", "110", Side.SELL, fee="0.165")]
    moved = traded(both)
    assert moved.cash == D("-200") + D(165) - D("0.165")
    assert moved.positions == {"BTCUSDT": D("0.498")}


def test_a_margin_wallet_moves_by_what_was_realised_less_fees() -> None:
    sold = [
        an_execution("2", "100", fee="0.08"),
        BrokerFill(
            order_id="o2",
            trade_id="2",
            symbol="BTCUSDT",
            executed_at=datetime(2020, 1, 8, tzinfo=UTC),
            side=Side.SELL,
            quantity=D(2),
            price=D(110),
            fee=D("0.088"),
            fee_asset="USDT",
            realised=D(20),
        ),
    ]
    moved = realised(sold)
    assert (moved.cash, dict(moved.positions)) == (D(20) - D("0.168"), {})


def test_a_day_is_booked_once() -> None:
    day = booked(opening(MONDAY, D(10_000)))
    with pytest.raises(ValueError, match="2020-01-07 cannot be booked: the account is already at 2020-01-07"):
        booked(day.state)
