"""Daily runs from Python, and the account that they leave, to read."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import turbodmt as td
from exchange.ports import SourceRefused
from flows.planning.plan import RequestRefused
from strategy.account.cash_flows import FlowKind
from strategy.exit_codes import UsageError
from tasks.operations.cash_flows import FlowRequest, cash_request, request_flows
from testing.markets.bars import PAIR, SHARE, TOKEN
from testing.runs.jobs import a_job, on, run_day
from testing.servers.prefect_database import prefect_harness
from tests.flows.conftest import write_bars

DAYS = ("2020-12-28", "2020-12-29", "2020-12-30")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after three days of a file."""
    home = tmp_path_factory.mktemp("lived") / "home"
    path = home.parent / "bars.csv"
    write_bars(path, SHARE, TOKEN)
    with prefect_harness():
        for day in DAYS:
            answer = td.run_daily("rules", source=path, symbols=["SHARE", "TOKEN"], as_of=day, home=home)
            assert (answer.as_of.isoformat(), answer.strategy) == (day, "rules")
        yield home


def test_a_day_that_is_done_stays_as_it_is(lived: Path) -> None:
    again = td.run_daily("rules", source=lived.parent / "bars.csv", symbols="SHARE,TOKEN", as_of=DAYS[-1], home=lived)
    assert again.warnings[-1] == f"{DAYS[-1]} was already done; nothing was left to do"


def test_the_account_is_what_status_says(lived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = td.Account("daily", home=lived)
    capsys.readouterr()
    assert td.main(["status", "--home", str(lived), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    equity = account.equity
    assert [str(day.date()) for day in equity.index] == list(DAYS)
    assert equity["equity"].iloc[-1] == pytest.approx(float(status["equity"]), rel=1e-12)
    assert equity["cash"].iloc[-1] == pytest.approx(float(status["cash"]), rel=1e-12)
    held = account.positions
    assert held["quantity"].to_dict() == {symbol: float(held) for symbol, held in status["positions"].items()}
    assert held["weight"].to_dict() == pytest.approx(status["exposures"])
    assert held["value"].sum() + equity["cash"].iloc[-1] == pytest.approx(equity["equity"].iloc[-1])


def test_decisions_and_orders_are_rows_by_date(lived: Path) -> None:
    account = td.Account("daily", home=lived)
    decisions, orders = account.decisions, account.orders
    assert (decisions.index.name, len(decisions)) == ("date", 2 * len(DAYS))
    assert set(decisions["strategy"]) == {"rules"}
    assert decisions["model_id"].isna().all()
    assert orders.index.name == "date"
    assert set(orders["side"]) <= {"buy", "sell"}
    assert len(orders) > 0


def test_an_order_is_explained(lived: Path) -> None:
    account = td.Account("daily", home=lived)
    order = account.orders["order_id"].iloc[0]
    explanation = account.explain(order[:12])
    assert str(explanation).startswith(f"Order {order} of account daily")
    assert json.loads(explanation.json())["order"]["order_id"] == order
    assert explanation._repr_html_().startswith("<pre>Order ")
    with pytest.raises(RequestRefused, match="ORDER is 'tdmt-x', with which no order id of account daily begins"):
        account.explain("tdmt-x")


def test_the_picture_shows_the_equity(lived: Path) -> None:
    account = td.Account("daily", home=lived)
    assert "Equity of the account daily" in account.plot().svg
    assert repr(account) == f"Account('daily', home={str(lived)!r})"


def test_the_picture_of_an_account_with_flows_is_free_of_them(tmp_path: Path) -> None:
    days = (date(2020, 6, 8), date(2020, 6, 9), date(2020, 6, 10))
    job = a_job(tmp_path, PAIR.symbols(), days[0])
    run_day(job, lambda: PAIR)
    asked = FlowRequest(account="daily", flows=(), costs=(), what="", day=None, reason="", key=None, at=job.now)
    request_flows(job.home, cash_request(FlowKind.DEPOSIT, Decimal(50_000), asked))
    for day in days[1:]:
        run_day(on(job, day), lambda: PAIR)
    account = td.Account("daily", home=tmp_path)
    table, picture = account.equity, account.plot().svg
    assert table["equity"].iloc[-1] > 55_000
    assert table["unit_value"].max() < 20_000
    assert "Equity of the account daily, without deposits and withdrawals" in picture
    assert "60,000" not in picture


def test_an_account_is_only_read(lived: Path, home: Path) -> None:
    before = (lived / "turbodmt.duckdb").read_bytes()
    account = td.Account("daily", home=lived)
    for table in (account.equity, account.positions, account.decisions, account.orders):
        assert len(table) > 0
    assert (lived / "turbodmt.duckdb").read_bytes() == before
    with pytest.raises(AttributeError, match="equity"):
        account.equity = None  # type: ignore[misc, assignment]
    assert not home.exists()


def test_an_account_that_is_not_there_is_refused_and_nothing_is_made(lived: Path, home: Path) -> None:
    with pytest.raises(UsageError, match=r"no account 'dayly': .* holds daily; name one of these, or another home="):
        td.Account("dayly", home=lived)
    with pytest.raises(UsageError, match=r"no account 'daily': .* holds no account"):
        td.Account("daily")
    assert not home.exists()


def test_a_wrong_day_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="as_of= is '2018'; it must be a date"):
        td.run_daily("rules", as_of="2018", home=tmp_path / "home")
    with pytest.raises(SourceRefused, match=r"there is no file .*bars\.csv"):
        td.run_daily("rules", source=tmp_path / "bars.csv", home=tmp_path / "home")


def test_a_strategy_made_here_cannot_trade() -> None:
    mine = td.Strategy(name="mine", signal=lambda bars: bars.close * 0, history_bars=1)
    with pytest.raises(RequestRefused, match="mine was made in this process and cannot trade; name a strategy or"):
        td.run_daily(mine)
