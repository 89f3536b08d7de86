"""The seed document's calls, as printed but for the line of the import."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.planning.plan import RequestRefused
from strategy.market.instruments import Calendar
from testing.exchange.testnets import Testnet, stamped_by
from testing.markets.bars import FakeBars, Listing, record
from testing.servers.prefect_database import prefect_harness
from tests.flows.conftest import write_bars
from turbodmt import BinancePaperTrader, SizingParams, calculate_position_size, detect_market_regime, main

#: Networks that are trained at once.
TINY = {
    "NETWORK_DIMENSIONS": "8",
    "NETWORK_HEADS": "2",
    "NETWORK_LAYERS": "1",
    "LOOKBACK_PERIOD": "20",
    "ENSEMBLE_MEMBERS": "1",
    "TRAINING_STEPS": "1",
    "WARM_TRAINING_STEPS": "1",
    "TWINS": "0",
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TINY.items():
        monkeypatch.setenv(f"TURBODMT_{name}", value)


@pytest.mark.usefixtures("tiny")
def test_the_backtest_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spy = Listing(symbol="SPY", calendar=Calendar.XNYS, first=date(2020, 1, 2), last=date(2024, 1, 31), seed=3)
    write_bars(tmp_path / "spy.csv", spy)
    monkeypatch.setenv("TURBODMT_SOURCE", f"file:{tmp_path / 'spy.csv'}")
    monkeypatch.chdir(tmp_path)
    # fmt: off
    code = main(['turbo_dmt_v2', 'backtest', '--symbol', 'SPY',
          '--start-date', '2023-01-01', '--end-date', '2024-01-01',
          '--capital', '10000', '--save-results'])
    # fmt: on
    assert code == 0, capsys.readouterr().err
    assert capsys.readouterr().out.startswith("turbo on SPY, 2023-01-03 to 2023-12-29, 250 days; 1 configuration")
    saved = tmp_path / "turbodmt-results"
    assert sorted(path.name for path in saved.iterdir()) == [
        "equity.parquet",
        "report.html",
        "run.json",
        "trades.parquet",
    ]
    assert pd.read_parquet(saved / "equity.parquet")["equity"].iloc[0] == 10_000


def test_the_regime_of_a_frame_with_close_in_either_spelling() -> None:
    close = 100 * 1.004 ** np.arange(300) * (1 + 0.002 * np.sin(np.arange(300)))
    regime, confidence = detect_market_regime(pd.DataFrame({"Close": close, "Volume": 1.0}))
    assert (regime, 0.5 < confidence <= 1.0) == ("Bull", True)
    assert detect_market_regime({"close": close}) == (regime, confidence)
    assert detect_market_regime(pd.DataFrame({"close": close[::-1], "Close": close}))[0] == "Bear"
    with pytest.raises(ValueError, match="no column close or Close"):
        detect_market_regime(pd.DataFrame({"price": close}))
    with pytest.raises(ValueError, match="30 closes cannot show a regime"):
        detect_market_regime(pd.DataFrame({"Close": close[:30]}))


def as_printed(signal: float, regime: str, volatility: float, params: dict[str, float]) -> float:
    """The seed document's function, word for word."""
    position = signal
    if regime == "Bull":
        position *= 1.25
    elif regime == "Bear":
        position *= 0.75
    vol_scalar = params["target_vol"] / volatility
    position = position * min(vol_scalar, 2.0)
    return float(np.clip(position, -params["max_position"], params["max_position"]))


@pytest.mark.parametrize("signal", [-1.0, -0.4, 0.01, 0.6, 1.0])
@pytest.mark.parametrize("regime", ["Bull", "Neutral", "Bear"])
@pytest.mark.parametrize("volatility", [0.05, 0.35, 0.9])
def test_a_size_is_the_documents_own(signal: float, regime: str, volatility: float) -> None:
    params = {"target_vol": 0.35, "max_position": 1.5}
    expected = as_printed(signal, regime, volatility, params)
    assert calculate_position_size(signal, regime, volatility, params) == pytest.approx(expected, rel=1e-15)


def test_a_size_takes_our_parameters_too() -> None:
    assert calculate_position_size(0.02, "Bull", 0.35, SizingParams()) == 0.0
    zoned = {"target_vol": 0.35, "max_position": 2.0, "neutral_zone": 0.03}
    assert calculate_position_size(0.02, "Bull", 0.35, zoned) == 0.0
    with pytest.raises(ValueError, match="the parameters lack max_position; they are target_vol, max_position and"):
        calculate_position_size(0.5, "Bull", 0.35, {"target_vol": 0.35})
    with pytest.raises(ValueError, match="the parameters hold leverage; they are"):
        calculate_position_size(0.5, "Bull", 0.35, {"target_vol": 0.35, "max_position": 2.0, "leverage": 3.0})


@pytest.fixture
def testnet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Testnet]:
    """Binance's market data and spot testnet, without a socket; the broker demands the keys of the document."""
    today = datetime.now(UTC).date()
    listing = Listing(
        symbol="BTCUSDT",
        calendar=Calendar.ALWAYS,
        first=today - timedelta(days=400),
        last=today - timedelta(days=1),
        seed=5,
    )
    source = FakeBars(listings=(listing,), name="binance", streaming=True)
    net = Testnet(start=datetime.now(UTC))
    net.exchange.quote("BTCUSDT", Decimal(f"{record(listing)['close'].iloc[-1]:.1f}"))

    def broker(keys: Any, _: object) -> Any:
        assert (keys.key, keys.secret) == ("your_binance_testnet_key", "your_binance_testnet_secret")
        return net.broker("testnet-spot")

    monkeypatch.setattr("exchange.bars.binance_klines.BinanceBars", lambda: source)
    monkeypatch.setattr("exchange.brokers.binance_spot.SpotTestnet", broker)
    with stamped_by(net.clock), prefect_harness():
        yield net


@pytest.mark.usefixtures("tiny")
def test_the_paper_trader_as_printed(testnet: Testnet, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The test may run at any hour.
    monkeypatch.setenv("TURBODMT_MAX_LATENESS_HOURS", "25")

    # Set up paper trading for Bitcoin
    trader = BinancePaperTrader(
        api_key="your_binance_testnet_key",
        api_secret="your_binance_testnet_secret",
        symbol="BTCUSDT",
        interval="1d",
        strategy_version="turbo",
        initial_capital=10000.0,
    )

    # Run the paper trader
    answer = trader.run()

    assert (answer["account"], list(answer["symbols"])) == ("paper-testnet-spot", ["BTCUSDT"])
    assert Decimal(answer["equity"]) == 10_000
    assert "your_binance" not in repr(trader) + json.dumps(answer) + str(os.environ)
    assert [order["state"] for order in answer["orders"]] == ["filled"]
    again = trader.run()
    assert {**again, "warnings": answer["warnings"]} == answer
    assert len(testnet.exchange.accepted_orders) == 1
    assert (home / "turbodmt.duckdb").exists()


def test_the_paper_trader_decides_once_a_day() -> None:
    hourly = BinancePaperTrader(api_key="a", api_secret="b", interval="1h")  # type: ignore[arg-type]
    with pytest.raises(RequestRefused, match="interval is '1h'; this system decides once a day: use '1d'"):
        hourly.run()


def test_main_returns_the_exit_code_and_leaves_the_process_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TURBODMT_SEED", "3")
    before, mode = dict(os.environ), os.umask(0o022)
    try:
        assert main(["bars", "--set", "seed=9", "--set", "stale_days=3"]) == 0
        assert main(["status", "--set", "sed=9"]) == 2
        assert "unknown setting sed" in capsys.readouterr().err
        assert dict(os.environ) == before
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mode)
    assert main([]) == 2
    assert main(["--help"]) == 0
    with pytest.raises(
        TypeError, match=r"argv is the text 'status -h'; it must be a list of words, such as \['status'"
    ):
        main("status -h")
