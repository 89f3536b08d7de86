from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.bars import instruments as instrument_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.orders import Fill
from strategy.account.state import Snapshot
from tasks.daily.account_state import account_config
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.markets.bars import PAIR, SHARE, FakeBars, record
from testing.runs.jobs import a_job, on, run_day

FIRST, SECOND, THIRD = date(2020, 6, 8), date(2020, 6, 9), date(2020, 6, 10)


def open_pair() -> FakeBars:
    return PAIR


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """The first day of an account that trades both symbols; bars of all later days lie in the store too."""
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    run_day(job, open_pair)
    ingest(on(job, date(2020, 6, 30)), open_pair)
    validate(on(job, date(2020, 6, 30)))
    return job


def snapshot(job: Job) -> Snapshot:
    with connect(job.home) as store:
        newest = position_store.latest_snapshot(store, job.account)
    assert newest is not None
    return newest


def fills(job: Job, day: date) -> dict[str, Fill]:
    with connect(job.home) as store:
        return {fill.symbol: fill for fill in ledger.fills_on(store, job.account, day)}


def close(symbol: str, day: date) -> Decimal:
    frame = next(record(listing) for listing in PAIR.listings if listing.symbol == symbol)
    return Decimal(repr(float(frame.loc[frame["open_time"] == str(day), "close"].iloc[0])))


def test_a_new_account_opens_on_its_first_day_with_its_capital(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    ingest(job, open_pair)
    assert settle(job, PaperBroker).dates == (FIRST,)
    assert snapshot(job).equity == snapshot(job).account.cash == 10_000
    assert settle(job, PaperBroker).dates == ()


def test_a_position_outside_the_symbols_is_kept_and_marked(job: Job) -> None:
    settle(on(job, SECOND), PaperBroker)
    held = snapshot(job).account.positions["SHARE"]
    alone = replace(on(job, THIRD), symbols=("TOKEN",))
    settle(alone, PaperBroker)
    kept = snapshot(alone).account.positions["SHARE"]
    assert kept.quantity == held.quantity
    assert float(kept.mark) == pytest.approx(float(close("SHARE", THIRD)))
    assert (held.marked_on, kept.marked_on) == (SECOND, THIRD)


def test_what_another_source_says_of_a_position_outside_the_symbols_does_not_count(job: Job) -> None:
    settle(on(job, SECOND), PaperBroker)
    held = snapshot(job).account.positions["SHARE"]
    with connect(job.home) as store:
        elsewhere = replace(SHARE.instrument, listed_to=FIRST, lot=Decimal(1))
        instrument_store.save(store, "a-source-that-lost-it", [elsewhere])
    alone = replace(on(job, THIRD), symbols=("TOKEN",))
    settle(alone, PaperBroker)
    assert fills(alone, THIRD) == {}
    assert snapshot(alone).account.positions["SHARE"].quantity == held.quantity
    with connect(job.home) as store:
        assert account_config(store, alone).terms.instruments["SHARE"] == SHARE.instrument


def test_an_order_outside_the_symbols_fills_when_its_bar_is_in_the_store(job: Job) -> None:
    alone = replace(on(job, SECOND), symbols=("TOKEN",))
    settle(alone, PaperBroker)
    assert set(fills(alone, SECOND)) == {"SHARE", "TOKEN"}


def test_a_position_outside_the_symbols_goes_through_its_split(job: Job) -> None:
    settle(on(job, SECOND), PaperBroker)
    held = snapshot(job).account.quantity("SHARE")
    alone = replace(on(job, date(2020, 6, 14)), symbols=("TOKEN",))
    settle(alone, PaperBroker)
    assert snapshot(alone).account.quantity("SHARE") == 2 * held


def test_a_delisted_position_is_closed_at_its_last_published_close(tmp_path: Path) -> None:
    """Its last session lies in the days that the account missed, and its order and last bars still count."""
    gone = replace(SHARE, last=THIRD, listed_to=THIRD)
    market = FakeBars(listings=(gone, PAIR.listings[1]))
    job = a_job(tmp_path, market.symbols(), FIRST)
    run_day(job, lambda: market)
    gate, _ = run_day(on(job, date(2020, 6, 13)), lambda: market)
    assert gate.held_back == {}
    assert SHARE.symbol in fills(job, SECOND)
    closing = fills(job, date(2020, 6, 11))[SHARE.symbol]
    assert closing.quantity == fills(job, SECOND)[SHARE.symbol].quantity
    assert float(closing.price) == pytest.approx(float(close("SHARE", THIRD)))
    assert SHARE.symbol not in snapshot(job).account.positions
    with connect(tmp_path) as store:
        last = {decision.symbol: decision for decision in ledger.decisions_on(store, job.account, date(2020, 6, 13))}
        ordered = order_store.orders_on(store, job.account, date(2020, 6, 13))
        assert order_store.open_orders(store, job.account) == ordered
    assert (last["SHARE"].status, last["TOKEN"].status) == ("delisted", "traded")


def test_a_symbol_without_an_instrument_is_named(job: Job) -> None:
    with connect(job.home) as store:
        store.execute("DELETE FROM instruments WHERE symbol = 'SHARE'")
        assert set(instrument_store.load(store, job.source, job.symbols)) == {"TOKEN"}
    with pytest.raises(ValueError, match="no instrument is known for SHARE"):
        settle(on(job, SECOND), PaperBroker)


def test_a_day_must_be_settled_before_it_is_judged(job: Job) -> None:
    with pytest.raises(AssertionError, match="settled before it is judged"):
        signal(on(job, SECOND), Champion(model_id=None, reason=""), {})
