"""A backtest from Python equals the command's."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import turbodmt as td
from exchange.ports import SourceRefused
from flows.config.settings import ConfigurationError
from flows.planning.plan import RequestRefused
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray
from testing.markets.bars import SHARE, TOKEN, record
from testing.runs.own_strategies import TREND, a_file, made_here

WINDOW = {"start": "2020-08-03", "end": "2020-10-30"}


HERE = made_here(TREND)


@pytest.fixture
def bars() -> pd.DataFrame:
    return pd.concat([record(SHARE), record(TOKEN)], ignore_index=True).rename(columns={"open_time": "date"})


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Mapping[str, Any]:
    """What `turbodmt … --json` prints, as a command of this process."""
    capsys.readouterr()
    assert td.main([*map(str, arguments), "--json"]) == 0
    answer: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("kind", ["file", "frame"])
def test_the_json_is_what_the_command_prints(
    kind: str, bars: pd.DataFrame, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bars.parquet"
    bars.to_parquet(path, index=False)
    options = ["--start-date", WINDOW["start"], "--end-date", WINDOW["end"], "--capital", "5000", "--fee-bps", "3"]
    command = ["backtest", "--source", f"file:{path}", "--strategy", "rules,hold,momentum", *options]
    answer = printed(capsys, *command, "--home", tmp_path / "home")
    tested = td.backtest(
        path if kind == "file" else bars,
        "rules",
        benchmarks=["hold", "momentum"],
        capital=5000,
        fee_bps=3,
        home=tmp_path / "another",
        **WINDOW,
    )
    assert json.loads(tested.json()) == {**answer, "files": []}
    assert tested.stats.to_dict() == pytest.approx(answer["net"], abs=0)
    assert list(tested.stats.index) == list(answer["net"])
    assert not home.exists()


def test_the_tables_are_those_of_the_saved_results(
    bars: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bars.csv"
    bars.to_csv(path, index=False)
    answer = printed(
        capsys,
        *("backtest", "--source", path, "--strategy", "rules", "--start-date", WINDOW["start"]),
        *("--end-date", WINDOW["end"], "--save-results", tmp_path / "out", "--home", tmp_path / "home"),
    )
    equity, trades, *_ = map(Path, answer["files"])
    tested = td.backtest(path, "rules", **WINDOW)
    saved = pd.read_parquet(equity)
    assert tested.equity.index.name == "date"
    assert list(tested.equity.index.date) == saved["as_of"].tolist()
    pd.testing.assert_frame_equal(
        tested.equity.reset_index(drop=True), saved.drop(columns="as_of"), check_dtype=False, check_exact=True
    )
    assert tested.trades["order_id"].tolist() == pd.read_parquet(trades)["order_id"].tolist()
    assert isinstance(tested.trades.index, pd.DatetimeIndex)
    weights = tested.weights
    assert (weights.columns.tolist(), len(weights)) == (["SHARE", "TOKEN"], len(saved))
    assert weights.abs().sum(axis=1).to_numpy() == pytest.approx(saved["exposure"].to_numpy())


def test_a_strategy_made_here_is_tested_beside_hold(bars: pd.DataFrame) -> None:
    tested = td.backtest(bars, HERE, **WINDOW)
    answer = json.loads(tested.json())
    assert (answer["strategy"], list(answer["benchmarks"])) == ("trend", ["hold"])
    assert set(tested.trades["symbol"]) == {"SHARE", "TOKEN"}
    significance = answer["significance"]
    found = tested.robustness.dropna().to_dict()
    assert found == {name: value for name, value in significance.items() if name in found}
    assert {"sharpe", "low", "high", "deflated_sharpe", "trials"} <= set(found)
    assert tested.differences.loc["hold"].to_dict() == significance["against"]["hold"]
    assert tested.stats.name == "trend"
    assert tested.risk.dropna().to_dict() == {name: answer["risk"][name] for name in tested.risk.dropna().index}
    gained = tested.attribution
    assert gained.index.tolist()[:2] == ["SHARE", "TOKEN"]
    assert gained["net"].sum() == pytest.approx(float(answer["attribution"]["total"]["net"]))
    assert gained.drop(columns="net").sum(axis=1).to_numpy() == pytest.approx(gained["net"].to_numpy())
    assert repr(tested).startswith("Backtest(trend on SHARE, TOKEN, 2020-08-03 to 2020-10-30, net Sharpe ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    bars: int


def crossing(speed: int) -> td.Strategy:
    def signal(bars: Bars, parameters: Speed) -> FloatArray:
        return np.sign(bars.close - bars.open) * (parameters.bars > 0)

    return td.Strategy(name="crossing", signal=signal, history_bars=1, sizing="direct", parameters=Speed(bars=speed))


def test_a_strategys_file_gives_the_same_figures(bars: pd.DataFrame, tmp_path: Path, home: Path) -> None:
    of_file, here = (td.backtest(bars, one, **WINDOW) for one in (a_file(tmp_path), HERE))
    pd.testing.assert_frame_equal(of_file.comparison, here.comparison, check_exact=True)
    pd.testing.assert_frame_equal(of_file.trades, here.trades, check_exact=True)
    assert not home.exists()


def test_whether_a_strategy_was_audited_is_said_wherever_its_backtest_is_shown(
    bars: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, home, file = tmp_path / "bars.csv", tmp_path / "home", a_file(tmp_path)
    bars.to_csv(path, index=False)

    def told() -> tuple[str, str, str, str]:
        tested = td.backtest(path, file, home=home, **WINDOW)
        page = tested.report(tmp_path / "report.html").read_text(encoding="utf-8")
        given = ("--source", f"file:{path}", "--start-date", WINDOW["start"], "--end-date", WINDOW["end"])
        capsys.readouterr()
        assert td.main(["backtest", "--strategy", file, "--home", str(home), *given]) == 0
        return json.loads(tested.json())["audit"], tested._repr_html_(), page, capsys.readouterr().out

    audit, shown, page, printed = told()
    assert audit == "not audited"
    assert ", not audited: td.audit on the same bars audits it." in shown
    assert "trend.py, not audited" in page
    assert "in Python td.audit, with the same options audits it." in page
    assert ", not audited: `turbodmt audit lookahead` with the same options audits it." in printed
    here = td.backtest(bars, HERE, **WINDOW)
    assert ", not audited: td.audit on the same bars" in here._repr_html_()
    assert "audited" not in td.backtest(bars, "rules", **WINDOW)._repr_html_()
    td.audit(file, path, home=home)
    audit, shown, page, printed = told()
    assert audit == "passed"
    assert "which has passed its audit on these symbols." in shown
    assert "which has passed its audit on these symbols." in printed
    assert "trend.py, audit passed" in page
    assert "not audited" not in page


def test_parameters_are_set_by_the_settings(bars: pd.DataFrame) -> None:
    given = {"parameters": {"bars": 2}}
    config = json.loads(td.backtest(bars, crossing(1), settings=given, **WINDOW).json())["config"]
    assert config["parameters"] == {"bars": 2}
    with pytest.raises(UsageError, match=r"strategy crossing: .*speed"):
        td.backtest(bars, crossing(1), settings={"parameters": {"speed": 2}}, **WINDOW)


def test_too_few_days_leave_the_robustness_undefined(bars: pd.DataFrame) -> None:
    tested = td.backtest(bars, "rules", start="2020-10-20", end="2020-10-30")
    assert tested.robustness.isna().all()
    assert tested.differences.empty


def test_what_is_tried_in_a_process_is_counted_and_a_repetition_is_not(bars: pd.DataFrame, tmp_path: Path) -> None:
    def trials(strategy: td.Strategy) -> object:
        return json.loads(td.backtest(bars, strategy, home=tmp_path / "home", **WINDOW).json())["trials"]

    assert [trials(crossing(1)), trials(crossing(1)), trials(crossing(2)), trials(HERE)] == [1, 1, 2, 3]


def test_a_file_that_has_changed_is_read_anew(bars: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    share = bars[bars["symbol"] == "SHARE"]
    share.to_csv(path, index=False)
    first = td.backtest(path, "rules", **WINDOW)
    share[share["date"] > share["date"].iloc[3]].assign(symbol="SHARE", volume=1e9).to_csv(path, index=False)
    second = td.backtest(path, "rules", **WINDOW)
    assert json.loads(first.json())["data_sha256"] != json.loads(second.json())["data_sha256"]
    other = td.backtest(path, "rules", home=tmp_path / "home", **WINDOW)
    assert json.loads(second.json())["data_sha256"] == json.loads(other.json())["data_sha256"]
    assert second.warnings == other.warnings


def test_a_report_and_a_picture_are_written(bars: pd.DataFrame, tmp_path: Path) -> None:
    tested = td.backtest(bars, "rules", symbols="TOKEN", **WINDOW)
    page = tested.report(tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert tested.plot()._repr_svg_().startswith("<svg")
    assert tested.plot().save(tmp_path / "equity.svg").read_text(encoding="utf-8") == tested.plot().svg
    shown = tested._repr_html_()
    assert shown.count("<svg") == 1
    assert "net_2x_cost" in shown
    with pytest.raises(ValueError, match=r"the report's path is 'out'; it must end in \.html"):
        tested.report("out")
    with pytest.raises(ValueError, match=r"must end in \.svg"):
        tested.plot().save("equity.png")


def test_nothing_is_logged_and_handlers_stay(bars: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    td.backtest(bars, "rules", **WINDOW)
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"start": "2018"}, "start= is '2018'; it must be a date such as 2018-12-31"),
        ({"start": "2020-10-31"}, "start= 2020-10-31 lies after end= 2020-10-30; swap them"),
        ({"strategy": "luck"}, "strategy= is 'luck', which is neither a known strategy nor a file"),
        ({"strategy": "rules,hold"}, "must name one strategy: the others are benchmarks="),
        ({"benchmarks": "hold"}, r"benchmarks is 'hold'; it must be a list of strategies, such as \['hold'\]"),
        ({"symbols": "SHARES"}, "the frame has no bars of SHARES; it holds 2: SHARE, TOKEN; did you mean SHARE?"),
        ({"settings": {"capital": 5}}, "settings name capital, which is a parameter of its own"),
        ({"settings": {"capitl": 5}}, "unknown setting capitl; did you mean capital"),
        ({"capital": -5}, "capital is '-5'; it must be greater than 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(bars: pd.DataFrame, change: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"strategy": "rules", **WINDOW, **change}
    with pytest.raises((RequestRefused, ConfigurationError, SourceRefused, UsageError), match=sentence):
        td.backtest(bars, **given)


def test_a_strategy_needs_a_name_of_its_own_and_parameters_that_stay(bars: pd.DataFrame) -> None:
    twin = td.Strategy(name="hold", signal=HERE.signal, history_bars=50, sizing="full")
    with pytest.raises(RequestRefused, match="the strategy has the name 'hold' of a built-in one; give it another"):
        td.backtest(bars, twin)
    loose = td.Strategy(name="loose", signal=HERE.signal, history_bars=50, sizing="full", parameters={"fast": 3})
    with pytest.raises(RequestRefused, match=r"the parameters of loose are .*; they must be a frozen dataclass"):
        td.backtest(bars, loose)
    other = replace(HERE, history_bars=60, sizing="full")
    with pytest.raises(RequestRefused, match="two strategies have the name 'trend'"):
        td.backtest(bars, HERE, benchmarks=[other])


def test_settings_are_in_force_and_the_users_own_home_is_not(
    bars: pd.DataFrame, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(mode=0o700)
    (home / "settings.toml").write_text("neutral_zone = 0.5\n", encoding="utf-8")
    monkeypatch.setenv("TURBODMT_SEED", "9")
    config = json.loads(td.backtest(bars, "rules", settings={"target_annual_vol": 0.1}, **WINDOW).json())["config"]
    assert (config["target_annual_vol"], config["seed"], config["neutral_zone"]) == (0.1, 9, 0.03)
    assert [path.name for path in home.iterdir()] == ["settings.toml"]
    config = json.loads(td.backtest(bars, "rules", home=home, **WINDOW).json())["config"]
    assert config["neutral_zone"] == 0.5
