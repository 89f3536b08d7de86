"""Audits and sweeps from Python."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import turbodmt as td
from flows.config.settings import load
from flows.planning.plan import RequestRefused
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray
from strategy.signals.faults import StrategyRefused
from testing.markets.bars import DEEP, SHARE, TOKEN, record
from testing.runs.own_strategies import SPEEDS, a_file
from turbodmt.own_strategies import code_digest, strategy_of

WINDOW = {"start": "2020-08-03", "end": "2020-10-30"}
GRID = {"target_annual_vol": [0.1, 0.2], "fee_bps": np.array([0.0, 5.0])}


def trend(bars: Bars) -> FloatArray:
    close = bars.close * bars.factor
    mean = np.convolve(close, np.ones(20) / 20, "valid")
    out = np.full(len(close), np.nan)
    out[19:] = np.sign(close[19:] - mean)
    return out


TREND = td.Strategy(name="trend", signal=trend, history_bars=20)


@pytest.fixture
def bars() -> pd.DataFrame:
    return pd.concat([record(SHARE), record(TOKEN)], ignore_index=True).rename(columns={"open_time": "date"})


@pytest.fixture
def deep() -> pd.DataFrame:
    share, token = DEEP.listings
    return pd.concat([record(share), record(token)], ignore_index=True).rename(columns={"open_time": "date"})


def test_an_honest_strategy_passes_the_audit(deep: pd.DataFrame) -> None:
    # With more money, orders would be cut to a tenth of a bar's volume.
    settings = {"capital": 1_000}
    report = td.audit(TREND, deep, start="2020-06-01", end="2020-12-31", days=3, settings=settings)
    assert report.checks["passed"].all()
    assert set(report.checks["strategy"]) == {"network", "trend"}
    assert report.coverage is not None
    assert report.coverage.symbols == 2
    assert repr(report).endswith("checks passed, 2020-06-01 to 2020-12-31)")
    assert "trend" in report._repr_html_()


def test_a_built_in_one_is_audited_as_the_command_does(
    deep: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bars.csv"
    deep.to_csv(path, index=False)
    options = ["--start-date", "2020-06-01", "--end-date", "2020-12-31", "--strategy", "rules", "--days", "3"]
    capsys.readouterr()
    home = str(tmp_path / "home")
    assert td.main(["audit", "lookahead", "--source", str(path), *options, "--home", home, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    report = td.audit("rules", path, start="2020-06-01", end="2020-12-31", days=3)
    assert json.loads(report.json()) == printed
    assert report.coverage is None


def test_a_strategy_that_looks_ahead_is_refused_with_its_cause(bars: pd.DataFrame) -> None:
    def tomorrow(bars: Bars) -> FloatArray:
        return np.sign(np.append(np.diff(bars.close), 0.0))

    cheat = td.Strategy(name="cheat", signal=tomorrow, history_bars=1)
    with pytest.raises(StrategyRefused, match=r"strategy cheat is refused \(looks_ahead\): SHARE "):
        td.audit(cheat, bars)
    with pytest.raises(RequestRefused, match="days= is 0; it must lie between 1 and"):
        td.audit(TREND, bars, days=0)


def test_a_sweep_is_the_commands(bars: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, grid = tmp_path / "bars.csv", tmp_path / "grid.toml"
    bars.to_csv(path, index=False)
    grid.write_text("target_annual_vol = [0.1, 0.2]\nfee_bps = [0.0, 5.0]\n")
    options = ["--start-date", WINDOW["start"], "--end-date", WINDOW["end"], "--strategy", "rules"]
    command = ["backtest", "--source", str(path), *options, "--grid", str(grid), "--home", str(tmp_path / "home")]
    capsys.readouterr()
    assert td.main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    swept = td.sweep(path, GRID, "rules", home=tmp_path / "other", **WINDOW)
    assert json.loads(swept.json()) == {name: value for name, value in printed.items() if name != "seconds"}
    assert swept.points["sharpe"].is_monotonic_decreasing
    assert swept.robustness["trials"] == 4
    assert repr(swept) == "Sweep(4 points, 2020-08-03 to 2020-10-30)"
    assert "robustness" in swept._repr_html_()


def test_a_comparison_is_the_commands(bars: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, home = tmp_path / "bars.csv", tmp_path / "home"
    bars.to_csv(path, index=False)
    window = ["--start-date", WINDOW["start"], "--end-date", WINDOW["end"], "--home", str(home)]
    folders = [tmp_path / name for name in ("rules", "vol-target", "hold")]
    for folder in folders:
        command = ["backtest", "--source", str(path), "--strategy", folder.name, "--save-results", str(folder)]
        assert td.main([*command, *window]) == 0
    capsys.readouterr()
    assert td.main(["compare", *map(str, folders), "--home", str(home), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    compared = td.compare([str(folders[0]), *folders[1:]], home=home)
    assert json.loads(compared.json()) == printed
    assert compared.metrics.loc["sharpe", "hold"] == printed["runs"][2]["net"]["sharpe"]
    assert compared.differences.loc[("hold", "sharpe"), "p_chosen"] == printed["against"][1]["sharpe"]["p_chosen"]
    assert compared.pairs.index.tolist() == [("vol-target", "rules"), ("hold", "rules"), ("hold", "vol-target")]
    assert compared.pairs["p_all"].tolist() == [pair["sharpe"]["p_all"] for pair in printed["pairs"]]
    assert compared.best.name == printed["best"]["label"]
    assert len(compared.equity) == printed["bars"]
    assert compared.warnings == tuple(printed["warnings"])
    page = compared.report(tmp_path / "out" / "c.html").read_text(encoding="utf-8")
    assert "Sharpe ratio: each row less each column" in page
    assert repr(compared) == "Comparison(rules, vol-target, hold; 2020-08-03 to 2020-10-30)"
    assert "rules" in compared._repr_html_()


def test_backtests_of_this_process_are_compared_and_told_apart(bars: pd.DataFrame, tmp_path: Path) -> None:
    rules = td.backtest(bars, "rules", home=tmp_path, **WINDOW)
    calm = td.backtest(bars, "rules", home=tmp_path, settings={"target_annual_vol": 0.1}, **WINDOW)
    compared = td.compare([rules, calm], home=tmp_path)
    answer = json.loads(compared.json())
    assert [run["label"] for run in answer["runs"]] == ["rules (backtest 1)", "rules (backtest 2)"]
    assert [run["folder"] for run in answer["runs"]] == ["backtest 1", "backtest 2"]
    assert [run["settings"] for run in answer["runs"]] == [{"target_annual_vol": 0.35}, {"target_annual_vol": 0.1}]
    assert answer["runs"][0]["net"]["sharpe"] == pytest.approx(rules.stats["sharpe"])
    with pytest.raises(UsageError, match="1 saved run was named; a comparison takes 2 to 8"):
        td.compare([rules])
    with pytest.raises(UsageError, match="a backtest was named twice; a run cannot be compared with itself"):
        td.compare([rules, rules])
    with pytest.raises(UsageError, match="runs is 'folder', one folder; give a list of two to eight"):
        td.compare("folder")
    with pytest.raises(UsageError, match=r"has no run\.json; name a folder that"):
        td.compare([rules, tmp_path / "nowhere"])
    with pytest.raises(ValueError, match=r"it must end in \.html"):
        compared.report(tmp_path / "page")


def test_a_sweep_that_is_walked_forward_is_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, grid = tmp_path / "bars.csv", tmp_path / "grid.toml"
    long = replace(TOKEN, first=date(2017, 1, 1))
    record(long).rename(columns={"open_time": "date"}).to_csv(path, index=False)
    grid.write_text("[parameters]\nbars = [10, 40]\n")
    strategy = a_file(tmp_path, SPEEDS)
    options = ["--strategy", strategy, "--grid", str(grid), "--walk-forward", "--home", str(tmp_path / "home")]
    capsys.readouterr()
    assert td.main(["backtest", "--source", str(path), *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    values = {"parameters": {"bars": (10, 40)}}
    swept = td.sweep(path, values, strategy, walk_forward=True, home=tmp_path / "other")
    assert json.loads(swept.json()) == {name: value for name, value in printed.items() if name != "seconds"}
    assert swept.folds["parameters.bars"].isin([10, 40]).all()
    assert swept.folds["start"].tolist() == [date(2019, 1, 1), date(2020, 1, 1)]
    assert swept.out_of_sample["haircut"] == printed["walk_forward"]["haircut"]
    plain = td.sweep(path, values, strategy, home=tmp_path / "other")
    assert plain.folds.empty
    assert plain.out_of_sample.empty
    assert plain.points.equals(swept.points)
    with pytest.raises(UsageError, match="the history is too short for walk_forward="):
        td.sweep(path, values, strategy, walk_forward=True, start="2020-01-01")


def test_a_strategy_made_here_is_swept(bars: pd.DataFrame, tmp_path: Path) -> None:
    swept = td.sweep(bars, GRID, TREND, home=tmp_path, **WINDOW)
    assert set(swept.points["strategy"]) == {"trend"}
    td.backtest(bars, TREND, settings={"target_annual_vol": 0.1}, fee_bps=5.0, home=tmp_path, **WINDOW)
    again = td.sweep(bars, GRID, TREND, home=tmp_path, **WINDOW)
    # The backtest was of a point, so it is no further trial.
    assert again.robustness["trials"] == 4


def test_a_wrong_grid_is_told_in_one_sentence(bars: pd.DataFrame) -> None:
    with pytest.raises(RequestRefused, match="fee is not a grid parameter; did you mean fee_bps"):
        td.sweep(bars, {"fee": [1]}, "rules")
    with pytest.raises(RequestRefused, match="fee_bps is 1 in the grid; it must be a list"):
        td.sweep(bars, {"fee_bps": 1}, "rules")  # type: ignore[dict-item]
    with pytest.raises(RequestRefused, match="strategy stands in the grid and in strategy=; name it in one of them"):
        td.sweep(bars, {"strategy": ["rules"]}, "rules")


def test_the_version_of_a_strategy_made_here_is_its_code() -> None:
    def same(bars: Bars) -> FloatArray:
        close = bars.close * bars.factor
        mean = np.convolve(close, np.ones(20) / 20, "valid")
        out = np.full(len(close), np.nan)
        out[19:] = np.sign(close[19:] - mean)
        return out

    def slower(bars: Bars) -> FloatArray:
        close = bars.close * bars.factor
        mean = np.convolve(close, np.ones(21) / 21, "valid")
        out = np.full(len(close), np.nan)
        out[20:] = np.sign(close[20:] - mean)
        return out

    versions = [
        code_digest(td.Strategy(name="trend", signal=signal, history_bars=20)) for signal in (trend, same, slower)
    ]
    assert versions[0] == versions[1] != versions[2]
    assert code_digest(td.Strategy(name="trend", signal=np.sign, history_bars=20)) not in versions
    assert code_digest(td.Strategy(name="trend", signal=trend, history_bars=21)) != versions[0]
    assert strategy_of(TREND, load({})).version == versions[0]
    flagged = td.Strategy(name="trend", signal=trend, history_bars=20, baseline=True, trusted=True)
    assert (strategy_of(flagged, load({})).baseline, strategy_of(flagged, load({})).trusted) == (False, False)


LEVELS = {"notebook": np.zeros(5_000)}


def level(bars: Bars) -> FloatArray:
    return np.full(len(bars), scaled(LEVELS["notebook"]).mean())


def scaled(values: FloatArray) -> FloatArray:
    return values * Scale.TIMES


class Scale:
    TIMES = 1.0


def test_the_version_follows_what_the_code_reads_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> str:
        return code_digest(td.Strategy(name="level", signal=level, history_bars=1))

    versions = [version()]
    assert version() == versions[0]
    # An array of which `repr` shows only the ends.
    LEVELS["notebook"][2_500] = 0.5
    versions.append(version())
    monkeypatch.setattr(Scale, "TIMES", 2.0)
    versions.append(version())
    monkeypatch.setitem(globals(), "scaled", lambda values: -values)
    versions.append(version())
    assert len(set(versions)) == 4
