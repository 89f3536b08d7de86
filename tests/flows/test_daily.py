"""The daily flow under a real Prefect, on the embedded sample."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples import ridge
from exchange.bars.sample import SampleBars
from exchange.ports import BarRequest
from flows.cli.trade.status import shown_status
from flows.config.settings import load
from flows.daily import daily
from flows.planning.plan import Request, RequestRefused, plan
from flows.train import train
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import runs
from strategy.builtin.registry import RULES
from tasks.backtest.run import Window, backtest
from tasks.daily.order import OrdersBlocked
from tasks.models.retrain import TrainAnswer
from tasks.models.training_plan import TrainingRefused
from tasks.operations.accounts import forget_account
from tasks.operations.concerns import look
from tasks.operations.halt import resume
from tasks.operations.status import account_status
from tasks.run.answers import DayAnswer
from tasks.run.runs import begin, close_failed
from tasks.strategies.catalogue import of_file, register
from testing.accounts.ledgers import contents, replayed, tidied
from testing.runs.own_strategies import PEEKS, a_file
from testing.servers.prefect_database import prefect_harness
from tests.flows.conftest import Run

#: When a person halts or resumes.
NOW = datetime(2026, 1, 2, tzinfo=UTC)

DAYS = (date(2018, 12, 27), date(2018, 12, 28), date(2018, 12, 31))
SYMBOLS = ("^GSPC", "^IXIC")
SETTLED = ", 2 trades of earlier orders settled"
SUNDAY = date(2018, 12, 30)


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_harness():
        yield


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after three days of the sample."""
    home = tmp_path_factory.mktemp("sample") / "home"
    for day in DAYS:
        text = daily(as_of=day, strategy="rules", home=home)
        assert DayAnswer.model_validate_json(text).to_json() == text
        answer = json.loads(text)
        assert (answer["as_of"], answer["warnings"]) == (day.isoformat(), [])
    return home


def test_three_days_under_prefect_equal_one_backtest(lived: Path) -> None:
    settings = load({"home": lived, "strategy": "rules"})
    job = plan(settings, SampleBars(), Request(account="daily", as_of=DAYS[-1], clock=datetime.now(tz=UTC)))
    once = backtest(job, Window(strategies=(RULES,), start=DAYS[0]), SampleBars)
    assert once.dates == DAYS
    assert once.net.replay.fills
    assert replayed(lived, "daily", DAYS) == tidied(once.net.replay)


def test_a_day_that_is_done_is_not_done_again(lived: Path) -> None:
    told = contents(lived)
    again = json.loads(daily(as_of=DAYS[-1], strategy="rules", home=lived))
    assert again["warnings"] == ["2018-12-31 was already done; nothing was left to do"]
    other = json.loads(daily(as_of=DAYS[-1], strategy="momentum", home=lived))
    assert other["warnings"] == ["2018-12-31 was already done by rules, not by momentum; nothing was left to do"]
    assert other["strategy"] == "rules"
    assert contents(lived) == told
    with connect(lived) as store:
        done = runs.runs(store)
    assert [record.run.as_of for record in done] == list(reversed(DAYS))
    assert [record.outcome.status if record.outcome else None for record in done] == ["done"] * 3
    assert Path(again["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_day_before_the_ledger_s_last_one_is_refused(lived: Path) -> None:
    told = contents(lived)
    with pytest.raises(RequestRefused, match="--as-of is 2018-12-26, before 2018-12-31, the last day of account daily"):
        daily(as_of=date(2018, 12, 26), strategy="rules", home=lived)
    assert contents(lived) == told


def test_a_holiday_changes_nothing(tmp_path: Path) -> None:
    answer = json.loads(daily(as_of=SUNDAY, strategy="rules", home=tmp_path / "home"))
    assert answer["warnings"] == ["2018-12-30 is not a session of ^GSPC, ^IXIC; there was nothing to do"]
    assert answer["orders"] == []
    assert contents(tmp_path / "home")["account_snapshots"] == []


def test_what_a_refusal_tells_a_program_passes_through_prefect(run: Run, home: Path, tmp_path: Path) -> None:
    """The audit is a task of the flow; what it refuses keeps its details on the way out."""
    a_file(tmp_path, PEEKS, "peeks.py")
    asked = ("--symbols", "^GSPC", "--as-of", "2018-12-28", "--home", str(home), "--json")
    ended = run("daily", "--strategy", str(tmp_path / "peeks.py"), *asked)
    error = ended.answer["error"]
    assert ended.code == error["exit"] == 2
    assert error.keys() == {"exit", "message", "code", "check", "symbol", "date"}
    assert (error["code"], error["check"], error["symbol"]) == ("strategy_refused", "looks_ahead", "^GSPC")
    assert date.fromisoformat(error["date"]) <= date(2018, 12, 28)
    assert "peeks.py, line 6: the signal of row " in error["message"]
    with connect(home) as store:
        (record,) = runs.runs(store)
        assert ledger.decisions_on(store, "daily", date(2018, 12, 28)) == ()
    assert record.outcome is not None
    assert record.outcome.status == "failed"


def test_a_training_on_a_sunday_learns_from_the_days_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = {"NETWORK_DIMENSIONS": 8, "NETWORK_HEADS": 2, "NETWORK_LAYERS": 1, "ENSEMBLE_MEMBERS": 1, "TWINS": 0}
    for name, value in {**tiny, "TRAINING_STEPS": 2, "LOOKBACK_PERIOD": 60, "THREADS": 1}.items():
        monkeypatch.setenv(f"TURBODMT_{name}", str(value))
    text = train(as_of=SUNDAY, symbols=["^IXIC"], home=tmp_path / "home")
    assert TrainAnswer.model_validate_json(text).to_json() == text
    answer = json.loads(text)
    assert (answer["as_of"], answer["warnings"]) == ("2018-12-30", [])
    with pytest.raises(TrainingRefused, match="dated 1990-01-01 or earlier; choose a later --as-of"):
        train(as_of=date(1990, 1, 1), symbols=["^IXIC"], home=tmp_path / "home")


def test_the_learner_of_a_file_is_trained_under_its_name(tmp_path: Path) -> None:
    home, strategy = tmp_path / "home", of_file(str(Path(ridge.__file__)), {})
    register(home, strategy, datetime(2018, 12, 30, tzinfo=UTC))
    answer = json.loads(train(as_of=SUNDAY, symbols=["^IXIC"], strategy="ridge", home=home))
    assert (answer["strategy"], answer["strategy_sha256"]) == ("ridge", strategy.version)
    assert answer["validation"]["validation_bars"] > 200
    with pytest.raises(RequestRefused, match="--strategy rules has a signal and no learner"):
        train(as_of=SUNDAY, strategy="rules", home=home)


Said = dict[str, Any]


def bought(answer: Said) -> dict[str, Decimal]:
    """Return what each order of the first day is worth at the closes of the sample."""
    asked = BarRequest(since=dict.fromkeys(SYMBOLS, DAYS[0]), until=DAYS[0], now=datetime.now(tz=UTC))
    last = SampleBars().fetch(asked).groupby("symbol")["close"].last()
    close = {symbol: Decimal(str(last[symbol])) for symbol in SYMBOLS}
    return {order["symbol"]: Decimal(order["quantity"]) * close[order["symbol"]] for order in answer["orders"]}


@pytest.mark.parametrize(
    ("limit", "value", "most", "most_each"),
    [
        ("MAX_POSITION_SIZE", "0.25", 2_500, 1_250),
        ("MAX_TURNOVER", "0.1", 1_000, 500),
        ("MAX_ORDER_NOTIONAL", "600", 1_200, 600),
    ],
)
def test_each_limit_cuts_the_orders_of_a_day(
    home: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: str, most: int, most_each: int
) -> None:
    monkeypatch.setenv(f"TURBODMT_{limit}", value)
    worth = bought(json.loads(daily(as_of=DAYS[0], strategy="hold", home=home)))
    assert most - 10 < sum(worth.values()) <= most
    assert max(worth.values()) <= most_each


def test_the_drawdown_halt_withholds_orders_until_a_person_resumes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_MAX_DRAWDOWN_HALT", "0.0005")
    before = date(2018, 12, 26)
    daily(as_of=before, strategy="rules", home=home)
    with pytest.raises(OrdersBlocked, match=r"below its peak of 10000.00, the limit is 0.1%; .*turbodmt resume"):
        daily(as_of=DAYS[0], strategy="rules", home=home)
    told = account_status(home, "daily")
    assert re.search(rf"Last run: {DAYS[0]}, begun \S+, halted$", shown_status(told), re.MULTILINE)
    assert not any(concern.key.startswith("failed") for concern in look(home, datetime.now(tz=UTC)))
    resume(home, "daily", "the limit was a demonstration", NOW)
    monkeypatch.delenv("TURBODMT_MAX_DRAWDOWN_HALT")
    assert json.loads(daily(as_of=DAYS[1], strategy="rules", home=home))["halted"] is False


def test_days_that_no_run_came_for_are_told_once(home: Path) -> None:
    assert json.loads(daily(as_of=date(2018, 12, 21), strategy="rules", home=home))["warnings"] == []
    (missed,) = json.loads(daily(as_of=DAYS[1], strategy="rules", home=home))["warnings"]
    assert missed.startswith("3 days from 2018-12-24 to 2018-12-27 passed without a decision: no run was made for them")
    assert missed.endswith("the account is marked" + SETTLED)
    assert json.loads(daily(as_of=DAYS[2], strategy="rules", home=home))["warnings"] == []
    with connect(home) as store:
        newest = runs.runs(store, last=2)
    assert [len(record.outcome.warnings) if record.outcome else None for record in newest] == [0, 1]


def test_a_missed_day_whose_run_failed_says_why(home: Path) -> None:
    daily(as_of=DAYS[0], strategy="rules", home=home)
    settings = load({"home": home, "strategy": "rules"})
    job = plan(settings, SampleBars(), Request(account="daily", as_of=DAYS[1], clock=datetime.now(tz=UTC)))
    begin(job, datetime.now(tz=UTC))
    close_failed(job, datetime.now(tz=UTC), "sample did not answer")
    (missed,) = json.loads(daily(as_of=DAYS[2], strategy="rules", home=home))["warnings"]
    assert missed == "2018-12-28 passed without a decision: its run failed: sample did not answer" + SETTLED


def test_a_late_symbol_is_decided_by_the_next_run_of_the_day(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "bars.csv"
    asked = BarRequest(since=dict.fromkeys(SYMBOLS), until=DAYS[0], now=datetime.now(tz=UTC))
    bars = SampleBars().fetch(asked).rename(columns={"open_time": "date"})
    late = (bars["symbol"] == "^IXIC") & (bars["date"] == bars["date"].max())
    options: dict[str, Any] = {"as_of": DAYS[0], "source": f"file:{path}", "strategy": "hold", "home": home}
    bars[~late].to_csv(path, index=False)
    first = json.loads(daily(**options))
    assert (first["state"], first["waiting"]) == ("partial", ["^IXIC"])
    assert [order["symbol"] for order in first["orders"]] == ["^GSPC"]
    bars.to_csv(path, index=False)
    second = json.loads(daily(**options))
    assert (second["state"], second["waiting"], second["model_reason"]) == ("done", [], first["model_reason"])
    assert [(each["pass"], each["symbols"]) for each in second["passes"]] == [(1, ["^GSPC"]), (2, ["^IXIC"])]
    assert second["orders"][0] == first["orders"][0]
    assert [order["symbol"] for order in second["orders"]] == list(SYMBOLS)
    assert "1: ^GSPC; 2: ^IXIC" in Path(second["report"]).read_text(encoding="utf-8")
    assert json.loads(daily(**options))["warnings"][-1] == "2018-12-27 was already done; nothing was left to do"
    with connect(home) as store:
        ended = [record.outcome.status for record in runs.runs(store) if record.outcome]
    assert ended == ["done", "partial"]


def test_a_repeat_by_a_schedule_ends_with_what_the_first_run_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "8d1c9f4e-2f6b-4f7e-9d5c-0c1a2b3c4d5e")
    options: dict[str, Any] = {"as_of": DAYS[0], "strategy": "rules", "home": home}
    first = json.loads(daily(**options))
    # A day's work cannot be done any more: what is told now comes from the note.
    monkeypatch.setitem(sys.modules, "flows.work.deployed_day", None)
    again = json.loads(daily(**options))
    assert again.pop("warnings") == ["2018-12-27 was already done; nothing was left to do"]
    assert first.pop("warnings") == []
    assert again == first
    with pytest.raises(ImportError, match="deployed_day"):
        daily(**{**options, "strategy": "momentum"})
    forget_account(home, "daily")
    with pytest.raises(ImportError, match="deployed_day"):
        daily(**options)
