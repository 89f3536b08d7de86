from collections.abc import Iterator

import pytest

from exchange.testnet_client import ApiKeys
from flows import keys, paper_trading
from flows.keys import KeysMissing, hold
from flows.keys import testnet_keys as found_keys
from flows.paper_trading import paper_trade
from flows.plan import RequestRefused
from flows.settings import load
from flows.wiring import broker_factory


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in keys.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    keys._HELD.clear()
    yield
    keys._HELD.clear()


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_TESTNET_KEY", "a key")
    monkeypatch.setenv("TURBODMT_TESTNET_SECRET", " a secret ")
    assert found_keys() == ApiKeys(key="a key", secret="a secret")


def test_keys_of_the_caller_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_TESTNET_KEY", "a key")
    hold("mine", "too")
    assert found_keys() == ApiKeys(key="mine", secret="too")


@pytest.mark.parametrize("broker", ["testnet-spot", "testnet-futures"])
def test_a_broker_without_keys_says_where_they_are_looked_for(broker: str) -> None:
    with pytest.raises(KeysMissing, match="set TURBODMT_TESTNET_KEY and TURBODMT_TESTNET_SECRET or save"):
        broker_factory(load({"broker": broker}))


@pytest.mark.parametrize("broker", ["testnet-spot", "testnet-futures"])
def test_the_settings_name_the_broker_and_nothing_else_of_it(broker: str) -> None:
    hold("mine", "too")
    settings = load({"broker": broker})
    made = broker_factory(settings)
    assert made is not None
    assert not [name for name in type(settings).model_fields if any(word in name for word in ("key", "secret", "url"))]


def test_one_call_trades_with_keys_that_are_no_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def run_daily(given: object, as_of: None, account: str) -> dict[str, str]:
        asked.extend([given, account])
        return {"equity": "5000"}

    monkeypatch.setattr("flows.commands.run_daily", run_daily)
    assert paper_trade("mine", "too", "BTCUSDT", initial_capital=5_000) == {"equity": "5000"}
    assert asked[1] == "paper-testnet-spot"
    assert "mine" not in str(asked)
    assert found_keys() == ApiKeys(key="mine", secret="too")


def test_another_interval_than_a_day_is_refused() -> None:
    with pytest.raises(RequestRefused, match="interval is '1h'; this system decides once a day: use '1d'"):
        paper_trading.paper_trade("mine", "too", interval="1h")  # type: ignore[arg-type]
