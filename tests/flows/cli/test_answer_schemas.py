"""The schemas in the documents are those of the answers, and every command that takes --json has one."""

import json
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from flows.cli.answer_schemas import ANSWERS, file_name, schema
from flows.cli.main import app
from tests.flows.conftest import Run, answer_of

FOLDER = Path(__file__).parents[3] / "docs" / "schemas"


@pytest.mark.parametrize("command", ANSWERS)
def test_the_schema_in_the_documents_is_what_its_command_writes(command: str) -> None:
    assert (FOLDER / file_name(command)).read_text(encoding="utf-8") == schema(command)


def test_no_other_schema_stands_in_the_documents() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file_name(command) for command in ANSWERS}


def test_every_command_with_json_has_a_schema() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    answering = {
        name
        for name, command in group.commands.items()
        if "--json" in {text for one in command.params for text in one.opts}
    }
    assert answering == {words.partition(" ")[0] for words in ANSWERS}


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("status", "--json"), "status"),
        (("accounts", "forget", "daily", "--yes", "--json"), "accounts forget"),
        (("bars", "--json", "forget", "sample"), "bars forget"),
        (("audit", "parity", "--json"), "audit parity"),
        (("backtest", "--grid", "grid.toml", "--json"), "backtest --grid"),
    ],
)
def test_the_answer_that_is_expected_of_a_command(arguments: tuple[str, ...], command: str) -> None:
    assert answer_of(arguments) is ANSWERS[command]


def test_what_no_command_is_expected_to_print_is_noticed(run: Run) -> None:
    """The fixture `run` holds every answer of every test against the model that its schema is made of."""
    text = run("doctor", "--json").out
    model = ANSWERS["doctor"]
    for wrong in ({**json.loads(text), "more": 1}, {"ok": True}, {**json.loads(text), "ok": None}):
        with pytest.raises(ValueError, match="validation error"):
            model.model_validate_json(json.dumps(wrong))
