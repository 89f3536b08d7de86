"""`turbodmt init` writes what was answered, and nothing where something is wrong."""

import io
import tomllib
from pathlib import Path

import pytest

from flows.cli.console import STOPPED
from flows.cli.operate.init import run_init
from flows.config.settings import FILE_NAME, load
from tests.flows.conftest import Run

NOTHING = dict.fromkeys(("source", "symbols", "strategy", "capital", "broker"))


def test_options_and_defaults_make_a_private_file(run: Run, home: Path) -> None:
    ended = run("init", "--yes", "--source", "binance", "--symbols", "BTCUSDT,ETHUSDT", "--capital", "5000")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{home / FILE_NAME} is written.\nNext: `turbodmt doctor`")
    assert "below a volatility of 0.175 a year the largest exposure, 2, decides and not the target, 0.35" in ended.out
    assert (home / FILE_NAME).stat().st_mode & 0o777 == 0o600
    settings = load({})
    assert (settings.source, settings.symbols, str(settings.capital)) == ("binance", ("BTCUSDT", "ETHUSDT"), "5000")


def test_without_a_terminal_nothing_is_asked_or_written(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    ended = run("init")
    assert (ended.code, ended.failure) == (
        2,
        "there is no terminal to ask at; give --source and what else is not the default, and --yes",
    )
    assert run("init", "--risk", "huge").failure == "--risk is 'huge'; it must be cautious, normal, published"
    assert run("init", "--capital", "-5").failure.startswith("capital is '-5'; it must be greater than 0")
    assert not home.exists()


def test_a_risk_is_written_where_it_was_chosen(run: Run, home: Path) -> None:
    assert run("init", "--yes", "--risk", "wild").failure == (
        "--risk is 'wild'; it must be cautious, normal, published"
    )
    assert run("init", "--yes", "--risk", "normal").code == 0
    assert (load({}).target_annual_vol, load({}).max_position_size) == (0.15, 1.5)
    several = run("init", "--yes", "--risk", "normal", "--symbols", "^GSPC,^IXIC").out
    assert "below a volatility of 0.1 a year the largest exposure, 1.5, decides" in several
    assert "decides" not in run("init", "--yes", "--risk", "normal", "--symbols", "^GSPC").out
    assert run("init", "--yes").out.endswith("the sample never gets another bar, so nothing can run it every day.\n")
    assert "target_annual_vol" not in (home / FILE_NAME).read_text()


def test_an_option_outside_its_limits_writes_nothing(run: Run, home: Path) -> None:
    ended = run("init", "--yes", "--capital", "-5")
    assert ended.code == 2
    assert ended.failure.startswith("capital is '-5'; it must be greater than 0")
    assert not (home / FILE_NAME).exists()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the user will type."""
    typed: list[str] = []

    def prompt(question: str, default: str, show_default: bool) -> str:
        return typed.pop(0) or default

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("typer.confirm", lambda question: typed.pop(0) == "y")
    return typed


def test_a_wrong_answer_is_asked_again(answers: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers += ["bloomberg", 'file:/data/my "bars" 😀.csv', "", "rules", "", "testnet-spot", "wild", "cautious"]
    said = run_init(NOTHING, str(home), yes=False)
    assert capsys.readouterr().err.startswith(
        "source is 'bloomberg'; it must be sample, binance, binance-futures, yahoo or file:PATH"
    )
    assert tomllib.loads((home / FILE_NAME).read_text()) == {
        "source": 'file:/data/my "bars" 😀.csv',
        "strategy": "rules",
        "capital": "10000",
        "broker": "testnet-spot",
        "target_annual_vol": 0.1,
        "max_position_size": 1.0,
    }
    assert "TURBODMT_TESTNET_KEY" in said
    assert said.endswith('There is no file /data/my "bars" 😀.csv yet.')


def test_a_file_is_found_from_any_folder(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bars.csv").touch()
    monkeypatch.chdir(tmp_path)
    said = run("init", "--yes", "--source", "file:bars.csv").out
    assert "There is no file" not in said
    assert said.endswith("`turbodmt up` offers to run it every day.\n")
    assert load({"home": home}).source == f"file:{tmp_path / 'bars.csv'}"


def test_a_file_that_is_there_is_replaced_only_if_wanted(answers: list[str], home: Path) -> None:
    home.mkdir()
    (home / FILE_NAME).write_text("seed = 1\n")
    answers += ["n"]
    with pytest.raises(ValueError, match="is left as it was"):
        run_init(NOTHING, str(home), yes=False)
    assert (home / FILE_NAME).read_text() == "seed = 1\n"
    answers += ["y", "", "", "", "", "", ""]
    run_init(NOTHING, str(home), yes=False)
    assert load({"home": str(home)}).seed == 7


def test_who_never_answers_well_is_not_asked_for_ever(answers: list[str], home: Path) -> None:
    answers += ["nonsense"] * 5
    with pytest.raises(ValueError, match="source was asked for 5 times"):
        run_init(NOTHING, str(home), yes=False)
    assert not (home / FILE_NAME).exists()


class Terminal(io.StringIO):
    """A terminal where Ctrl-D is pressed."""

    def isatty(self) -> bool:
        return True


class InterruptedTerminal(Terminal):
    """A terminal where Ctrl-C is pressed."""

    def readline(self, size: int | None = -1, /) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("terminal", [Terminal, InterruptedTerminal])
def test_who_leaves_at_a_question_has_stopped(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, terminal: type[Terminal]
) -> None:
    monkeypatch.setattr("sys.stdin", terminal())
    ended = run("init")
    assert (ended.code, ended.err) == (130, f"turbodmt: {STOPPED}\n")
    assert not (home / FILE_NAME).exists()
