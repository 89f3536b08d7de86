"""A grid of a strategy's own parameters: every combination is a point, a trial, and a backtest with `--set`."""

import os
from pathlib import Path

import pandas as pd
import pytest

from testing.markets.bars import SHARE, TOKEN
from testing.runs.own_strategies import SPEEDS, TREND, a_file
from tests.flows.conftest import Run, write_bars

GRID = """
fee_bps = [1, 5]
[parameters]
bars = [20, 30]
size = [0.5, 1]
"""
#: Another strategy with a parameter of the same name and of another type.
WORDS = SPEEDS.replace("bars: int = 20", "bars: str = 'few'").replace("parameters.bars", "int(parameters.bars)")


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    path = tmp_path / "bars.csv"
    write_bars(path, SHARE, TOKEN)
    window = ["--start-date", "2020-08-03", "--end-date", "2020-10-30", "--symbols", "TOKEN"]
    return ["backtest", "--source", f"file:{path}", *window, "--home", str(tmp_path / "home")]


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def test_the_best_point_is_the_backtest_with_its_parameters(
    run: Run, options: list[str], grid: Path, tmp_path: Path
) -> None:
    mine = [*options, "--strategy", a_file(tmp_path, SPEEDS)]
    ended = run(*mine, "--grid", grid, "--save-results", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    answer = ended.answer
    assert answer["points"] == answer["trials"] == 8
    assert answer["varied"] == ["parameters.bars", "parameters.size", "fee_bps"]
    best = answer["best"]
    assert best["parameters"] in [{"bars": bars, "size": size} for bars in (20, 30) for size in (0.5, 1.0)]
    rows = pd.read_parquet(answer["table"])
    assert sorted(set(rows["parameters.bars"])) == [20, 30]
    assert sorted(set(rows["parameters.size"])) == [0.5, 1.0]
    assert rows["sharpe"].nunique() == 8
    chosen = [f"{name}={value}" for name, value in best["parameters"].items()]
    alone = run(*mine, "--set", chosen[0], "--set", chosen[1], "--fee-bps", best["fee_bps"], "--json")
    assert alone.code == 0, alone.err
    assert alone.answer["net"] == best["exact"]
    assert alone.answer["benchmarks"] == answer["benchmarks"]
    assert list(answer["benchmarks"]) == ["hold"]
    # A backtest of a point is no further trial.
    assert alone.answer["trials"] == 8


def test_the_answer_says_whether_the_best_point_was_audited(
    run: Run, options: list[str], grid: Path, tmp_path: Path
) -> None:
    mine = [*options, "--strategy", a_file(tmp_path, SPEEDS)]
    best = run(*mine, "--grid", grid, "--json").answer["best"]
    assert (best["audit"], len(best["strategy_sha256"])) == ("not audited", 64)
    chosen = [word for name, value in best["parameters"].items() for word in ("--set", f"{name}={value}")]
    shown = run(*mine, "--grid", grid).out
    said = f"not audited: `turbodmt audit lookahead` with the same options and {' '.join(chosen)} audits it."
    assert said in " ".join(shown.split())
    audited = run("audit", "lookahead", *mine[1:], *chosen, "--days", "3")
    assert audited.code == 0, audited.err
    del os.environ["TURBODMT_PARAMETERS"]
    assert run(*mine, "--grid", grid, "--json").answer["best"]["audit"] == "passed"
    # An audit is of the parameters too.
    grid.write_text("parameters.bars = [40]")
    assert run(*mine, "--grid", grid, "--json").answer["best"]["audit"] == "not audited"
    grid.write_text("neutral_zone = [0.0]")
    assert "audit" not in run(*options, "--strategy", "rules", "--grid", grid, "--json").answer["best"]


def test_every_point_says_how_often_the_largest_exposure_decided(
    run: Run, options: list[str], grid: Path, tmp_path: Path
) -> None:
    grid.write_text("max_position_size = [0.25, 2.0]")
    mine = [*options, "--strategy", a_file(tmp_path, SPEEDS)]
    ended = run(*mine, "--grid", grid, "--save-results", tmp_path / "out", "--json")
    rows = pd.read_parquet(ended.answer["table"]).set_index("max_position_size")["capped_ratio"]
    assert (rows[0.25], rows[2.0]) == (1.0, 0.0)
    grid.write_text("max_position_size = [0.25]")
    alone = run(*mine, "--set", "max_position_size=0.25", "--json").answer["warnings"]
    swept = run(*mine, "--grid", grid, "--json").answer["warnings"]
    told = [warning for warning in alone if "the cap decided" in warning]
    assert told == [
        "the cap decided on 89 of 89 days, not the signals: together they ask for more than max_position_size 0.25, a "
        "multiple of equity; return smaller ones or raise it"
    ]
    assert [warning for warning in swept if "the cap decided" in warning] == [f"best point: {told[0]}"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SPEEDS.replace(
                "    size: float = 1.0\n",
                "    size: float = 1.0\n\n    def __post_init__(self):\n        if self.bars > 25 and self.size < 1:\n"
                "            raise ValueError('odd')\n",
            ),
            "at the point bars=30, size=0.5 of the grid, ",
        ),
        (
            SPEEDS.replace("    out = ", "    assert parameters.bars < 25 or parameters.size < 1\n    out = "),
            "TOKEN: at the point bars=30, size=1.0 of the grid, ",
        ),
        (
            SPEEDS.replace("out[parameters.bars :] = ", "out[parameters.bars :] = 2 * "),
            "at the point bars=20, size=1.0 of the grid, ",
        ),
    ],
)
def test_a_refusal_names_the_point(
    run: Run, options: list[str], grid: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    ended = run(*options, "--strategy", a_file(tmp_path, text), "--grid", grid)
    assert ended.code == 2
    assert sentence in ended.failure


def test_the_points_are_shown_by_their_parameters(run: Run, options: list[str], grid: Path, tmp_path: Path) -> None:
    shown = run(*options, "--strategy", a_file(tmp_path, SPEEDS), "--grid", grid)
    assert shown.code == 0, shown.err
    assert {"parameters.bars", "parameters.size", "fee_bps"} <= set(shown.out.splitlines()[2].split())


def test_strategies_that_share_a_parameter_are_swept_together(
    run: Run, options: list[str], grid: Path, tmp_path: Path
) -> None:
    first = a_file(tmp_path, SPEEDS, "speeds.py")
    second = a_file(tmp_path, WORDS.replace('name="speeds"', 'name="words"'), "words.py")
    grid.write_text(f"strategy = ['{first}', '{second}']\nparameters.bars = [20, 30]")
    ended = run(*options, "--grid", grid, "--save-results", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    assert ended.answer["points"] == ended.answer["trials"] == 4
    rows = pd.read_parquet(ended.answer["table"])
    assert rows.groupby("strategy")["parameters.bars"].apply(sorted).to_dict() == {
        "speeds": ["20", "30"],
        "words": ["20", "30"],
    }
    grid.write_text("parameters.bars = [20, 30]")
    listed = run(*options, "--strategy", f"{first},{second}", "--grid", grid, "--json")
    assert (listed.code, listed.answer["points"], listed.answer["trials"]) == (0, 4, 4)
    third = a_file(tmp_path, TREND, "trend.py")
    lacking = run(*options, "--strategy", f"{first},{third}", "--grid", grid)
    assert lacking.code == 2
    assert "there is no parameter bars; the strategy has no parameters" in lacking.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parameters.speed = [1]", "there is no parameter speed; there is bars, size"),
        ("parameters.bars = [20.5]", "bars is '20.5'; it must be a whole number"),
        ("parameters.bars = [true]", "bars is 'true'; it must be a whole number"),
        ("parameters.size = [nan]", "size is 'nan'; it must be a finite number"),
        ("parameters.bars = []", "parameters.bars is [] in grid.toml; it must be a list of at least one value"),
        ("parameters.bars = 20", "parameters.bars is 20 in grid.toml; it must be a list of at least one value"),
        ("parameters.bars = [[20]]", "parameters.bars holds [20] in the grid; it must hold numbers, texts, true or"),
        ("parameters = [20]", "parameters is [20] in grid.toml; it must be a table, such as [parameters] with"),
        ("bars = [20]", "the strategy's own stand under [parameters]"),
        (f"parameters = {{bars = {[1] * 1000}, size = {[1] * 1000}}}", "grid.toml spans 1,000,000 points"),
    ],
)
def test_parameters_that_cannot_be_varied_are_refused(
    run: Run, options: list[str], grid: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    grid.write_text(text)
    ended = run(*options, "--strategy", a_file(tmp_path, SPEEDS), "--grid", grid)
    assert ended.code == 2
    assert ended.err.startswith("turbodmt: ")
    assert sentence in ended.err


def test_a_parameter_is_set_or_varied(run: Run, options: list[str], grid: Path, tmp_path: Path) -> None:
    mine = [*options, "--strategy", a_file(tmp_path, SPEEDS), "--grid", grid]
    both = run(*mine, "--set", "bars=10")
    assert both.code == 2
    assert "parameters.bars stands in the grid and is '10' by --set or in the settings" in both.failure
    grid.write_text("parameters.size = [0.5, 1.0]")
    held = run(*mine, "--set", "bars=10", "--json")
    assert [point["parameters"] for point in held.answer["top"]] in (
        [{"bars": 10, "size": size} for size in (0.5, 1.0)],
        [{"bars": 10, "size": size} for size in (1.0, 0.5)],
    )


def test_a_built_in_strategy_has_no_parameter_of_its_own(run: Run, options: list[str], grid: Path) -> None:
    ended = run(*options, "--strategy", "rules", "--grid", grid)
    assert ended.code == 2
    assert "strategy rules: there is no parameter bars, size; the strategy has no parameters" in ended.failure
