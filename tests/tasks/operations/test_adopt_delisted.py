"""A symbol that its venue lists no longer: once a person says that it is delisted, `adopt` books what became of it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.state import Account
from strategy.portfolio.decision import Status
from tasks.broker.balances import BrokerDisagrees
from tasks.broker.reconciliation import reconcile_broker
from tasks.daily.order import AccountHalted
from tasks.operations.adopt import adopt, foresee
from tasks.operations.delist import DelistRequest, delist
from testing.markets.bars import FakeBars
from testing.simulation.calm_days import BTC, DAYS, ETH, Calm

SPOT, FUTURES = "testnet-spot", "testnet-futures"
#: What a unit is settled at; the bars of the year are far above.
PRICE = Decimal(50)


@pytest.fixture(params=[SPOT, FUTURES])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Calm]:
    with Calm(3, tmp_path / "home", request.param).open() as made:
        yield made


def held(year: Calm) -> Account:
    with connect(year.home) as store:
        snapshot = position_store.latest_snapshot(store, "daily")
    assert snapshot is not None
    return snapshot.account


def ended_there(year: Calm, *symbols: str) -> None:
    """The venue and the source list the symbols no longer; a position on margin is settled into the wallet."""
    exchange = year.testnet.exchange
    for symbol in symbols:
        position = exchange.futures.account.positions.pop(symbol)
        exchange.futures.account.wallet += position.amount * (PRICE - position.entry)
        for venue in (exchange.spot, exchange.futures):
            venue.books.pop(symbol)
    listed = tuple(listing for listing in year.source.listings if listing.symbol not in symbols)
    year.source = FakeBars(listings=listed, streaming=True)


def said(year: Calm, number: int, *symbols: str) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    for symbol in symbols:
        delist(
            year.home,
            DelistRequest(account="daily", symbol=symbol, day=DAYS[number], price=PRICE, reason="ended", at=at),
        )


def taken_over(year: Calm) -> Account:
    """The books after `adopt`, which has done what its dry run foresaw."""
    year.testnet.sleep(600)
    foreseen = foresee(year.home, "daily", year._broker, year._now())
    told = adopt(year.home, "daily", "it has ended", year._broker, year._now())
    assert (told.entries, told.after, told.notes) == (foreseen.entries, foreseen.after, ())
    assert told.before is not None
    assert told.after is not None
    unsettled = told.before.positions.get(BTC, Decimal(0))
    paid = told.after.cash - told.before.cash
    assert float(paid) == pytest.approx(float(unsettled * PRICE) if year.venue == FUTURES else 0.0, abs=1e-6)
    assert BTC not in {**told.after.positions, **told.positions}
    return held(year)


def test_the_position_leaves_the_books_with_what_the_venue_settled_it_at_and_once(year: Calm) -> None:
    number = year.until_it_holds() + 1
    year.on(number)
    before = held(year).quantity(BTC)
    assert before > 0
    ended_there(year, BTC)
    said(year, number + 1, BTC)
    warned = f"{BTC} is delisted, and [0-9.]+ of it stay in the books until `turbodmt adopt"
    if year.venue == FUTURES:
        # What was settled is in the wallet, where nothing of ours explains it.
        with pytest.raises(BrokerDisagrees, match=f"in cash where our trades.*{warned}"):
            year.on(number + 1)
    else:
        year.on(number + 1)
        assert held(year).quantity(BTC) > 0
        (words,) = reconcile_broker(year._job(DAYS[number + 1]), year._broker(year._now())).warnings
        assert words.startswith(f"{BTC} is delisted")
    taken_over(year)
    for later in (number + 2, number + 3):
        # On spot nothing was paid, which is a loss that halts the account.
        with suppress(AccountHalted):
            year.on(later)
        assert held(year).as_of == DAYS[later]
        assert set(held(year).positions) <= {ETH}
    year.testnet.sleep(600)
    assert not adopt(year.home, "daily", "again", year._broker, year._now()).entries
    with connect(year.home) as store:
        (decided,) = (each for each in ledger.decisions_on(store, "daily", DAYS[later]) if each.symbol == BTC)
    assert decided.status is Status.DELISTED


def test_an_account_whose_symbols_have_all_ended_has_its_days_there_too(year: Calm) -> None:
    number = year.until_it_holds()
    ended_there(year, BTC, ETH)
    said(year, number + 1, BTC, ETH)
    year.testnet.sleep(600)
    told = adopt(year.home, "daily", "they have ended", year._broker, year._now())
    assert told.after is not None
    assert told.after.positions == {}
    for later in (number + 1, number + 2):
        year.on(later)
        assert (held(year).as_of, dict(held(year).positions)) == (DAYS[later], {})


def test_without_a_word_that_it_is_delisted_the_position_stays(year: Calm) -> None:
    year.until_it_holds()
    ended_there(year, BTC)
    year.testnet.sleep(600)
    told = adopt(year.home, "daily", "I looked", year._broker, year._now())
    assert told.after is not None
    assert told.after.positions[BTC] > 0
    assert any(f"tells of no {BTC}, which is no proof that it is gone" in note for note in told.notes)
