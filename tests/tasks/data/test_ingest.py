from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from exchange.ports import BarRequest, SourceRefused, SourceUnavailable
from storage.bars.staging import staged
from storage.database import connect
from storage.keyed_rows import insert_once
from storage.ledger import orders
from storage.ledger.row_codec import SNAPSHOTS, snapshot_row
from strategy.account.orders import Order, Side
from strategy.account.state import Account, Position, Snapshot
from strategy.market.instruments import Instrument
from strategy.work_progress import Said, WorkStep, listening
from tasks.data.ingest import STAGING, ingest, ingest_all
from tasks.validation.gate import NothingPublishable, inspect, validate
from testing.accounts.ledgers import contents
from testing.markets.bars import COIN, PAIR, SHARE, STOCK, TOKEN, UNBORN, DeadBars, FakeBars, Fault
from testing.runs.jobs import a_job, on

FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)


class Priced(FakeBars):
    """A source that names currencies: a share in pence, a coin in pounds."""

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        named = {"SHARE": "GBp", "TOKEN": "GBP"}
        return tuple(
            replace(instrument, currency=named[instrument.symbol]) for instrument in super().instruments(symbols)
        )


class Asked(FakeBars):
    """A source that remembers what it was asked for."""

    requests: ClassVar[list[BarRequest]] = []

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        self.requests.append(request)
        return super().fetch(request)


def test_nothing_changes_while_the_source_is_down(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    ingest(job, lambda: PAIR)
    validate(job)
    told = contents(tmp_path)
    with pytest.raises(SourceUnavailable, match="the fake is down"):
        ingest(on(job, SECOND), lambda: DeadBars(listings=PAIR.listings))
    with pytest.raises(SourceRefused, match="the fake has no OTHER"):
        ingest(replace(on(job, SECOND), symbols=("OTHER", "SHARE")), lambda: PAIR)
    assert contents(tmp_path) == told


def test_a_streaming_source_is_asked_for_thirty_bars_and_a_record_for_all_of_it(tmp_path: Path) -> None:
    live = Asked(listings=PAIR.listings, streaming=True)
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    assert ingest(job, lambda: live) == {"SHARE": 150, "TOKEN": 160}
    validate(job)
    assert ingest(on(job, SECOND), lambda: live)["TOKEN"] > 1
    validate(on(job, SECOND))
    assert ingest(on(job, SECOND), lambda: live) == {"SHARE": 0, "TOKEN": 0}
    assert [dict(request.since) for request in live.requests] == [
        {"SHARE": None, "TOKEN": None},
        {"SHARE": date(2020, 4, 27), "TOKEN": date(2020, 5, 10)},
        {"SHARE": date(2020, 4, 28), "TOKEN": date(2020, 5, 11)},
    ]
    assert [request.until for request in live.requests] == [FIRST, SECOND, SECOND]
    ingest(on(job, SECOND), lambda: Asked(listings=PAIR.listings))
    assert live.requests[-1].since == {"SHARE": None, "TOKEN": None}


def test_all_that_an_open_position_has_seen_is_asked_for_again(tmp_path: Path) -> None:
    live = Asked(listings=PAIR.listings, streaming=True)
    job = on(a_job(tmp_path, PAIR.symbols(), FIRST), SECOND)
    ingest(job, lambda: live)
    validate(job)
    share = {"SHARE": Position(quantity=Decimal(1), mark=Decimal(100))}
    held = [(date(2020, 1, 2), share), (date(2020, 1, 3), {}), (date(2020, 2, 3), share), (FIRST, share)]
    for day, positions in held:
        account = Account(as_of=day, cash=Decimal(0), positions=positions)
        snapshot = Snapshot(account=account, equity=account.equity, drawdown=0.0)
        with connect(tmp_path) as store:
            insert_once(store, SNAPSHOTS, [snapshot_row("daily", snapshot)])
    live.requests.clear()
    ingest(job, lambda: live)
    assert dict(live.requests[0].since) == {"SHARE": date(2020, 1, 27), "TOKEN": date(2020, 5, 11)}


def test_a_streaming_source_is_asked_again_for_what_was_held_back(tmp_path: Path) -> None:
    market = FakeBars(listings=(SHARE,), streaming=True)
    spoiled = market.faulty(Fault(symbol="SHARE", day=SECOND, column="high", value=1.0))
    job = a_job(tmp_path, ("SHARE",), FIRST)
    ingest(job, lambda: market)
    validate(job)
    ingest(on(job, SECOND), lambda: spoiled)
    with pytest.raises(NothingPublishable, match="the high is below the open or the close"):
        validate(on(job, SECOND))
    ingest(on(job, date(2020, 6, 10)), lambda: market)
    assert validate(on(job, date(2020, 6, 10))).published == {"SHARE": 2}


def test_symbols_that_are_not_listed_yet_are_known_but_have_no_bars(tmp_path: Path) -> None:
    market = FakeBars(listings=(UNBORN,))
    job = a_job(tmp_path, market.symbols(), FIRST)
    assert ingest(job, lambda: market) == {}
    assert inspect(job, FIRST).held_back["UNBORN"].startswith("UNBORN: the source has no bar of it")
    with pytest.raises(NothingPublishable, match="nothing may be traded on 2020-06-08: UNBORN: the source has no bar"):
        validate(job)


def test_only_the_job_s_symbols_are_fetched(tmp_path: Path) -> None:
    market = FakeBars(listings=(STOCK, COIN, TOKEN))
    assert set(ingest(a_job(tmp_path, ("TOKEN",), FIRST), lambda: market)) == {"TOKEN"}
    with connect(tmp_path) as store:
        assert len(staged(store, "fake", "TOKEN")) == 160
        assert len(staged(store, "fake", "COIN")) == 0


def test_what_an_earlier_longer_delivery_left_at_the_gate_is_not_judged_again(tmp_path: Path) -> None:
    spoiled = FakeBars(listings=(SHARE, UNBORN)).faulty(Fault(symbol="UNBORN", day=date(2020, 7, 1), column="close"))
    job = a_job(tmp_path, ("SHARE", "UNBORN"), date(2020, 8, 31))
    ingest(job, lambda: spoiled)
    assert inspect(job, None).held_back["UNBORN"].startswith("UNBORN on 2020-07-01")
    earlier = on(job, FIRST)
    ingest(earlier, lambda: spoiled)
    assert inspect(earlier, None).held_back == {
        "UNBORN": "UNBORN: the source has no bar of it up to the requested day (bars: none, limit at least one)"
    }


def test_symbols_of_two_currencies_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    priced = Priced(listings=PAIR.listings, streaming=True)
    with pytest.raises(SourceRefused, match=r"priced in 2: SHARE in GBp; TOKEN in GBP .*--account and --symbols"):
        ingest(job, lambda: priced)
    with connect(tmp_path) as store:
        assert staged(store, job.source, "SHARE").empty
    assert ingest_all(job, lambda: priced) == {"SHARE": 294, "TOKEN": 366}


def test_a_store_without_currencies_learns_them(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    ingest(job, lambda: FakeBars(listings=PAIR.listings, streaming=True))
    with pytest.raises(SourceRefused, match="an account has one currency"):
        ingest(job, lambda: Priced(listings=PAIR.listings, streaming=True))


def test_an_account_stays_with_the_currency_that_it_has_traded_in(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("SHARE",), FIRST)
    priced = Priced(listings=PAIR.listings, streaming=True)
    ingest(job, lambda: priced)
    order = Order(order_id="one", symbol="SHARE", as_of=FIRST, side=Side.BUY, quantity=Decimal(1))
    with connect(tmp_path) as store:
        orders.record_orders(store, job.account, [order])
    with pytest.raises(SourceRefused, match="SHARE in GBp; TOKEN in GBP"):
        ingest(replace(job, symbols=("TOKEN",)), lambda: priced)
    assert ingest(replace(job, symbols=("TOKEN",), account="other"), lambda: priced)["TOKEN"] == 160


def test_bars_staged_in_parts_are_those_staged_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Said] = []
    ingest(a_job(tmp_path / "whole", PAIR.symbols(), FIRST), lambda: PAIR)
    monkeypatch.setattr("tasks.data.ingest.STAGED_AT_ONCE", 1)
    with listening(steps.append):
        ingest(a_job(tmp_path / "parts", PAIR.symbols(), FIRST), lambda: PAIR)
    assert [step.done for step in steps if isinstance(step, WorkStep) and step.work == STAGING] == [0, 1, 2]
    for symbol in PAIR.symbols():
        with connect(tmp_path / "whole") as store:
            whole = staged(store, "fake", symbol)
        with connect(tmp_path / "parts") as store:
            pd.testing.assert_frame_equal(staged(store, "fake", symbol), whole)


def test_a_stop_between_the_parts_stages_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.ingest.STAGED_AT_ONCE", 1)

    def stop(said: Said) -> None:
        if said == WorkStep(work=STAGING, done=1, total=2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"), listening(stop):
        ingest(a_job(tmp_path, PAIR.symbols(), FIRST), lambda: PAIR)
    with connect(tmp_path) as store:
        assert [len(staged(store, "fake", symbol)) for symbol in PAIR.symbols()] == [0, 0]
