"""What the documents tell a user to type does what they say."""

import re
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import turbodmt
from flows.cli.main import app
from flows.cli.set_option import OPTION, SHORTHANDS, SettingsCommand
from flows.cli.settings_reference import page
from flows.config.settings import Settings
from flows.planning.api_keys import VARIABLES
from flows.scheduling.alerts import WEBHOOK
from strategy.exit_codes import Exit
from tasks.validation.bar_checks import CHECKS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLI = get_command(app)
#: A file of the benchmarks, or a test, as documents name it.
PROGRAM = re.compile(r"\b(?:benchmarks|tests)/[\w/]+\.\w+")


def commands(path: Path) -> list[list[str]]:
    """The turbodmt commands of a document, as argument lists without the program."""
    found = re.findall(r"^(?:\$ |    )(?:\.venv/bin/)?turbodmt (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.split(r"\s{3,}", line.strip())[0].split() for line in found]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_documented_command_and_option_exists(path: Path) -> None:
    assert isinstance(CLI, TyperGroup)
    for words in commands(path):
        command = CLI.commands.get(words[0])
        # The command of a group, such as `strategies new`, or the group alone.
        if isinstance(command, TyperGroup):
            command = command.commands[words[1]] if words[1:] else command
            assert isinstance(command, TyperCommand | TyperGroup)
        else:
            assert isinstance(command, TyperCommand), f"{path.name}: turbodmt {words[0]}"
        known = {option for parameter in command.params for option in parameter.opts}
        if isinstance(command, SettingsCommand):
            known |= {OPTION, *(SHORTHANDS[name] for name in command.shorthands)}
        for option in (word for word in words if word.startswith("--")):
            assert option in known, f"{path.name}: turbodmt {' '.join(words)}"


def test_the_readme_names_commands() -> None:
    assert {words[0] for words in commands(ROOT / "README.md")} >= {"daily", "backtest", "status", "bars", "doctor"}


@pytest.mark.usefixtures("default_rates")
@pytest.mark.parametrize("words", commands(ROOT / "README.md"), ids=" ".join)
def test_every_command_of_the_readme_runs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if words[0] == "daily":
        pytest.skip("needs Prefect; tests/flows runs it")
    app(words, standalone_mode=False)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_into_the_project_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert missing == []


def test_every_program_that_is_named_exists() -> None:
    texts = [*ROOT.glob("*.md"), *DOCUMENTS, ROOT / "Makefile", *(ROOT / "benchmarks").rglob("*.py")]
    named = {name for path in texts for name in PROGRAM.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_exit_code_is_documented() -> None:
    table = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert documented == {int(code) for code in Exit}


def test_every_expectation_is_documented() -> None:
    text = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    assert [check.name for check in CHECKS if f"`{check.name}`" not in text] == []


def test_the_settings_named_in_the_documents_exist() -> None:
    names = {name.upper() for name in Settings.model_fields} | {
        name.removeprefix("TURBODMT_") for name in (*VARIABLES, WEBHOOK)
    }
    for path in DOCUMENTS:
        named = set(re.findall(r"TURBODMT_([A-Z_]+)", path.read_text(encoding="utf-8")))
        assert named <= names, path.name


def test_the_page_of_settings_is_what_its_command_prints() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == page()


def test_the_reference_of_the_package_has_every_public_name() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"^\.\. auto(?:function|class):: (\w+)$", text, re.MULTILINE)
    assert sorted(named) == sorted(turbodmt.__all__)
