"""`backtest --grid FILE --search N`: a sampler picks N points, the same for equal seeds, and goes on after a stop."""

import json
import sys
from pathlib import Path

import pytest

import tasks.backtest.search
import turbodmt as td
from storage.database import connect
from testing.markets.bars import TOKEN
from testing.runs.own_strategies import SPEEDS, a_file
from tests.flows.conftest import Run, write_bars

GRID = """
target_annual_vol = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6]
neutral_zone = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2]
fee_bps = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
"""
#: As many values as no grid may have points.
LARGE = f"[parameters]\nbars = {list(range(5, 55))}\nsize = {[number / 4000 for number in range(1, 4001)]}\n"


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    pytest.importorskip("optuna", reason="needs the extra `search`")
    path = tmp_path / "bars.csv"
    write_bars(path, TOKEN)
    window = ["--start-date", "2020-08-03", "--end-date", "2020-10-30"]
    return ["backtest", "--source", f"file:{path}", *window]


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def kept(home: Path) -> int:
    with connect(home) as store:
        (count,) = store.execute("SELECT count(*) FROM searched_points").fetchone() or (0,)
        return int(count)


def test_a_search_that_was_stopped_goes_on_to_the_same_answer(
    run: Run, options: list[str], grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [*options, "--strategy", "rules", "--grid", grid, "--search", 20, "--json"]
    whole = run(*mine, "--home", tmp_path / "whole")
    assert whole.code == 0, whole.err
    answer = whole.answer
    assert answer["points"] == answer["trials"] == 20
    assert answer["search"] == {"combinations": 800, "seed": 7}
    assert kept(tmp_path / "whole") == 0
    # Stopped after its second batch, as by Ctrl-C.
    cut, calls = tasks.backtest.search.cut_work, []

    def stopping(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return cut(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("tasks.backtest.search.cut_work", stopping)
    assert run(*mine, "--home", tmp_path / "home").code == 130
    # What it has looked at counts, whether it ends or not.
    assert kept(tmp_path / "home") == 16
    again = run(*mine, "--home", tmp_path / "home")
    assert len(calls) == 4
    assert {**again.answer, "seconds": 0} == {**answer, "seconds": 0}
    assert kept(tmp_path / "home") == 0
    other = run(*mine, "--set", "seed=8", "--home", tmp_path / "home")
    assert other.answer["search"]["seed"] == 8
    assert other.answer["trials"] > 20


def test_a_grid_too_large_to_try_whole_is_searched(run: Run, options: list[str], grid: Path, tmp_path: Path) -> None:
    grid.write_text(LARGE)
    mine = [*options, "--strategy", a_file(tmp_path, SPEEDS), "--home", tmp_path / "home", "--grid", grid]
    refused = run(*mine)
    assert refused.code == 2
    assert "spans 200,000 points; a grid may have 100,000; shorten its lists, or let --search N pick" in refused.failure
    found = run(*mine, "--search", 9)
    assert found.code == 0, found.err
    assert found.out.startswith("9 points of 200,000, picked by a sampler with seed 7, of speeds on TOKEN, ")


def test_a_search_from_python_is_the_commands(
    options: list[str], grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = [*options, "--strategy", "rules", "--grid", str(grid), "--search", "10", "--home", str(tmp_path / "home")]
    assert td.main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    values = {
        "target_annual_vol": [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6],
        "neutral_zone": [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.2],
        "fee_bps": range(10),
    }
    window = {"start": "2020-08-03", "end": "2020-10-30"}
    swept = td.sweep(options[2].removeprefix("file:"), values, "rules", search=10, home=tmp_path / "other", **window)
    assert json.loads(swept.json()) == {name: value for name, value in printed.items() if name != "seconds"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--search", "0"], "--search is 0; it must lie between 1 and 5,000"),
        (["--search", "800"], "--search is 800, and grid.toml spans 800 points; leave it out to try them all"),
        (["--search", "9", "--walk-forward"], "so --walk-forward cannot pick on the past alone; leave one out"),
        (["--search", "9", "--dask", "tcp://127.0.0.1:9"], "too few for --dask tcp://127.0.0.1:9; leave one out"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    run: Run, options: list[str], grid: Path, more: list[str], sentence: str
) -> None:
    ended = run(*options, "--strategy", "rules", "--grid", grid, *more)
    assert ended.code == 2
    assert sentence in ended.failure


def test_a_search_needs_a_grid_and_the_extra(
    run: Run, options: list[str], grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(*options, "--search", "9")
    assert (alone.code, alone.failure) == (2, "--search picks points of a grid; name its file with --grid")
    monkeypatch.setitem(sys.modules, "optuna", None)
    without = run(*options, "--strategy", "rules", "--grid", grid, "--search", "9")
    assert (without.code, without.failure) == (2, '--search needs optuna; run: pip install -e ".[search]"')
