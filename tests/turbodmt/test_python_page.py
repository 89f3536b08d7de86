"""Every example of docs/python.md runs, in the page's order."""

import inspect
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import turbodmt as td
from strategy.builtin.registry import BUILT_IN
from testing.servers.prefect_database import prefect_harness

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("default_rates")
def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with prefect_harness():
        for number, block in enumerate(BLOCKS):
            exec(compile(block, f"block {number} of {PAGE.name}", "exec"), names)
    assert (tmp_path / "report.html").exists()
    assert isinstance(names["tested"].equity.index, pd.DatetimeIndex)
    assert names["code"] == 0
    # What needs no home leaves none.
    assert not home.exists()


def test_the_page_names_every_public_name_and_no_other() -> None:
    named = set(re.findall(r"\btd\.(\w+)", TEXT)) | {name for name in td.__all__ if re.search(rf"\b{name}\b", TEXT)}
    results = {"AuditReport", "Backtest", "BarTable", "Comparison", "Sweep"}
    assert named | results == set(td.__all__)


def test_the_table_of_parameters_is_that_of_backtest() -> None:
    table = TEXT[TEXT.index("| parameter |") : TEXT.index("**Without a")]
    rows = [row.split("|")[1] for row in table.splitlines()[2:] if row]
    parameters = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(["bars", *parameters]) == sorted(inspect.signature(td.backtest).parameters)
    assert all(f"`{name}`" in table for name in BUILT_IN)
