"""The doctor: each check has a verdict, and a remedy where it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import flows.doctor.checks
from flows.doctor.checks import run_doctor
from storage.database import connect
from storage.ledger import days as ledger
from strategy.backtest.day_loop import Day, opening
from testing.markets.bars import SHARE
from testing.servers.main_site import MainSite
from testing.servers.market_data import FakeBinance, Fault, daily_klines
from tests.flows.conftest import write_bars


def checks(home: Path) -> dict[str, dict[str, Any]]:
    answer = run_doctor({"home": home}).json_values()
    assert answer["ok"] is all(check["ok"] for check in answer["checks"])
    assert all(bool(check["remedy"]) is not check["ok"] for check in answer["checks"])
    return {check["name"]: check for check in answer["checks"]}


def test_a_sound_installation_passes_every_check(home: Path) -> None:
    found = checks(home)
    assert [name for name, check in found.items() if not check["ok"]] == []
    installed = {"python", "packages", "environment", "disk", "store", "privacy"}
    assert set(found) == {*installed, "sample", "rates", "clock", "prefect server"}
    assert found["sample"]["detail"] == "last session 2018-12-31"
    assert found["clock"]["detail"] == "nothing to compare it with: sample reports no time"


def test_a_home_that_others_can_read_is_told(home: Path) -> None:
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    check = checks(home)["privacy"]
    assert (check["ok"], check["remedy"]) == (False, f"chmod 700 {home}")


def test_a_package_that_is_missing_or_too_new_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["no-such-package>=1", "numpy<1", "pandas>=3", "nor-this; extra == 'scale'"]
    monkeypatch.setattr(flows.doctor.checks, "requires", lambda name: needed)
    found = checks(home)
    assert found["no-such-package"]["detail"] == "missing, known to work is >=1"
    assert found["numpy"]["remedy"] == "pip install 'numpy<1'"
    assert not {"packages", "pandas", "nor-this"} & set(found)


def test_a_store_that_cannot_be_used_is_told_beside_the_other_checks(home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "turbodmt.duckdb").write_text("no database")
    found = checks(home)
    assert [name for name, check in found.items() if not check["ok"]] == ["store"]
    assert "turbodmt.duckdb is damaged or no DuckDB database" in found["store"]["detail"]
    assert found["store"]["remedy"].startswith("move it away and restore a copy")


def test_a_home_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = checks(tmp_path / "file")
    assert [name for name, check in found.items() if not check["ok"]] == ["store", "privacy"]


def test_wrong_settings_are_told_beside_what_needs_none(home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("sede = 1\n")
    found = checks(home)
    assert [name for name, check in found.items() if not check["ok"]] == ["settings"]
    assert found["settings"]["remedy"] == "did you mean seed?"
    assert found["settings"]["detail"] == f"{home / 'settings.toml'}: unknown setting sede"


def test_the_server_that_runs_go_to_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert checks(home)["prefect server"]["detail"] == "runs go to http://127.0.0.1:4200/api"
    assert checks(home)["prefect server"]["remedy"].startswith("start it with `turbodmt up`, or unset PREFECT_API_URL")


def test_a_misspelt_variable_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_SYMBOL", "SPY")
    check = checks(home)["environment"]
    assert (check["detail"], check["remedy"]) == ("TURBODMT_SYMBOL: read by nobody", "did you mean TURBODMT_SYMBOLS")


def test_a_testnet_without_keys_is_told_and_keys_are_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_BROKER", "testnet-spot")
    assert checks(home)["keys"]["detail"].startswith("a testnet broker needs a key and a secret")
    monkeypatch.setenv("TURBODMT_TESTNET_KEY", "k3y-word")
    monkeypatch.setenv("TURBODMT_TESTNET_SECRET", "s3cr3t-word")
    found = checks(home)
    assert found["keys"]["ok"]
    assert "-word" not in str(found)


def test_a_source_that_is_no_record_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_SOURCE", f"file:{tmp_path / 'nothing.csv'}")
    check = checks(home)["source"]
    assert "nothing.csv" in check["detail"]
    assert check["remedy"] == "correct the source or the symbols in settings.toml or the environment"


@contextmanager
def exchange_ahead_by(seconds: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    """Binance with another clock than ours, where the settings name it as the source."""
    now = datetime.now(tz=UTC)
    klines = daily_klines(now.date() - timedelta(days=30), [100.0] * 30)
    binance = FakeBinance(klines={"BTCUSDT": klines}, server_time=now + timedelta(seconds=seconds))
    monkeypatch.setenv("TURBODMT_SOURCE", "binance")
    monkeypatch.setenv("TURBODMT_SYMBOLS", "BTCUSDT")
    with MainSite(binance, folder) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        yield binance


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, (True, "binance", "")),
        (-60, (False, "ahead of binance, the limit is 10 s", "have the system set its clock")),
        (60, (False, "behind binance, the limit is 10 s", "have the system set its clock")),
    ],
)
def test_the_clock_is_compared_with_the_exchange_s(
    seconds: float, told: tuple[bool, str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange_ahead_by(seconds, tmp_path, monkeypatch):
        check = checks(home)["clock"]
    assert (check["ok"], check["remedy"][: len(told[2])]) == (told[0], told[2])
    assert told[1] in check["detail"]
    assert abs(float(check["detail"].partition(" s ")[0]) - abs(seconds)) < 10


def test_a_source_that_does_not_answer_is_asked_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange_ahead_by(0, tmp_path, monkeypatch) as binance:
        binance.faults[:] = [Fault(status=451)] * 2
        found = checks(home)
    assert (found["source"]["ok"], found["clock"]["detail"]) == (False, "not compared: the source does not answer")
    assert len(binance.asked("/api/v3/time")) == 1


def test_a_symbol_that_the_source_does_not_have_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exchange_ahead_by(0, tmp_path, monkeypatch):
        assert checks(home)["source"]["detail"].startswith("binance: last session 20")
        monkeypatch.setenv("TURBODMT_SYMBOLS", "BTCUSDT,BTCUSTD")
        found = checks(home)
    assert (found["source"]["ok"], "BTCUSTD" in found["source"]["detail"]) == (False, True)
    assert found["clock"]["ok"]


def test_a_first_symbol_without_a_new_bar_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with exchange_ahead_by(0, tmp_path, monkeypatch) as binance:
        binance.klines = {"BTCUSDT": []}
        check = checks(home)["source"]
    assert not check["ok"]
    assert check["detail"].startswith("binance has no bar of BTCUSDT from 20")


def test_the_rates_that_accounts_read_are_told_with_their_reach(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Day(state=opening(date(2018, 12, 31), Decimal(10_000)), fills=(), entries=(), settled=())
    with connect(home) as store:
        ledger.record_settlement(store, "desk", opened)
    assert checks(home)["rates"]["detail"] == "new accounts: a flat rate of 0.05; desk: a flat rate of 0.05"
    monkeypatch.delenv("TURBODMT_FINANCING_RATE")
    assert checks(home)["rates"]["detail"] == "new accounts: bills, up to 2019-01-14; desk: a flat rate of 0.05"


def test_rates_that_end_before_the_bars_are_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bars(tmp_path / "bars.csv", SHARE)
    monkeypatch.delenv("TURBODMT_FINANCING_RATE")
    monkeypatch.setenv("TURBODMT_SOURCE", f"file:{tmp_path / 'bars.csv'}")
    check = checks(home)["rates"]
    assert check["detail"].startswith("new accounts: the rates of bills have none between 2018-11-30 and ")
    assert check["remedy"] == "set financing_rate = 0.05 in settings.toml, or rates that reach to the newest bars"
    monkeypatch.setenv("TURBODMT_RATES", "constant:0.02")
    assert checks(home)["rates"]["detail"] == "new accounts: constant:0.02"
