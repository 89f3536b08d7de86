import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.binance_futures import FuturesTestnet
from flows import paper_trading
from flows.config.settings import load
from flows.paper_trading import paper_trade
from flows.planning import api_keys as keys
from flows.planning.adapters import broker_factory
from flows.planning.api_keys import KeysMissing, passed
from flows.planning.api_keys import testnet_keys as found_keys
from flows.planning.plan import RequestRefused
from flows.server.up_server import DemandedFrom, note
from tasks.run.answers import DayAnswer
from testing.servers.prefect_database import put_database
from testing.servers.prefect_server import clean_environment, prefect_server
from testing.servers.up_server import held_up

SAVE = """
from prefect.blocks.system import Secret
for name in ("turbodmt-testnet-key", "turbodmt-testnet-secret"):
    Secret(value="s3cr3t-word").save(name)
"""

MINE = ApiKeys(key="mine", secret="too")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in keys.VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_keys_come_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_TESTNET_KEY", "a key")
    monkeypatch.setenv("TURBODMT_TESTNET_SECRET", " a secret ")
    assert found_keys(home) == ApiKeys(key="a key", secret="a secret")


def test_keys_of_the_caller_come_before_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_TESTNET_KEY", "a key")
    monkeypatch.setenv("TURBODMT_TESTNET_SECRET", "a secret")
    with passed(MINE):
        assert found_keys(home) == MINE
    assert found_keys(home).key == "a key"


@pytest.mark.parametrize("broker", ["testnet-spot", "testnet-futures"])
def test_a_broker_without_keys_says_where_they_are_looked_for(broker: str) -> None:
    with pytest.raises(KeysMissing, match="set TURBODMT_TESTNET_KEY and TURBODMT_TESTNET_SECRET or save"):
        broker_factory(load({"broker": broker}))


def ended(home: Path, *arguments: str) -> tuple[int, str, str]:
    """Return how a process of its own ended, what it answered and what else it said."""
    done = subprocess.run(
        [Path(sys.executable).with_name("turbodmt"), *arguments, "--home", str(home)],
        env={**clean_environment(), "TURBODMT_BROKER": "testnet-spot"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.server
def test_a_command_asks_the_server_that_stands_for_the_home(home: Path, tmp_path: Path) -> None:
    put_database(tmp_path / "prefect")
    with prefect_server(tmp_path) as server, held_up(home):
        subprocess.run([sys.executable, "-c", SAVE], env=server.environment, capture_output=True, check=True)
        note(home, server.api, os.getpid(), DemandedFrom.ENVIRONMENT)
        _, answer, said = ended(home, "doctor", "--json")
        checks = {check["name"]: check["detail"] for check in json.loads(answer)["checks"]}
        assert (checks["keys"], said) == ("testnet-spot: there, and not shown", "")
        # What is wrong with this is found after the keys.
        told = "turbodmt: --reason is ''; say in a few words why, for whoever reads it later\n"
        assert ended(home, "adopt") == (2, "", told)


@pytest.mark.parametrize("broker", ["testnet-spot", "testnet-futures"])
def test_the_settings_name_the_broker_and_nothing_else_of_it(broker: str) -> None:
    settings = load({"broker": broker})
    with passed(MINE):
        assert broker_factory(settings) is not None
    assert not [name for name in type(settings).model_fields if any(word in name for word in ("key", "secret", "url"))]


@pytest.mark.parametrize(("most", "leverage"), [(0.5, 1), (1.0, 2), (1.5, 2), (2.0, 3)])
def test_futures_leave_margin_for_fees_at_the_largest_exposure(most: float, leverage: int) -> None:
    with passed(MINE):
        broker = broker_factory(load({"broker": "testnet-futures", "max_position_size": most}))(datetime.now(UTC))
    assert isinstance(broker, FuturesTestnet)
    assert broker._leverage == leverage


def test_one_call_trades_with_keys_that_are_no_parameter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def run_daily(given: object, as_of: None, account: str) -> DayAnswer:
        asked.extend([given, account])
        assert found_keys(home) == MINE
        return DayAnswer.model_construct(equity=Decimal(5_000))

    monkeypatch.setattr("flows.cli.trade.daily.run_daily", run_daily)
    assert paper_trade("mine", "too", "BTCUSDT", initial_capital=5_000) == {"equity": "5000"}
    assert asked[1] == "paper-testnet-spot"
    assert "mine" not in str(asked)
    with pytest.raises(KeysMissing, match="none were found"):
        found_keys(home)


def test_another_interval_than_a_day_is_refused() -> None:
    with pytest.raises(RequestRefused, match="interval is '1h'; this system decides once a day: use '1d'"):
        paper_trading.paper_trade("mine", "too", interval="1h")  # type: ignore[arg-type]
