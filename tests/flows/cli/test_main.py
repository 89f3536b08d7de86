"""The command line: what is wrongly asked ends at once with one sentence and its exit code."""

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.cli.console import STOPPED
from flows.cli.help_text import EXAMPLES, GROUPS
from flows.cli.main import app
from storage.database import DATABASE_NAME
from strategy.exit_codes import Exit
from tasks.data.stored_bars import BarsAnswer
from tests.flows.conftest import Run

TURBODMT = Path(sys.executable).with_name("turbodmt")
COMMANDS = (
    "daily",
    "backtest",
    "train",
    "models",
    "promote",
    "twin",
    "audit",
    "backfill",
    "universe",
    "explain",
    "import",
    "bars",
    "status",
    "report",
    "doctor",
    "watch",
)


def test_the_help_names_every_command(run: Run) -> None:
    ended = run("--help")
    assert (ended.code, ended.err) == (0, "")
    assert {line.split()[0] for line in ended.out.splitlines() if line.startswith("  ")} >= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_json_and_home(run: Run, command: str) -> None:
    ended = run(command, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert "--home" in ended.out
    assert "<str>" not in ended.out


def test_nothing_asked_says_what_to_do_next_and_is_wrong_usage(run: Run, home: Path) -> None:
    ended = run()
    assert (ended.code, ended.out) == (2, "")
    assert len(re.findall(r"^  turbodmt \w+", ended.err, re.MULTILINE)) == 3
    assert "turbodmt init" in ended.err
    home.mkdir(exist_ok=True)
    (home / DATABASE_NAME).touch()
    begun = run()
    assert (begun.code, "turbodmt status" in begun.err, "turbodmt init" in begun.err) == (2, True, False)


def test_every_command_has_a_place_in_the_help_and_examples_that_parse() -> None:
    group = typer.main.get_command(app)
    grouped = [name for commands in GROUPS.values() for name in commands]
    assert sorted(grouped) == sorted(group.commands)
    assert max(len(line) for commands in GROUPS.values() for line in commands.values()) < 60
    assert {name for name in EXAMPLES if " " not in name} == {*grouped}
    for command, examples in EXAMPLES.items():
        for example in examples:
            assert example.split()[:1] == command.split()[:1]
            parse(group, shlex.split(example))


def parse(command: Any, words: list[str], parent: Any = None) -> None:
    """Parse the words as the command line does; raises typer.TyperException for what it does not take."""
    context = command.make_context(command.name, [*words], parent=parent)
    if words and hasattr(command, "resolve_command"):
        _, chosen, rest = command.resolve_command(context, words)
        parse(chosen, rest, context)


def test_the_version_is_told(run: Run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out) == (0, f"turbodmt {version('turbodmt')}\n")


def test_the_shell_can_complete_commands(run: Run) -> None:
    ended = run("--show-completion", "bash")
    assert (ended.code, "_TURBODMT_COMPLETE" in ended.out) == (0, True)


def test_the_help_takes_less_than_a_second_of_processor_time() -> None:
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([TURBODMT, "--help"], check=True, capture_output=True, timeout=60)
        after = os.times()
        seconds.append(after.children_user - before.children_user + after.children_system - before.children_system)
    assert min(seconds) < 1.0


def test_ctrl_c_while_the_program_is_being_imported_ends_in_one_sentence() -> None:
    """The signal comes with the import of numpy, which takes most of that time."""
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from flows.cli.start import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "status"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (int(Exit.STOPPED), "", f"turbodmt: {STOPPED}\n")


def test_ctrl_c_before_a_command_does_its_work_ends_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.cli.operate.watch.run_command", interrupted)
    ended = run("watch", "--json")
    assert (ended.code, ended.failure) == (int(Exit.STOPPED), STOPPED)


def test_what_a_library_makes_of_ctrl_c_is_ctrl_c(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("flows.cli.operate.watch.run_watch", interrupted)
    monkeypatch.setattr("flows.cli.console.ctrl_c_came", lambda: True)
    ended = run("watch", "--json")
    assert (ended.code, ended.failure) == (int(Exit.STOPPED), STOPPED)


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import flows.cli.main; "
        "print([n for n in ('pandas', 'prefect', 'torch', 'duckdb') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("json_option", [(), ("--json",)])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bet"], "No such command 'bet' (see `turbodmt --help`)"),
        (["daily", "--bogus"], "No such option: --bogus"),
        (["daily", "today"], "Got unexpected extra argument(s) (today) (see `turbodmt daily --help`)"),
        (["import"], "Missing argument 'file' (see `turbodmt import --help`)"),
        (["daily", "--as-of", "2020-13-01"], "--as-of is '2020-13-01'; it must be a date such as 2018-12-31"),
        (["daily", "--as-of", "yesterday"], "--as-of is 'yesterday'; it must be a date such as 2018-12-31"),
        (["daily", "--as-of", ""], "--as-of is ''; it must be a date"),
        (["train", "--as-of", "31.12.2018"], "--as-of is '31.12.2018'; it must be a date"),
        (["promote", "prior"], "--reason is ''; say in a few words why"),
        (
            ["train", "--strategy", "rules"],
            "--strategy rules has a signal and no learner, so that there is nothing to train",
        ),
        (["promote", "prior", "--reason", "x", "--strategy", "hold"], "--strategy hold has a signal and no learner"),
        (["promote"], "Missing argument 'model'"),
        (["twin", "--as-of", "2018"], "--as-of is '2018'; it must be a date"),
        (["backtest", "--start-date", "2018"], "--start-date is '2018'; it must be a date"),
        (["backtest", "--end-date", "0"], "--end-date is '0'; it must be a date"),
        (
            ["backtest", "--start-date", "2018-02-01", "--end-date", "2018-01-01"],
            "--start-date 2018-02-01 lies after --end-date 2018-01-01; swap them",
        ),
        (["daily", "--as-of", "2019-01-02"], "--as-of is 2019-01-02, after the last closed bar of sample, 2018-12-31"),
        (["daily", "--as-of", "1998-01-02", "--symbols", "SPX"], "the sample has no SPX; it holds ^GSPC and ^IXIC"),
        (["daily", "--symbols", ""], "symbols is ''; it must be at least one symbol, or be left out"),
        (["backtest", "--symbol", ","], "symbols is ','; it must be at least one symbol"),
        (["backtest", "--symbol", "A;B"], "symbols is 'A;B'; it must be up to 32 letters"),
        (["backtest", "--symbol", "^GSPC,^GSPC"], "symbols name ^GSPC more than once; name each once"),
        (["backtest", "--capital", "-5"], "capital is '-5'; it must be greater than 0"),
        (["daily", "--capital", "nan"], "capital is 'nan'; it must be a finite number"),
        (["daily", "--capital", "1e13"], "capital is '1e13'; it must be less than or equal to 1000000000000"),
        (["backtest", "--capital", "much"], "capital is 'much'; it must be a valid decimal"),
        (["backtest", "--fee-bps", "-1"], "fee_bps is '-1'; it must be greater than or equal to 0"),
        (["backtest", "--fee-bps", "inf"], "fee_bps is 'inf'; it must be a finite number"),
        (["backtest", "--slippage-bps", "x"], "slippage_bps is 'x'; it must be a valid number"),
        (
            ["daily", "--strategy", "luck"],
            "--strategy is 'luck', which is neither a known strategy nor a file such as",
        ),
        (
            ["backtest", "--strategy", "rules,luck"],
            "--strategy is 'luck', which is neither a known strategy nor a file such as",
        ),
        (["backtest", "--strategy", ""], "--strategy is ''; it must name one or more strategies, separated by commas"),
        (
            ["daily", "--source", "kraken"],
            "source is 'kraken'; it must be sample, binance, binance-futures, yahoo or file:PATH",
        ),
        (
            ["daily", "--source", "yahooo"],
            "source is 'yahooo'; did you mean yahoo?",
        ),
        (["train", "--source", "file:/no/such.csv"], "there is no file /no/such.csv; check the path"),
        (
            ["daily", "--broker", "testnet-spot"],
            "broker testnet-spot takes today's orders alone, and this run replays the record of sample; use --source",
        ),
        (
            ["daily", "--broker", "testnet-spot", "--source", "binance", "--as-of", "2018-01-01"],
            "broker testnet-spot takes today's orders alone, and this run replays 2018-01-01 of binance; use --source",
        ),
        (
            ["daily", "--broker", "testnet-spot", "--source", "binance"],
            "a testnet broker needs a key and a secret, and none were found",
        ),
        (["daily", "--broker", "live"], "broker is 'live'; it must be 'paper', 'testnet-spot' or 'testnet-futures'"),
        (["daily", "--account", "../elsewhere"], "--account is '../elsewhere'; it must be up to 64 lower-case letters"),
        (
            ["daily", "--account", "My desk"],
            "--account is 'My desk'; it must be up to 64 lower-case letters, digits and dashes; my-desk would do",
        ),
        (["backtest", "--home", ""], "home is ''; it must be the path of a folder"),
        (["backtest", "--save-results", ""], "--save-results is ''; it must be the path of a folder"),
        (["backtest", "--save-results", "/dev/null/x"], "--save-results is '/dev/null/x', which cannot be written"),
        (["import", "/no/such.csv"], "there is no file /no/such.csv; check the path"),
        (["import", "/"], "/ is a folder; name one csv or parquet file in it"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence_and_leaves_nothing(
    run: Run, home: Path, arguments: list[str], sentence: str, json_option: tuple[str, ...]
) -> None:
    ended = run(*arguments, *json_option)
    assert ended.code == 2
    assert ended.failure.startswith(sentence)
    assert bool(ended.out) is bool(json_option)
    assert not home.exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TURBODMT_SEED", "x", "seed is 'x'; it must be a valid integer"),
        ("TURBODMT_BROKER", "live", "broker is 'live'; it must be 'paper'"),
        ("TURBODMT_SYMBOLS", ",", "symbols is ','; it must be at least one symbol"),
    ],
)
def test_a_wrong_variable_ends_every_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    for command in ("daily", "backtest", "train", "models", "twin", "bars", "status"):
        ended = run(command, "--json")
        assert (ended.code, ended.failure[: len(sentence)]) == (2, sentence)


def test_a_wrong_settings_file_ends_the_command(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_bytes(b"\xff\xfe")
    ended = run("status", "--json")
    assert ended.code == 2
    assert ended.failure.startswith(f"{home / 'settings.toml'} is not valid TOML")


@pytest.mark.parametrize("command", [("bars",), ("status",), ("daily",), ("backtest",), ("train",)])
def test_a_home_that_cannot_be_one_is_told(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    for home in (file, file / "below"):
        ended = run(*command, "--home", home, "--json")
        assert ended.code == 6
        assert "cannot be written (Not a directory); name a writable folder with --home" in ended.failure
    assert file.read_text() == "in the way"


@pytest.mark.parametrize("command", [("bars",), ("status",), ("daily",), ("backtest", "--strategy=hold")])
def test_a_damaged_store_is_told_and_left_as_it_is(run: Run, home: Path, command: tuple[str, ...]) -> None:
    home.mkdir()
    store = home / "turbodmt.duckdb"
    store.write_bytes(b"\0" * 5000)
    ended = run(*command, "--json")
    assert ended.code == 6
    assert ended.failure.startswith(f"{store} is damaged or no DuckDB database")
    assert store.read_bytes() == b"\0" * 5000


def test_a_store_that_another_process_holds_is_told_with_its_number(run: Run, home: Path) -> None:
    assert run("bars").code == 0
    code = "import sys, duckdb; store = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home / "turbodmt.duckdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        ended = run("status", "--json")
    assert ended.code == 6
    assert f"is in use by process {holder.pid} and stayed so for 10 s" in ended.failure


def test_an_answer_that_nobody_reads_or_that_has_no_room_is_no_bug() -> None:
    unread = f"{TURBODMT} --version >/dev/null && (sleep 0.2; {TURBODMT} bars; echo $? >&2) | true"
    done = subprocess.run(["bash", "-c", unread], check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "0\n")
    full = f"{TURBODMT} bars > /dev/full"
    done = subprocess.run(["bash", "-c", full], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == (
        "turbodmt: done, but the answer cannot be printed: No space left on device; send it elsewhere\n"
    )


def test_a_file_size_limit_is_told_as_a_full_disk_and_leaves_no_store(home: Path) -> None:
    limited = f"ulimit -f 8; exec {TURBODMT} bars --json"
    done = subprocess.run(["bash", "-c", limited], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 6
    assert "the disk, a quota or the file size limit is exhausted" in done.stderr
    assert list(home.iterdir()) == []
    subprocess.run([TURBODMT, "bars"], check=True, capture_output=True, timeout=60)


def test_ctrl_c_is_told_and_no_failure_of_ours(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.cli.data.bars.run_bars", interrupted)
    ended = run("bars", "--json")
    assert (ended.code, ended.failure) == (130, "stopped by the user; run the same command again to go on")


def test_a_bug_shows_its_traceback_beside_the_one_json_object(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("flows.cli.data.bars.run_bars", broken)
    ended = run("bars", "--json")
    assert (ended.code, ended.answer) == (1, {"error": {"exit": 1, "message": "a bug"}})
    assert "Traceback" in ended.err


def test_a_number_that_json_does_not_know_is_a_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cli.data.bars.run_bars", lambda home: BarsAnswer.model_construct(published=float("nan")))
    ended = run("bars", "--json")
    assert ended.code == 1
    assert ended.answer["error"]["exit"] == 1
