import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from strategy.account.orders import Fill, Side
from strategy.account.state import Entry, EntryKind
from strategy.broker.fills import (
    BrokerFill,
    FundingPayment,
    PaidIn,
    as_fill,
    booking_day,
    charge_entries,
    fee_entries,
    fees_elsewhere,
)

D = Decimal
DAY = date(2020, 1, 7)


def an_execution(fee: str, asset: str, symbol: str = "BTCUSDT") -> BrokerFill:
    return BrokerFill(
        order_id="o1",
        trade_id="7",
        symbol=symbol,
        executed_at=datetime(2020, 1, 7, 0, 5, tzinfo=UTC),
        side=Side.SELL,
        quantity=D(2),
        price=D(100),
        fee=D(fee),
        fee_asset=asset,
    )


def a_charge(number: int, symbol: str, cash: str) -> FundingPayment:
    at = datetime(2020, 1, 7, 8, tzinfo=UTC)
    return FundingPayment(charge_id=str(number), charged_at=at, symbol=symbol, cash=D(cash))


@pytest.mark.parametrize(
    ("fee", "asset", "paid_in"),
    [
        ("0.2", "USDT", PaidIn.CASH),
        ("0.002", "BTC", PaidIn.UNITS),
        ("0.1", "BNB", PaidIn.ELSEWHERE),
        ("0", "BNB", PaidIn.CASH),
    ],
)
def test_a_fee_was_paid_in_what_its_asset_is_to_the_symbol(fee: str, asset: str, paid_in: PaidIn) -> None:
    assert an_execution(fee, asset).paid_in is paid_in


@pytest.mark.parametrize(
    ("symbol", "assets", "side", "paid_in"),
    [
        ("BNBXUSDT", ("BNBX", "USDT"), Side.BUY, PaidIn.ELSEWHERE),
        ("ETHXBNB", ("ETH", "XBNB"), Side.SELL, PaidIn.ELSEWHERE),
        ("BNBUSDT", ("BNB", "USDT"), Side.BUY, PaidIn.UNITS),
        ("BNBUSDT", ("BNB", "USDT"), Side.SELL, PaidIn.ELSEWHERE),
        ("ETHBNB", ("ETH", "BNB"), Side.SELL, PaidIn.CASH),
    ],
)
def test_assets_are_told_apart_by_the_brokers_fields(
    symbol: str, assets: tuple[str, str], side: Side, paid_in: PaidIn
) -> None:
    """A sale never pays in units of its own: whoever has sold out would be left with less than nothing."""
    base, quote = assets
    assert replace(an_execution("0.1", "BNB", symbol), side=side, base=base, quote=quote).paid_in is paid_in


def test_fees_in_the_asset_of_another_symbol_shrink_that_ones_balance() -> None:
    bases = {"BNBUSDT": "BNB", "BTCUSDT": "BTC"}
    bought = replace(an_execution("0.1", "BNB"), base="BTC", quote="USDT")
    sold_out = replace(an_execution("0.02", "BNB", "BNBUSDT"), base="BNB", quote="USDT")
    assert fees_elsewhere([bought, sold_out], bases) == {"BNBUSDT": D("0.12")}
    assert fees_elsewhere([replace(bought, fee_asset="USDT"), replace(bought, realised=D(0))], bases) == {}


def test_a_fee_that_a_position_of_the_account_paid_is_paid_in_units_of_that_position() -> None:
    bases = {"BNBUSDT": "BNB", "BTCUSDT": "BTC"}
    paid = replace(an_execution("0.1", "BNB"), base="BTC", quote="USDT", fee_symbol="BNBUSDT")
    assert paid.paid_in is PaidIn.UNITS
    assert as_fill(paid, DAY).fee == D(0)
    assert fee_entries([paid], DAY) == (
        Entry(as_of=DAY, kind=EntryKind.FEE, symbol="BNBUSDT", cash=D(0), quantity=D("-0.1")),
    )
    assert fees_elsewhere([paid], bases) == {}
    assert replace(paid, fee_asset="USDT").paid_in is PaidIn.CASH


def test_what_was_paid_is_what_the_broker_booked() -> None:
    told = replace(
        an_execution("0", "BTC", "ETHBTC"), quantity=D("0.0123"), price=D("0.051237"), amount=D("0.00063021")
    )
    assert (told.paid, replace(told, side=Side.BUY).paid) == (D("-0.00063021"), D("0.00063021"))
    assert replace(told, amount=None).paid == D("-0.0006302151")
    assert as_fill(told, DAY).paid == D("-0.00063021")


def test_a_position_on_margin_is_not_made_smaller_by_a_fee_in_its_own_coin() -> None:
    assert replace(an_execution("0.002", "BTC"), realised=D(0)).paid_in is PaidIn.ELSEWHERE


@pytest.mark.parametrize(("asset", "fee"), [("USDT", "0.2"), ("BTC", "0"), ("BNB", "0")])
def test_a_fill_is_the_trade_on_its_day_with_the_fee_that_was_paid_in_cash(asset: str, fee: str) -> None:
    assert as_fill(an_execution("0.2", asset), DAY) == Fill(
        order_id="o1",
        trade_id="7",
        symbol="BTCUSDT",
        as_of=DAY,
        side=Side.SELL,
        quantity=D(2),
        price=D(100),
        fee=D(fee),
    )


@pytest.mark.parametrize(
    ("settled", "day"),
    [
        (date(2020, 1, 1), date(2020, 1, 2)),
        (date(2019, 12, 1), date(2020, 1, 2)),
        (date(2020, 1, 2), date(2020, 1, 3)),
        (date(2020, 1, 4), date(2020, 1, 5)),
    ],
)
def test_an_event_belongs_to_its_own_date_or_to_the_first_day_that_is_open(settled: date, day: date) -> None:
    east = datetime(2020, 1, 3, 1, tzinfo=timezone(timedelta(hours=2)))
    for at in (datetime(2020, 1, 2, 23, tzinfo=UTC), east):
        assert booking_day(at, settled) == day


@pytest.fixture
def _far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing; the machine stands where it is nine hours later until the test ends."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_far_east")
def test_the_day_of_an_event_is_the_same_wherever_the_machine_stands() -> None:
    assert booking_day(datetime(2020, 1, 2, 23, tzinfo=UTC), date(2020, 1, 1)) == date(2020, 1, 2)


def test_fees_kept_in_units_are_one_entry_a_symbol() -> None:
    kept = [an_execution("0.3", "ETH", "ETHUSDT"), *(an_execution(fee, "BTC") for fee in ("0.1", "0.2"))]
    paid = [an_execution("5", "USDT"), an_execution("5", "BNB")]
    assert fee_entries([*kept, *paid], DAY) == tuple(
        Entry(as_of=DAY, kind=EntryKind.FEE, symbol=symbol, cash=D(0), quantity=D("-0.3"))
        for symbol in ("BTCUSDT", "ETHUSDT")
    )


def test_charges_are_one_entry_a_symbol_and_none_where_they_cancel_out() -> None:
    charges = [
        a_charge(1, "ETHUSDT", "0.5"),
        a_charge(2, "BTCUSDT", "-1"),
        a_charge(3, "BTCUSDT", "-0.5"),
        a_charge(4, "ADAUSDT", "2"),
        a_charge(5, "ADAUSDT", "-2"),
    ]
    assert charge_entries(charges, DAY) == (
        Entry(as_of=DAY, kind=EntryKind.FUNDING, symbol="BTCUSDT", cash=D("-1.5"), quantity=D(0)),
        Entry(as_of=DAY, kind=EntryKind.FUNDING, symbol="ETHUSDT", cash=D("0.5"), quantity=D(0)),
    )
