"""The notebooks run from top to bottom, beside files that have the names of our packages, and each shows a picture."""

import json
import os
import warnings
from pathlib import Path

import nbformat
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
#: One notebook at a time takes a few seconds; this bounds a cell that hangs.
CELL_S = 200


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["daily-account", "first-backtest", "own-strategy"]


@pytest.mark.server
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_a_picture(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("strategy", "tasks", "flows"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, timeout=CELL_S, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)
    said = "".join(output.get("text", "") for output in outputs if output.get("name") == "stderr")
    assert f"{tmp_path / 'strategy.py'} has the name of a package of TurboDMT" in said
    assert "Traceback" not in said
    assert not (Path(os.environ["TURBODMT_HOME"])).exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell["cell_type"] == "code" and cell["outputs"]] == []
    assert {cell["execution_count"] for cell in cells if cell["cell_type"] == "code"} == {None}
