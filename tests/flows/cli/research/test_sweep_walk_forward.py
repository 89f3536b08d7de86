"""`backtest --grid FILE --walk-forward`: each year trades the point that was best on the past alone."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.evaluation.sharpe import sharpe
from strategy.kernel.grid import Grid, points
from tasks.backtest.sweep_walk_forward import WalkedSweep, sweep_walk_forward
from tasks.parallel.runner import Here
from tasks.strategies.catalogue import with_parameters
from testing.markets.bars import TOKEN, FakeBars
from testing.runs.jobs import SIZING, a_job
from testing.runs.own_strategies import SPEEDS, a_file, a_strategy
from tests.flows.conftest import Run, write_bars

LONG = replace(TOKEN, first=date(2017, 1, 1))
GRID = "[parameters]\nbars = [5, 10, 20, 40]\nsize = [0.5, 1]\n"


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    path = tmp_path / "bars.csv"
    write_bars(path, LONG)
    strategy = ["--strategy", a_file(tmp_path, SPEEDS)]
    return ["backtest", "--source", f"file:{path}", *strategy, "--home", str(tmp_path / "home")]


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def walked(folder: Path, as_of: date) -> WalkedSweep:
    """The walk-forward of four speeds up to the date, in a home of its own."""
    strategy = a_strategy(folder, SPEEDS)
    speeds = tuple(with_parameters(strategy, {"bars": bars}) for bars in ("5", "10", "20", "40"))
    wanted = points(Grid(accounts=(("TOKEN",),), strategies=speeds, sizings=(SIZING,), costs=(Costs(),)))
    job = a_job(folder / str(as_of), ("TOKEN",), as_of)
    return sweep_walk_forward(job, (wanted, None), lambda: FakeBars(listings=(LONG,)), Here(threads=2))


def test_a_pick_is_the_best_of_the_past_alone(tmp_path: Path) -> None:
    whole = walked(tmp_path, date(2020, 12, 31))
    assert [(str(fold.start), str(fold.end)) for fold in whole.folds] == [
        ("2019-01-01", "2019-12-31"),
        ("2020-01-01", "2020-12-31"),
    ]
    net, dates = whole.swept.net, whole.swept.dates
    for fold in whole.folds:
        assert (fold.start - fold.past_end).days == whole.purge_bars + 1
        past = np.array([fold.past_start <= day <= fold.past_end for day in dates[1:]])
        assert past.sum() == fold.past_bars >= 250
        ratios = [sharpe(net[past, column], 365) for column in range(4)]
        best = int(np.argmax(ratios))
        assert fold.point == whole.swept.results[best].point
        assert fold.in_sample == pytest.approx(ratios[best], rel=1e-12)
    assert whole.swept.tried.count == 4
    # What comes later changes no pick.
    early = walked(tmp_path, date(2019, 6, 30))
    assert [fold.point for fold in early.folds] == [whole.folds[0].point]
    assert early.folds[0].in_sample == whole.folds[0].in_sample
    assert early.folds[0].past_end == whole.folds[0].past_end


def test_the_haircut_is_what_is_lost_out_of_sample(run: Run, options: list[str], grid: Path) -> None:
    ended = run(*options, "--grid", grid, "--walk-forward", "--json")
    assert ended.code == 0, ended.err
    assert ended.answer["trials"] == ended.answer["points"] == 8
    walk = ended.answer["walk_forward"]
    ratios = [fold["in_sample_sharpe"] for fold in walk["folds"]]
    assert walk["in_sample_sharpe"] == pytest.approx((365 * ratios[0] + 366 * ratios[1]) / 731)
    assert walk["haircut"] == walk["in_sample_sharpe"] - walk["out_of_sample"]["sharpe"]
    assert walk["haircut_ratio"] == pytest.approx(walk["haircut"] / walk["in_sample_sharpe"])
    assert all(set(fold["parameters"]) == {"bars", "size"} for fold in walk["folds"])
    assert not [warning for warning in ended.answer["warnings"] if "picked once" in warning]
    assert {fold["audit"] for fold in walk["folds"]} == {"not audited"}
    shown = run(*options, "--grid", grid, "--walk-forward")
    assert "out of sample: " not in shown.err
    assert "a haircut of" in shown.out
    # Without the option nothing is walked.
    assert run(*options, "--grid", grid, "--json").answer.get("walk_forward", "absent") == "absent"


def test_one_point_walked_forward_is_its_backtest(run: Run, options: list[str], grid: Path) -> None:
    grid.write_text("parameters.bars = [10]")
    swept = run(*options, "--grid", grid, "--walk-forward", "--json")
    alone = run(*options, "--set", "bars=10", "--start-date", "2019-01-01", "--json")
    assert swept.code == alone.code == 0, swept.err + alone.err
    assert swept.answer["walk_forward"]["out_of_sample"] == alone.answer["net"]
    assert swept.answer["walk_forward"]["benchmarks"] == alone.answer["benchmarks"]
    assert swept.answer["benchmarks"] != alone.answer["benchmarks"]


def test_a_single_pick_is_warned_of(run: Run, options: list[str], grid: Path) -> None:
    ended = run(*options, "--grid", grid, "--walk-forward", "--end-date", "2019-12-31", "--json")
    assert len(ended.answer["walk_forward"]["folds"]) == 1
    assert ended.answer["warnings"][-1] == (
        "--walk-forward picked once, for 2019-01-01 to 2019-12-31: a haircut from one pick says little; choose an "
        "earlier --start-date or a later --end-date for more years"
    )


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        (GRID, ["--start-date", "2019-06-01"], "the history is too short for --walk-forward: a year needs 250 traded"),
        ("fee_bps = [1, 5]", [], "the grid lists several costs, and --walk-forward would pick the lowest"),
        ('symbols = ["TOKEN", ["TOKEN", "NONE"]]', [], "the grid lists several accounts in symbols"),
    ],
)
def test_what_cannot_be_walked_forward_is_refused(
    run: Run, options: list[str], grid: Path, text: str, more: list[str], sentence: str
) -> None:
    grid.write_text(text)
    if "NONE" in text:
        write_bars(Path(options[2].removeprefix("file:")), LONG, replace(LONG, symbol="NONE"))
    ended = run(*options, "--grid", grid, "--walk-forward", *more)
    assert ended.code == 2
    assert sentence in ended.failure


def test_walk_forward_needs_a_grid(run: Run, options: list[str]) -> None:
    ended = run(*options, "--walk-forward")
    assert (ended.code, ended.failure) == (
        2,
        "--walk-forward picks points of a grid; name its file with --grid",
    )
