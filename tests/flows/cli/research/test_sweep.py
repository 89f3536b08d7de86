"""`turbodmt backtest --grid` as a user meets it, and the same over the workers of a Dask cluster."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from testing.markets.bars import SHARE, TOKEN
from testing.servers.prefect_server import until
from tests.flows.conftest import Run, write_bars

ROOT = Path(__file__).parents[4]
START, END = "2020-08-03", "2020-10-30"
#: How long a process of the cluster, and what is waited for, may take.
WAIT_S = 60
GRID = """
symbols = ["TOKEN", ["SHARE", "TOKEN"]]
strategy = ["rules", "vol-target"]
target_annual_vol = [0.1, 0.2, 0.3]
drawdown_start = [0.05, 0.1]
fee_bps = [0, 5.0]
"""


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Return what every sweep of these tests is told."""
    path = tmp_path / "bars.csv"
    write_bars(path, SHARE, TOKEN)
    window = ["--start-date", START, "--end-date", END]
    return ["backtest", "--source", f"file:{path}", *window, "--home", str(tmp_path / "home")]


def test_a_sweep_is_one_json_object_and_a_table(run: Run, options: list[str], grid: Path, tmp_path: Path) -> None:
    ended = run(*options, "--grid", grid, "--save-results", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    answer = ended.answer
    # Of the two accounts, the rules read both drawdowns and the volatility target none.
    assert answer["points"] == answer["trials"] == 2 * (3 * 2 * 2 + 3 * 2)
    assert answer["symbols"] == ["SHARE", "TOKEN"]
    assert answer["table"] == str(tmp_path / "out" / "sweep.parquet")
    assert Path(answer["table"]).exists()
    assert answer["seconds"] > 0
    shown = run(*options, "--grid", grid)
    assert shown.out.startswith(f"36 points of several strategies on SHARE, TOKEN, {START} to {END}, 89 days\n")
    assert "chance that the best point's is more than luck" in shown.out
    assert "In " in shown.out


def test_a_group_is_capped_in_backtest_and_grid_and_one_that_is_not_traded_is_refused(
    run: Run, options: list[str], grid: Path, tmp_path: Path
) -> None:
    wide = run(*options, "--strategy", "vol-target", "--json").answer
    settings = tmp_path / "home" / "settings.toml"
    settings.write_text('max_group_exposure = 0.1\n[groups]\nall = ["SHARE", "TOKEN"]\n')
    capped = run(*options, "--strategy", "vol-target", "--json").answer
    assert 0.0 < capped["net"]["annual_vol"] < 0.2 * wide["net"]["annual_vol"]
    grid.write_text("target_annual_vol = [0.35]")
    swept = run(*options, "--strategy", "vol-target", "--grid", grid, "--json").answer
    assert swept["best"]["exact"]["annual_vol"] == capped["net"]["annual_vol"]
    assert swept["best"]["annual_vol"] == pytest.approx(capped["net"]["annual_vol"], rel=1e-3)
    refused = run(*options, "--strategy", "vol-target", "--symbols", "TOKEN")
    assert refused.code == 2
    assert refused.failure == (
        "the group all names SHARE, which this run does not trade; correct it under [groups], or trade it with "
        "--symbols"
    )


def test_allocations_are_points_of_an_account_of_several_symbols(run: Run, options: list[str], grid: Path) -> None:
    grid.write_text('symbols = ["TOKEN", ["SHARE", "TOKEN"]]\nallocation = ["inverse-vol", "equal-risk", "equal"]')
    answer = run(*options, "--strategy", "vol-target", "--grid", grid, "--json").answer
    sharpes = {(point["symbols"], point["allocation"]): point["sharpe"] for point in answer["top"]}
    assert answer["points"] == answer["trials"] == len(sharpes) == 1 + 3
    assert ("TOKEN", "inverse-vol") in sharpes
    inverse, equal = (sharpes["SHARE,TOKEN", allocation] for allocation in ("inverse-vol", "equal"))
    # Two symbols are split alike by equal risk and by inverse volatility.
    assert sharpes["SHARE,TOKEN", "equal-risk"] == pytest.approx(inverse, rel=1e-9)
    assert equal != pytest.approx(inverse, rel=1e-3)


def test_rates_and_spreads_are_varied_as_backtests_have_them(run: Run, options: list[str], grid: Path) -> None:
    grid.write_text(
        'symbols = ["TOKEN"]\nstrategy = ["rules"]\nrates = ["constant:0.01", "constant:0.08"]\n'
        "borrow_spread = [0.0, 0.1]\ncash_spread = [0.01]\nshort_fee = [0.0, 0.2]\n"
    )
    answer = run(*options, "--grid", grid, "--json").answer
    assert (answer["points"], answer["trials"]) == (8, 8)
    assert answer["varied"] == ["borrow_spread", "short_fee", "rates"]
    best = answer["best"]
    terms = [f"{name}={best[name]}" for name in ("borrow_spread", "cash_spread", "short_fee")]
    chosen = [part for term in terms for part in ("--set", term)]
    alone = run(
        *options, "--symbol", "TOKEN", "--strategy", "rules", "--rates", best["rates"], *chosen, "--json"
    ).answer
    assert alone["net"] == best["exact"]
    # It is the configuration of the point, and no further trial.
    assert alone["trials"] == 8
    ratios = {(one["rates"], one["borrow_spread"]): one["rate_mean"] for one in answer["top"]}
    assert ratios["constant:0.01", 0.0] == pytest.approx(0.01)
    assert ratios["constant:0.08", 0.1] == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lists nothing; a grid needs a line such as neutral_zone = [0.0, 0.03]"),
        ("neutral_zone = 0.1", "neutral_zone is 0.1 in grid.toml; it must be a list of at least one value"),
        ("neutral_zone = []", "neutral_zone is [] in grid.toml; it must be a list of at least one value"),
        ("neutral_zones = [0.1]", "neutral_zones is not a grid parameter; did you mean neutral_zone"),
        ("neutral_zone = [0.1, 2.0]", "neutral_zone is 2.0; it must be less than 1"),
        ("neutral_zone = [nan]", "neutral_zone is nan; it must be"),
        ("neutral_zone = [true]", "neutral_zone holds True in the grid; it must hold numbers"),
        ('neutral_zone = ["0.1"]', "neutral_zone holds '0.1' in the grid; it must hold numbers"),
        ('volatility_estimator = ["garch"]', "volatility_estimator is 'garch'; it must be 'ewma' or 'har'"),
        ("volatility_estimator = [1]", "volatility_estimator is 1; it must be 'ewma' or 'har'"),
        ('rates = ["bills"]', "rates holds 'bills' in the grid; it must hold constants, such as constant:0.02"),
        ("rates = [0.02]", "rates is 0.02; it must be"),
        ('rates = ["constant:5"]', "rates is 'constant:5'; the rate must lie between"),
        (
            'rates = ["constant:0.02"]\nfinancing_rate = [0.05]',
            "grid.toml lists financing_rate and rates; a flat rate leaves no use for the other; list one of them",
        ),
        (
            "short_fee = [0.0, 0.01]",
            "grid.toml lists short_fee, and the accounts pay one flat rate, which leaves no use for it; name rates",
        ),
        ("borrow_spread = [-0.1]", "borrow_spread is -0.1; it must be greater than or equal to 0"),
        ("fee_bps = [-1]", "fee_bps is -1; it must be greater than or equal to 0"),
        ("drawdown_floor = [1.5]", "drawdown_floor holds 1.5 in the grid; it must lie between 0 and 1"),
        (
            "drawdown_start = [0.1, 0.3]\ndrawdown_full = [0.25]",
            "at the point drawdown_start=0.3, drawdown_full=0.25 of the grid, drawdown knees 0.3 and 0.25 must",
        ),
        (
            'strategy = ["rulez"]',
            "--strategy is 'rulez', which is neither a known strategy nor a file such as trend.py; did you mean rules?",
        ),
        ('strategy = ["hold"]', "the grid cannot be run: hold has nothing to vary"),
        ("symbols = [[]]", "symbols hold [] in the grid; a portfolio needs at least one symbol"),
        ('symbols = ["NONE"]', "NONE"),
        ("symbols = [5]", "symbols is 5; it must be"),
        ("seed = [1, 2]", "seed has no place in a grid: nothing in one is drawn at random"),
        ("max_turnover = [1.0]", "max_turnover is not a grid parameter"),
        ('allocation = ["erc"]', "allocation is 'erc'; it must be 'inverse-vol', 'equal-risk' or 'equal'"),
        (f"neutral_zone = {[0.1] * 1000}\nfee_bps = {[1] * 1000}", "grid.toml spans 1,000,000 points; a grid may have"),
        ("neutral_zone = [", "grid.toml is not valid TOML"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(
    run: Run, options: list[str], grid: Path, text: str, sentence: str
) -> None:
    grid.write_text(text)
    ended = run(*options, "--grid", grid)
    assert ended.code == 2
    assert sentence in ended.failure


def test_options_that_contradict_a_grid_are_refused(run: Run, options: list[str], grid: Path, tmp_path: Path) -> None:
    for option, value in (("--symbol", "TOKEN"), ("--strategy", "rules"), ("--fee-bps", "1")):
        ended = run(*options, "--grid", grid, option, value)
        assert ended.code == 2
        assert f"stands in grid.toml and in {option.replace('symbol', 'symbols')}" in ended.failure
    missing = run(*options, "--grid", tmp_path / "none.toml")
    assert missing.code == 2
    assert missing.failure.endswith(
        "none.toml cannot be read: No such file or directory; name a readable file with --grid"
    )
    alone = run(*options, "--strategy", "rules", "--workers", "2")
    assert alone.failure == (
        "--workers 2 has nothing to share: that takes a strategy that learns, or a sweep; name the file of its grid "
        "with --grid"
    )
    both = run(*options, "--grid", grid, "--dask", "tcp://127.0.0.1:1", "--workers", "2")
    assert both.failure == "--workers is of this machine and --dask of others; leave one out"


def test_a_sweep_of_days_before_the_first_bar_is_refused_as_a_backtest_is(
    run: Run, options: list[str], grid: Path
) -> None:
    early = [*options[:3], "--symbols", "TOKEN", "--strategy", "rules", "--end-date", "1990-01-01"]
    grid.write_text("neutral_zone = [0.0, 0.03]")
    plain, swept = run(*early), run(*early, "--grid", grid)
    assert (plain.code, swept.code) == (2, 2)
    assert swept.failure == plain.failure
    assert swept.failure == "no bar of TOKEN is dated 1990-01-01 or earlier; choose a later --end-date"


def ready(folder: Path, scheduler: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """A process of Dask's, which keeps its log in the folder."""
    with (folder / f"{arguments[0]}-{arguments[-1]}.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"distributed.cli.dask_{arguments[0]}",
                "--scheduler-file",
                scheduler,
                *arguments[1:],
            ],
            cwd=ROOT,
            env={**os.environ, "PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, "list[subprocess.Popen[bytes]]"]]:
    """The address of a scheduler, and its two workers of one thread each."""
    file = folder / "scheduler.json"
    started = [ready(folder, file, "scheduler", "--host", "127.0.0.1", "--no-dashboard", "--port", "0")]
    try:
        for name in ("a", "b"):
            options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder / name))
            started.append(ready(folder, file, "worker", *options, "--name", name))
        until(lambda: file.exists() or None, "the scheduler's file", WAIT_S)
        yield json.loads(file.read_text())["address"], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.server
@pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra `scale`")
def test_a_cluster_that_loses_a_worker_gives_the_same_bits(options: list[str], grid: Path, tmp_path: Path) -> None:
    from distributed import Client

    def command(folder: str, *more: str) -> "subprocess.Popen[str]":
        arguments = [*options, "--grid", str(grid), "--save-results", str(tmp_path / folder), "--json", *more]
        program = [sys.executable, "-c", "from flows.cli.main import main; main()"]
        return subprocess.Popen(
            [*program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    with cluster(tmp_path) as (address, workers), Client(address) as client:
        client.wait_for_workers(2, timeout=WAIT_S)
        lost = workers[1]
        # It takes tasks, and never finishes one.
        lost.send_signal(signal.SIGSTOP)
        spread = command("spread", "--dask", address)
        names = {info["name"]: at for at, info in client.scheduler_info()["workers"].items()}
        until(lambda: client.processing().get(names["b"]) or None, "work on the worker that is lost", WAIT_S)
        lost.kill()
        out, err = spread.communicate(timeout=3 * WAIT_S)
    assert spread.returncode == 0, err
    alone = command("alone")
    assert alone.communicate(timeout=WAIT_S)[0]
    tables = [(tmp_path / folder / "sweep.parquet").read_bytes() for folder in ("spread", "alone")]
    assert tables[0] == tables[1]
    assert json.loads(out)["points"] == 36


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra `scale`")
def test_a_cluster_that_does_not_answer_is_told(
    run: Run, options: list[str], grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.parallel.dask_cluster.ANSWER_S", 1)
    ended = run(*options, "--grid", grid, "--dask", "tcp://127.0.0.1:9")
    assert ended.code == 4
    assert ended.failure.startswith("no Dask worker answers at tcp://127.0.0.1:9 within 1 s; start `dask scheduler`")
