"""Adopting keeps what ledger and venue agree on, books the rest as entries, and says so before it does."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, takeovers
from strategy.account.orders import OrderState
from strategy.account.state import EntryKind, Snapshot
from tasks.broker.balances import BrokerDisagrees
from tasks.daily.order import OrdersBlocked
from tasks.operations.adopt import adopt, foresee
from testing.simulation.calm_days import BTC, DAYS, ETH, Calm

D = Decimal
SPOT, FUTURES = "testnet-spot", "testnet-futures"


def rebate(year: Calm, amount: Decimal) -> None:
    """Pay the amount into the venue's cash, as nobody's order did."""
    if year.venue == SPOT:
        year.testnet.exchange.spot.account.free["USDT"] += amount
    else:
        year.testnet.exchange.futures.account.wallet += amount


def by_hand(year: Calm, side: str, symbol: str, quantity: Decimal) -> None:
    path = "/api/v3/order" if year.venue == SPOT else "/fapi/v1/order"
    year.testnet.exchange.call("POST", path, symbol=symbol, side=side, type="MARKET", quantity=quantity)


def taken_over(year: Calm) -> Any:
    """The answer of an adoption, which is what the dry run said before; a second one changes nothing."""
    before = year.checks.contents()
    foreseen = foresee(year.home, "daily", year._broker, year._now()).json_values()
    assert year.checks.contents() == before
    told = adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()
    assert foreseen | {"dry_run": False, "reason": "I looked"} == told
    after = year.checks.contents()
    again = adopt(year.home, "daily", "I looked", year._broker, year._now()).json_values()
    assert (again["changed"], again["entries"], again["number"]) == (False, [], told["number"])
    assert year.checks.contents() == after
    return told


def snapshot(year: Calm) -> Snapshot:
    with connect(year.home) as store:
        found = position_store.latest_snapshot(store, "daily")
    assert found is not None
    return found


def refused(year: Calm, number: int) -> None:
    """Run the day, which ends with exit code 7; the books at the venue are not drawn for it."""
    year.testnet.move_to(year._instant(DAYS[number]))
    with pytest.raises(BrokerDisagrees, match="turbodmt adopt"):
        year._run(DAYS[number])


@pytest.mark.parametrize("venue", [SPOT, FUTURES])
def test_a_rebate_is_booked_as_cash_and_the_positions_stay(tmp_path: Path, venue: str) -> None:
    with Calm(3, tmp_path / "untouched", venue).open() as untouched:
        number = untouched.until_it_holds()
        untouched.on(number + 1)
        untouched.on(number + 2)
        due = snapshot(untouched)
    with Calm(3, tmp_path / "home", venue).open() as year:
        assert year.until_it_holds() == number
        rebate(year, D("0.50"))
        refused(year, number + 1)
        told = taken_over(year)
        assert [(one["symbol"], one["cash"], one["quantity"], one["cause"]) for one in told["entries"]] == [
            ("", "0.5", "0", "cash")
        ]
        assert "0.5 to the account's cash" in told["entries"][0]["reason"]
        assert told["after"]["positions"] == told["before"]["positions"] != {}
        assert D(told["after"]["equity"]) - D(told["before"]["equity"]) == D("0.5")
        year.on(number + 1)
        year.on(number + 2)
        with connect(year.home) as store:
            (entry,) = [
                one for one in ledger.entries_on(store, "daily", DAYS[number + 1]) if one.kind is EntryKind.REBASE
            ]
        assert (entry.cash, entry.quantity) == (D("0.5"), D(0))
        year.checks._conserved(DAYS[number + 2])
        symbols = [order.symbol for order in untouched.testnet.exchange.accepted_orders]
        assert [order.symbol for order in year.testnet.exchange.accepted_orders] == symbols
        assert set(snapshot(year).account.positions) == set(due.account.positions)
        assert abs(snapshot(year).equity - due.equity - D("0.5")) < D("0.01")


def test_a_liquidation_is_booked_at_what_it_left_and_the_halt_sees_it(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number, venue = year.until_it_holds(), year.testnet.exchange.futures
        year.on(number + 1)
        position = venue.account.positions[BTC]
        assert position.amount > 0
        # The position is gone, and so is most of what it had cost.
        venue.account.wallet -= position.cost * D("0.6")
        position.amount = position.cost = D(0)
        refused(year, number + 2)
        told = taken_over(year)
        assert BTC not in told["after"]["positions"]
        assert {entry["cause"] for entry in told["entries"]} == {"position", "cash"}
        # On margin what is held was booked as paid, and is not: the wallet is what is really there.
        costs = sum(one.cost for one in venue.account.positions.values())
        assert D(told["after"]["cash"]) + costs == venue.account.wallet
        with connect(year.home) as store:
            peak = risk_state.load(store, "daily").peak_equity
        with pytest.raises(OrdersBlocked, match="below its peak of 10000"):
            year.on(number + 2)
        with connect(year.home) as store:
            risk = risk_state.load(store, "daily")
        assert (risk.halted, risk.peak_equity) == (True, peak)
        assert "below its peak" in risk.reason
        assert snapshot(year).account.quantity(BTC) == 0


@pytest.mark.parametrize("venue", [SPOT, FUTURES])
def test_what_was_sold_by_hand_is_gone_and_its_cash_is_there(tmp_path: Path, venue: str) -> None:
    with Calm(3, tmp_path / "home", venue).open() as year:
        number = year.until_it_holds()
        with connect(year.home) as store:
            later = ledger.fills_after(store, "daily", DAYS[number])
        held = sum((fill.signed_quantity for fill in later if fill.symbol == BTC), D(0))
        assert held > 0
        before = snapshot(year)
        sold = D(1) if venue == SPOT else held
        by_hand(year, "SELL", BTC, sold)
        refused(year, number + 1)
        told = taken_over(year)
        (gone,) = [entry for entry in told["entries"] if entry["symbol"] == BTC]
        assert D(gone["quantity"]) == -sold
        # It was sold for what it was bought for, less the fees.
        assert abs(D(told["after"]["equity"]) / before.equity - 1) < D("0.005")
        year.on(number + 1)
        year.checks._conserved(DAYS[number + 1])


def test_what_somebody_else_bought_is_not_ours_and_no_more_cash_than_there_is_either(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", SPOT).open() as year:
        number = year.until_it_holds()
        free = year.testnet.exchange.spot.account.free
        spent = round(free["USDT"] / 2 / year.testnet.exchange.spot.books[ETH].last, 2)
        by_hand(year, "BUY", ETH, spent)
        refused(year, number + 1)
        told = taken_over(year)
        assert [entry["cause"] for entry in told["entries"]] == ["limit"]
        assert "so that its orders can be paid" in told["entries"][0]["reason"]
        assert "is not the account's and stays as it is" in told["notes"][0]
        assert D(told["after"]["cash"]) == free["USDT"]
        for later in range(number + 1, number + 4):
            year.on(later)
            with connect(year.home) as store:
                orders = order_store.orders_on(store, "daily", DAYS[later])
            assert not [order for order in orders if order.state is OrderState.REJECTED]


def test_two_adoptions_before_one_day_are_both_booked(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number = year.until_it_holds()
        for amount in (D("0.50"), D("-2.25")):
            rebate(year, amount)
            taken_over(year)
        with connect(year.home) as store:
            waiting = takeovers.entries_after(store, "daily", DAYS[number])
        assert [(entry.symbol, entry.cash) for entry in waiting] == [("", D("-1.75"))]
        before = snapshot(year).account.cash
        year.on(number + 1)
        year.checks._conserved(DAYS[number + 1])
        assert before is not None
        with connect(year.home) as store:
            assert takeovers.entries_after(store, "daily", DAYS[number + 1]) == ()


def test_what_is_decided_on_books_that_have_changed_does_not_leave(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        number = year.until_it_holds()
        run: Callable[[], None] = lambda: year._run(DAYS[number])  # noqa: E731
        with connect(year.home) as store:
            store.execute("DELETE FROM orders WHERE as_of = ?", [DAYS[number]])
        rebate(year, D(-3))
        taken_over(year)
        sent = len(year.testnet.exchange.accepted_orders)
        run()
        assert len(year.testnet.exchange.accepted_orders) == sent
