import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from flows.cli.trade.delist import DelistOptions, price_of, run_delist, run_undo, shown_delisting
from storage.bars import instruments as instrument_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.state import EntryKind
from strategy.builtin.registry import VOL_TARGET
from strategy.exit_codes import UsageError
from strategy.portfolio.decision import Status
from tasks.operations.delist import DelistAnswer, DelistRequest, delist, undo
from tasks.run.job import Job
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, SHARE, TOKEN, FakeBars
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
    with pytest.raises(
        UsageError, match=r"'SHARE', whose delisting on 2020-06-11 at 95\.25 is recorded already; take it back"
    ):
        delist(job.home, request(price=Decimal(1)))


def test_what_no_day_has_settled_is_taken_back_and_the_symbol_trades_as_if_nothing_had_been_said(
    job: Job, tmp_path: Path
) -> None:
    shutil.copytree(job.home, tmp_path / "undisturbed")
    delist(job.home, request())
    told = undo(job.home, "daily", "SHARE")
    assert (told.undone, told.recorded, told.day, told.price, told.warnings) == (True, False, LAST, PRICE, ())
    undisturbed = replace(job, home=tmp_path / "undisturbed")
    for each in (job, undisturbed):
        run_day(each, lambda: PAIR)
    assert contents(job.home) == contents(undisturbed.home)
    assert held(job)["SHARE"]
    with pytest.raises(UsageError, match="'SHARE', of which no delisting is recorded for fake; recorded are: none"):
        undo(job.home, "daily", "SHARE")
    assert delist(job.home, request(price=Decimal(1))).recorded, "and it may be said anew"


def test_what_an_account_was_paid_cannot_be_taken_back(job: Job) -> None:
    paid = delist(job.home, request()).paid_out
    assert paid is not None
    run_day(job, lambda: PAIR)
    amount = f"{paid:,.4f}".rstrip("0")
    with pytest.raises(
        UsageError,
        match=rf"on 2020-06-11 has paid {amount}\d* into account daily on 2020-06-11, and a settled day never changes; "
        r"`turbodmt deposit` or `turbodmt withdraw` corrects what a wrong price has paid",
    ):
        undo(job.home, "daily", "SHARE")


def test_a_day_that_was_decided_by_it_keeps_it_whoever_asks(tmp_path: Path) -> None:
    job = a_job(tmp_path / "home", PAIR.symbols(), FIRST, VOL_TARGET)
    other = replace(job, account="other")
    for each in (job, other):
        run_day(each, lambda: PAIR)
    delist(job.home, request(day=FIRST + DAY))
    run_day(on(other, FIRST + DAY), lambda: PAIR)
    with pytest.raises(UsageError, match="on 2020-06-09 was settled by account other on 2020-06-09, and a settled day"):
        undo(job.home, "daily", "SHARE")


@pytest.mark.parametrize("stated_end", [None, date(2020, 9, 1)])
def test_the_end_that_the_source_states_outlives_what_a_person_said_and_took_back(
    tmp_path: Path, stated_end: date | None
) -> None:
    job = a_job(tmp_path / "home", PAIR.symbols(), FIRST, VOL_TARGET)
    run_day(job, lambda: PAIR)
    stated = replace(SHARE.instrument, listed_to=stated_end)
    with connect(job.home) as store:
        instrument_store.save(store, "fake", [stated])
    delist(job.home, request())
    with connect(job.home) as store:
        told = instrument_store.load(store, "fake", ["SHARE"])["SHARE"]
        instrument_store.save(store, "fake", [told])
    undo(job.home, "daily", "SHARE")
    with connect(job.home) as store:
        assert instrument_store.load(store, "fake", ["SHARE"])["SHARE"] == stated
    assert told.listed_to == LAST


def test_days_before_a_delisting_that_is_known_already_are_as_any_other(tmp_path: Path) -> None:
    job = a_job(tmp_path / "home", PAIR.symbols(), FIRST, VOL_TARGET)
    run_day(job, lambda: PAIR)
    delist(job.home, request())
    for source in (PAIR, replace(PAIR, streaming=True)):
        later = replace(job, account="later" if source.streaming else "other")
        for offset in range(4):
            run_day(on(later, FIRST + offset * DAY), lambda source=source: source)  # type: ignore[misc]
        assert "SHARE" not in held(later)


@pytest.mark.parametrize(
    ("given", "undoes", "words"),
    [
        ({}, False, "--on DATE and --price P are missing"),
        ({"day": "2020-06-11"}, False, "--price P is missing"),
        ({"price": "5"}, False, "--on DATE is missing"),
        ({"price": "5"}, True, "--undo takes back what is recorded, whatever day and price"),
    ],
)
def test_a_delisting_has_a_day_and_a_price_and_its_undoing_has_neither(
    tmp_path: Path, given: dict[str, str], undoes: bool, words: str
) -> None:
    both: dict[str, str | None] = {"day": None, "price": None, **given}
    options = DelistOptions(account="daily", symbol="SHARE", reason="", day=both["day"], price=both["price"])
    with pytest.raises(UsageError, match=words):
        (run_undo if undoes else run_delist)(str(tmp_path), options)


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
        undone=False,
        held=Decimal(held),
        paid_out=95 * Decimal(held),
        warnings=(),
    )
    assert shown_delisting(answer).splitlines()[::2] == [
        "ATVI of yahoo is delisted on 2023-10-13 at 95.00; it is ordered no more.",
        words,
    ]


def test_what_is_taken_back_in_words(job: Job) -> None:
    delist(job.home, request())
    assert shown_delisting(undo(job.home, "daily", "SHARE")) == (
        "The delisting of SHARE of fake on 2020-06-11 at 95.25 is taken back; the next run trades it again."
    )
