"""`--set KEY=VALUE` on the commands that read settings, and variables that nothing reads."""

from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from flows.cli.main import app
from flows.cli.set_option import FinancedCommand, SettingsCommand, assigned
from flows.config.settings import ConfigurationError, load
from tests.flows.conftest import Run


def test_every_command_that_reads_settings_takes_them(run: Run) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    without = {name for name, command in group.commands.items() if not isinstance(command, SettingsCommand)}
    assert without == {"init", "strategies"}
    assert all(isinstance(command, TyperCommand | TyperGroup) for command in group.commands.values())
    assert "--set KEY=VALUE" in run("status", "-h").out


def test_a_setting_given_so_is_in_force_above_the_file_and_the_environment(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("target_annual_vol = 0.3\nseed = 3\n", encoding="utf-8")
    monkeypatch.setenv("TURBODMT_TARGET_ANNUAL_VOL", "0.2")
    seen = []
    monkeypatch.setattr("flows.cli.data.bars.run_bars", lambda home: seen.append(load({"home": home})) or {})
    monkeypatch.setattr("flows.cli.data.bars.shown_bars", lambda answer: "")
    assert run("bars", "--set", "target_annual_vol=0.1", "--set", "symbols=A,B").code == 0
    assert (seen[0].target_annual_vol, seen[0].symbols, seen[0].seed) == (0.1, ("A", "B"), 3)


def test_rates_and_the_flat_rate_have_options_of_their_own(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("flows.cli.trade.accounts.run_accounts", lambda home: seen.append(load({"home": home})) or {})
    monkeypatch.setattr("flows.cli.trade.accounts.shown_accounts", lambda answer: "")
    assert run("accounts", "--financing-rate", "0.03").code == 0
    assert seen[-1].financing_rate == 0.03
    # The environment holds the other one by now, and an option rules over it.
    assert run("accounts", "--rates", "constant:0.02").code == 0
    assert (seen[-1].rates, seen[-1].financing_rate) == ("constant:0.02", None)
    assert run("accounts", "--financing-rate", "0.04").code == 0
    assert (seen[-1].rates, seen[-1].financing_rate) == (None, 0.04)
    assert run("accounts", "--rates", "constant:0.02", "--financing-rate", "0.03").code == 2
    told = run("accounts", "--financing-rate", "0.03", "--set", "financing_rate=0.04").err
    assert "gives financing_rate as '0.04' and as '0.03'; leave one of them out" in told


def test_only_commands_that_use_rates_offer_them() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    offering = {name for name, command in group.commands.items() if isinstance(command, FinancedCommand)}
    assert offering == {"daily", "backtest", "train", "audit", "backfill", "accounts", "up", "doctor"}
    assert {"--rates", "--financing-rate"} <= _options("daily")
    assert not {"--rates", "--financing-rate"} & _options("halt")


def _options(name: str) -> set[str]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    command = group.commands[name]
    return {option for each in command.get_params(Context(command)) for option in each.opts}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["status", "--set", "capitl=5"], "unknown setting capitl; did you mean capital"),
        (["status", "--set", "Fee-BPS=5"], "unknown setting Fee-BPS; did you mean fee_bps"),
        (["status", "--set", "capital"], "--set is 'capital'; it must be KEY=VALUE, such as target_annual_vol=0.1"),
        (["status", "--set", "capital="], "--set is 'capital='; it must be KEY=VALUE"),
        (["status", "--set", "capital=much"], "capital is 'much'; it must be a valid decimal"),
        (["status", "--set", "seed=1", "--set", "seed=2"], "--set gives seed as '1' and as '2'; leave one of them out"),
        (["status", "--set", "home=/tmp"], "--set names home; use --home or TURBODMT_HOME"),
        (["daily", "--fee", "1", "--set", "capital=4"], "No such option: --fee"),
        (["daily", "--capital", "3", "--set", "capital=4"], "--capital and --set capital are both given; leave one of"),
    ],
)
def test_a_wrong_one_is_told_in_one_sentence(run: Run, home: Path, arguments: list[str], sentence: str) -> None:
    ended = run(*arguments, "--json")
    assert ended.code == 2
    assert ended.failure.startswith(sentence)
    assert not home.exists()


def test_a_value_may_hold_an_equals_sign() -> None:
    assert assigned(["source=file:a=b.csv", "symbols=GC=F"]) == {"source": "file:a=b.csv", "symbols": "GC=F"}
    with pytest.raises(ConfigurationError, match=r"unknown setting \w+; known are home, source"):
        assigned(["zzz=1"])


def test_a_misspelt_variable_is_warned_of(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_CAPITL", "5")
    ended = run("status", "--json")
    assert ended.code == 0
    assert ended.err == (
        "turbodmt: warning: TURBODMT_CAPITL is read by nothing and changes nothing; did you mean TURBODMT_CAPITAL\n"
    )
    assert ended.answer["account"] == "daily"
