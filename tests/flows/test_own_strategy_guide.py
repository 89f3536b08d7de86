"""The guide to a strategy of one's own: its commands run, and what it says of refusals holds."""

import os
import re
import shlex
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from flows.cli.research.audit import Audit
from strategy.signals.faults import Check
from strategy.signals.strategies import Sizing
from tasks.strategies.catalogue import of_file
from tasks.strategies.template import write_template
from testing.runs.own_strategies import PEEKS, a_file
from tests.flows.conftest import Run

GUIDE = (Path(__file__).parents[2] / "docs" / "own-strategy.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^    turbodmt (.+)$", GUIDE, re.MULTILINE)]
#: Those that need Prefect, or an order of a day under it; tests/flows runs such days.
UNDER_PREFECT = {"daily", "backfill", "explain", "up", "train", "promote"}
#: The example that learns; its own tests train it.
LEARNS = "ridge"
EXAMPLES = re.findall(r"^```python\n(.+?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def rows(text: str) -> set[str]:
    """The names in the first column of the guide's tables."""
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_every_check_and_sizing_is_explained() -> None:
    assert {str(name) for name in (*Check, *Sizing)} <= rows(GUIDE)


def test_the_example_is_a_strategy(tmp_path: Path) -> None:
    strategy = of_file(a_file(tmp_path, EXAMPLES[0]), {})
    assert (strategy.name, strategy.history_bars) == ("trend", 100)


def test_the_guide_goes_from_template_to_schedule() -> None:
    known = {*UNDER_PREFECT, "strategies", "backtest", "audit"}
    assert {words[0] for words in COMMANDS} == known
    assert {words[1] for words in COMMANDS if words[0] == "audit"} <= set(Audit)


def test_the_versions_that_it_prints_are_those_of_the_template(tmp_path: Path) -> None:
    write_template("trend", tmp_path)
    template = (tmp_path / "trend.py").read_bytes()
    changed = template.replace(b"bars: int = 100", b"bars: int = 120")
    versions = [sha256(each).hexdigest()[:12] for each in (template, changed)]
    assert list(dict.fromkeys(re.findall(r"\b[0-9a-f]{12}\b", GUIDE))) == versions


@pytest.mark.usefixtures("default_rates")
def test_its_commands_run_in_their_order(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (grid,) = (
        text for text in re.findall(r"^```toml\n(.+?)^```$", GUIDE, re.MULTILINE | re.DOTALL) if "annual" in text
    )
    Path("grid.toml").write_text(grid)
    for words in COMMANDS:
        if words[0] in UNDER_PREFECT or "accept" in words or any(LEARNS in word for word in words):
            continue
        if "--search" in words and find_spec("optuna") is None:
            continue
        # What --set gave the command before is not this one's.
        os.environ.pop("TURBODMT_PARAMETERS", None)
        # Fewer days than in the guide: the sample ends with 2018.
        ended = run(*("2018-10-01" if word == "2014-01-02" else word for word in words))
        assert ended.code == 0, (words, ended.err)
        assert ended.out.strip()


def test_a_refusal_is_an_object_that_a_program_reads(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path, PEEKS, "it peeks.py")
    asked = ("--symbols", "^GSPC", "--start-date", "2018-10-01", "--json")
    ended = run("audit", "lookahead", "--strategy", "it peeks.py:trend", *asked)
    error = ended.answer["error"]
    assert ended.code == error["exit"] == 2
    assert (error["code"], error["check"], error["symbol"]) == ("strategy_refused", "looks_ahead", "^GSPC")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", error["date"])
    assert "it peeks.py, line 6: " in error["message"]
