"""What is told of an order of the ledger is what the ledger, the bars and the broker hold of it."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import explanations as explanation_store
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState, Side
from strategy.broker.fills import BrokerFill
from strategy.builtin.registry import TURBO
from strategy.signals.network_inputs import INPUTS
from strategy.signals.strategies import Strategy
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill, begin
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.explain.order_record import explain, orders_named
from tasks.models.retrain import Champion
from tasks.operations.halt import halt
from tasks.run.job import Job, RunConfig
from tasks.run.runs import begin as begin_daily
from tasks.validation.gate import validate
from testing.markets.bars import DEEP, PAIR, FakeBars, Fault
from testing.runs.jobs import a_job, on, policy, retrain_and_promote, run_day

#: When a person halts or resumes.
NOW = datetime(2026, 1, 2, tzinfo=UTC)

FIRST, SECOND, THIRD = date(2020, 6, 8), date(2020, 6, 9), date(2020, 6, 10)


def open_pair() -> FakeBars:
    return PAIR


def by_settings(config: str, strategy: Strategy) -> RunConfig:
    return policy(strategy)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three days of two symbols by the rules."""
    job = a_job(tmp_path_factory.mktemp("lived"), PAIR.symbols(), FIRST)
    for day in (FIRST, SECOND, THIRD):
        run_day(on(job, day), open_pair)
    return job


@pytest.fixture
def job(lived: Job, tmp_path: Path) -> Job:
    """A copy of what was lived through."""
    return replace(lived, home=shutil.copytree(lived.home, tmp_path / "copy"))


def orders(job: Job, day: date) -> tuple[Order, ...]:
    with connect(job.home) as store:
        return order_store.orders_on(store, job.account, day)


def told(job: Job, order: Order) -> dict[str, Any]:
    (found,) = orders_named(job.home, order.order_id, None)
    return explain(job.home, found, by_settings).json_values()


def forget(job: Job, day: date) -> None:
    """No explanation is kept any more; a run says by which settings the day was decided."""
    with connect(job.home) as store:
        store.execute("DELETE FROM explanations")
    begin_daily(on(job, day), job.now)


def section(answer: dict[str, Any], name: str) -> dict[str, Any]:
    part = answer[name]
    assert isinstance(part, dict)
    return part


def assert_sums_up(answer: dict[str, Any]) -> None:
    """The parts of the exposure add up to it."""
    parts = [one["exposure"] for one in answer["attribution"]]
    assert sum(parts) == pytest.approx(section(answer, "limits")["exposure"], abs=1e-9)


def test_every_order_is_told_as_the_ledger_has_it(job: Job) -> None:
    for day in (FIRST, SECOND, THIRD):
        for order in orders(job, day):
            answer = told(job, order)
            with connect(job.home) as store:
                decisions = {one.symbol: one for one in ledger.decisions_on(store, job.account, day)}
                provenance = ledger.provenance_on(store, job.account, day)
            decision = decisions[order.symbol]
            assert (answer["origin"], answer["verified"], answer["warnings"]) == ("stored", True, [])
            assert section(answer, "decision")["data_sha256"] == (provenance and provenance.data_sha256)
            assert section(answer, "forecast")["signal"] == decision.signal
            assert section(answer, "regime")["confidence"] == decision.confidence
            assert section(answer, "size")["volatility"] == decision.volatility
            assert section(answer, "limits")["exposure"] == decision.exposure
            assert Decimal(section(answer, "planned")["quantity"]) == order.signed_quantity
            assert section(answer, "bars")["last"] == day.isoformat()
            assert_sums_up(answer)
            assert [one["name"] for one in answer["attribution"][:2]] == ["return_10", "return_50"]
            parts = [one["signal"] for one in answer["attribution"] if one["signal"] is not None]
            assert sum(parts) == pytest.approx(decision.signal)


def test_a_fill_stands_beside_the_open_of_its_bar(job: Job) -> None:
    order = next(one for one in orders(job, FIRST) if one.symbol == "TOKEN")
    assert order.state is OrderState.FILLED
    (filled,) = told(job, order)["fills"]
    opened, price = Decimal(filled["open"]), Decimal(filled["price"])
    sign = 1 if order.side is Side.BUY else -1
    assert (filled["as_of"], filled["quantity"]) == (SECOND.isoformat(), f"{order.quantity.normalize():f}")
    assert Decimal(filled["slippage"]) == (price - opened) * sign * Decimal(filled["quantity"]) > 0
    assert filled["slippage_bps"] == pytest.approx(5, abs=1e-6)
    assert told(job, orders(job, THIRD)[0])["fills"] == []


def test_a_day_that_is_run_again_leaves_its_explanations_as_they_are(job: Job) -> None:
    before = [told(job, order) for order in orders(job, THIRD)]
    run_day(on(job, THIRD), open_pair)
    assert [told(job, order) for order in orders(job, THIRD)] == before


def test_explanations_and_decisions_are_written_together_or_not_at_all(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    fourth = on(job, date(2020, 6, 11))
    ingest(fourth, open_pair)
    validate(fourth)
    settle(fourth, PaperBroker)

    def full(*given: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(explanation_store, "insert_once", full)
    with pytest.raises(OSError, match="disk full"):
        signal(fourth, Champion(model_id=None, reason=""), {})
    with connect(job.home) as store:
        assert ledger.decisions_on(store, job.account, fourth.as_of) == ()


def test_bars_that_were_revised_since_are_told_of(job: Job) -> None:
    order = orders(job, SECOND)[0]
    before = told(job, order)
    with connect(job.home) as store:
        store.execute("UPDATE bars SET volume = 7 WHERE symbol = 'TOKEN' AND open_time = '2020-05-05'")
    after = told(job, order)
    assert after["verified"] is False
    assert "are no longer those that were decided on" in str(after["warnings"])
    # What is not the same any more is not split.
    parts = before.pop("attribution")
    assert parts
    assert {**after, "verified": True, "warnings": []} == before


def test_what_was_not_kept_is_decided_again_and_comes_out_the_same(job: Job) -> None:
    kept = {order.order_id: told(job, order) for order in orders(job, SECOND)}
    forget(job, SECOND)
    for order in orders(job, SECOND):
        again = told(job, order)
        assert again["origin"] == "replayed"
        assert {**again, "origin": "stored"} == kept[order.order_id]


def test_a_replay_by_other_settings_says_that_it_differs(job: Job) -> None:
    order = orders(job, SECOND)[0]
    forget(job, SECOND)
    (found,) = orders_named(job.home, order.order_id, None)
    halved = replace(job.policy, sizing=replace(job.policy.sizing, target_annual_vol=0.01))
    answer = explain(job.home, found, lambda config, strategy: halved).json_values()
    (warning,) = answer["warnings"]
    assert warning.startswith(f"deciding {SECOND} again gives ")
    assert f"where {section(answer, 'decision')['exposure']} is on record" in warning


def test_where_no_run_says_how_it_was_decided_the_rest_is_told(job: Job) -> None:
    order = orders(job, FIRST)[0]
    with connect(job.home) as store:
        store.execute("DELETE FROM explanations")
    answer = told(job, order)
    assert (answer["origin"], answer["verified"], answer["bars"], answer["planned"]) == (None, None, None, None)
    assert answer["warnings"] == [
        f"nothing was kept of how {FIRST} was decided, and no run says by which settings",
    ]
    assert section(answer, "order")["order_id"] == order.order_id
    assert len(answer["fills"]) == 1


def test_orders_of_two_passes_are_told_and_decided_again_as_each_pass_saw_them(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FIRST)
    run_day(job, open_pair)
    day = on(job, SECOND)
    run_day(day, lambda: PAIR.faulty(Fault(symbol="TOKEN", day=SECOND)))
    run_day(day, open_pair)
    made = orders(job, SECOND)
    assert {order.symbol for order in made} == {"SHARE", "TOKEN"}
    kept = [told(job, order) for order in made]
    assert [answer["verified"] for answer in kept] == [True, True]
    forget(job, SECOND)
    for order, before in zip(made, kept, strict=True):
        again = told(job, order)
        assert (again["origin"], again["verified"], again["warnings"]) == ("replayed", True, [])
        assert (again["size"], again["limits"], again["planned"]) == (
            before["size"],
            before["limits"],
            before["planned"],
        )


def test_a_backfilled_order_is_decided_again(tmp_path: Path) -> None:
    job = replace(a_job(tmp_path, PAIR.symbols(), THIRD), account="filled", models_of="filled")
    backfill = Backfill(job=job, start=FIRST)
    begin(backfill, job.now)
    fill(backfill, open_pair, PaperBroker, lambda progress: None)
    for order in orders(job, SECOND):
        answer = told(job, order)
        assert (answer["origin"], answer["verified"], answer["warnings"]) == ("replayed", True, [])
        assert Decimal(section(answer, "planned")["quantity"]) == order.signed_quantity


def test_a_network_is_told_with_what_it_saw(tmp_path: Path) -> None:
    job = a_job(tmp_path, DEEP.symbols(), FIRST, TURBO)
    run_day(job, lambda: DEEP)
    next_job = on(job, SECOND)
    champion = retrain_and_promote(job)
    assert champion.model_id is not None
    run_day(next_job, lambda: DEEP)
    order = orders(job, SECOND)[0]
    answer = told(job, order)
    assert section(answer, "decision")["model_id"] == champion.model_id
    forecast = section(answer, "forecast")
    assert len(section(answer, "features")) == 30
    assert len(forecast["members"]) == 2
    assert forecast["prior"] is not None
    assert answer["verified"] is True
    assert_sums_up(answer)
    names = [one["name"] for one in answer["attribution"]]
    assert names[:5] == ["prior: holding", *(f"prior: trend_{horizon}" for horizon in (21, 63, 126, 252))]
    assert names[5:35] == list(INPUTS)
    assert "every input at 0" in names
    parts = [one["signal"] for one in answer["attribution"] if one["signal"] is not None]
    assert sum(parts) == pytest.approx(section(answer, "forecast")["signal"], abs=1e-6)
    forget(job, SECOND)
    (found,) = orders_named(job.home, order.order_id, None)
    again = explain(job.home, found, by_settings).json_values()
    assert {**again, "origin": "stored"} == answer
    next((tmp_path / "models").glob(f"{champion.model_id}*")).unlink()
    lost = explain(job.home, found, by_settings).json_values()
    assert lost["origin"] is None
    assert "and it cannot be decided again: " in str(lost["warnings"])


def test_an_order_that_a_halt_cut_is_told_as_planned_and_as_it_stands(job: Job) -> None:
    halt(job.home, job.account, "the test wants it", NOW)
    fourth = on(job, date(2020, 6, 11))
    run_day(fourth, open_pair)
    held = [order for order in orders(job, fourth.as_of) if order.reason.startswith("halted")]
    assert held
    for order in held:
        answer = told(job, order)
        assert section(answer, "order")["reason"] == order.reason
        assert abs(Decimal(section(answer, "planned")["quantity"])) >= order.quantity
        assert section(answer, "planned")["reason"] == ""


def test_steps_and_trades_at_a_broker_are_told(job: Job) -> None:
    order = orders(job, THIRD)[0]
    at = datetime(2020, 6, 11, tzinfo=UTC)
    trade = BrokerFill(
        order_id=order.order_id,
        trade_id="99",
        symbol=order.symbol,
        executed_at=at + timedelta(seconds=2),
        side=order.side,
        quantity=order.quantity,
        price=Decimal("101.50"),
        fee=Decimal("0.001"),
        fee_asset="BNB",
    )
    with connect(job.home) as store:
        broker_events.record_step(store, job.account, replace(order, state=OrderState.SENT), at)
        broker_events.record_step(store, job.account, replace(order, state=OrderState.UNKNOWN, reason="timed out"), at)
        broker_events.record_executions(store, job.account, 1, [trade])
    answer = told(job, order)
    assert answer["steps"] == [
        {"state": "sent", "reason": order.reason, "recorded_at": "2020-06-11T00:00:00+00:00"},
        {"state": "unknown", "reason": "timed out", "recorded_at": "2020-06-11T00:00:00+00:00"},
    ]
    assert answer["executions"] == [
        {
            "trade_id": "99",
            "executed_at": "2020-06-11T00:00:02+00:00",
            "side": str(order.side),
            "quantity": f"{order.quantity.normalize():f}",
            "price": "101.5",
            "fee": "0.001",
            "fee_asset": "BNB",
            "realised": None,
        }
    ]
