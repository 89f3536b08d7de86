from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from flows.cli.trade.delist import price_of, shown_delisting
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.state import EntryKind
from strategy.builtin.registry import VOL_TARGET
from strategy.exit_codes import UsageError
from strategy.portfolio.decision import Status
from tasks.operations.delist import DelistAnswer, DelistRequest, delist
from tasks.run.job import Job
from testing.markets.bars import PAIR, TOKEN, FakeBars
from testing.runs.jobs import a_job, on, run_day

FIRST = date(2020, 6, 8)
DAY = timedelta(days=1)
LAST = FIRST + 3 * DAY
PRICE = Decimal("95.25")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """The day on which SHARE is paid out, of an account that holds it and has an order in it."""
    job = a_job(tmp_path / "home", PAIR.symbols(), FIRST, VOL_TARGET)
    for offset in range(3):
        run_day(on(job, FIRST + offset * DAY), lambda: PAIR)
    return on(job, LAST)


def request(symbol: str = "SHARE", day: date = LAST, price: Decimal = PRICE, account: str = "daily") -> DelistRequest:
    at = datetime(2020, 6, 20, tzinfo=UTC)
    return DelistRequest(account=account, symbol=symbol, day=day, price=price, reason="bought", at=at)


def held(job: Job) -> dict[str, Decimal]:
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    assert snapshot is not None
    return {symbol: position.quantity for symbol, position in snapshot.account.positions.items()}


def test_a_position_is_paid_out_on_the_day_and_the_symbol_is_ordered_no_more(job: Job) -> None:
    before = held(job)["SHARE"]
    answer = delist(job.home, request())
    assert (answer.recorded, answer.held, answer.paid_out, answer.warnings) == (True, before, before * PRICE, ())
    # Its source serves it no longer, and is not asked.
    alone = FakeBars(listings=(TOKEN,))
    for offset in range(3):
        today = on(job, LAST + offset * DAY)
        run_day(today, lambda: alone)
        assert "SHARE" not in held(job)
        with connect(job.home) as store:
            decisions = {each.symbol: each for each in ledger.decisions_on(store, "daily", today.as_of)}
            assert {order.symbol for order in order_store.orders_on(store, "daily", today.as_of)} <= {"TOKEN"}
        assert (decisions["SHARE"].status, decisions["SHARE"].exposure) == (Status.DELISTED, None)
    with connect(job.home) as store:
        paid = [each for each in ledger.entries_on(store, "daily", LAST) if each.kind is EntryKind.DELISTING]
        assert all(order.symbol == "TOKEN" for order in order_store.open_orders(store, "daily"))
    assert [(each.symbol, each.cash, each.quantity) for each in paid] == [("SHARE", before * PRICE, -before)]


def test_what_is_said_late_is_paid_out_with_the_next_day(job: Job) -> None:
    run_day(job, lambda: PAIR)
    before = held(job)["SHARE"]
    answer = delist(job.home, request(day=FIRST))
    assert answer.warnings[0].startswith(f"account daily stands at {LAST}, and its past stays")
    after = on(job, LAST + DAY)
    run_day(after, lambda: PAIR)
    assert "SHARE" not in held(job)
    with connect(job.home) as store:
        (paid,) = (each for each in ledger.entries_on(store, "daily", after.as_of) if each.cash > 1_000)
    assert (paid.kind, paid.cash) == (EntryKind.DELISTING, before * PRICE), (
        "bars of later days, and their split, are ignored"
    )


def test_the_same_again_changes_nothing_and_another_price_is_refused(job: Job) -> None:
    delist(job.home, request())
    assert not delist(job.home, request()).recorded
    with pytest.raises(UsageError, match=r"'SHARE', whose delisting on 2020-06-11 at 95\.25 is recorded already"):
        delist(job.home, request(price=Decimal(1)))


def test_what_nobody_knows_and_what_is_to_come_are_refused(job: Job) -> None:
    with pytest.raises(UsageError, match="SYMBOL is 'SHARES', which no run has taken from fake"):
        delist(job.home, request(symbol="SHARES"))
    with pytest.raises(UsageError, match="--account is 'desk', which has decided no day"):
        delist(job.home, request(account="desk"))
    with pytest.raises(
        UsageError, match="--on is 2020-07-01, after today; record the delisting on its day, 2020-06-20"
    ):
        delist(job.home, request(day=date(2020, 7, 1)))


def test_a_symbol_that_is_not_held_is_delisted_all_the_same(tmp_path: Path) -> None:
    job = a_job(tmp_path / "home", PAIR.symbols(), FIRST, VOL_TARGET)
    run_day(job, lambda: PAIR)
    answer = delist(job.home, request(day=FIRST + DAY))
    assert answer.warnings == ("account daily holds no SHARE: nothing is paid out",)


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1e20", "0.0000000000001"])
def test_a_price_of_the_wrong_kind_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"--price is .*; it must be a number of at least 0, at most 1,000,000,000,000"
    ):
        price_of(text)


@pytest.mark.parametrize(
    ("held", "words"),
    [("2", "Account desk gets 190.00 for its 2."), ("-2", "Account desk is short and pays 190.00 for its 2.")],
)
def test_a_delisting_in_words(held: str, words: str) -> None:
    answer = DelistAnswer(
        account="desk",
        source="yahoo",
        symbol="ATVI",
        day=date(2023, 10, 13),
        price=Decimal(95),
        reason="bought",
        recorded=True,
        held=Decimal(held),
        paid_out=95 * Decimal(held),
        warnings=(),
    )
    assert shown_delisting(answer).splitlines()[::2] == [
        "ATVI of yahoo is delisted on 2023-10-13 at 95.00; it is ordered no more.",
        words,
    ]
