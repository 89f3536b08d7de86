"""`turbodmt compare` as a user meets it."""

from pathlib import Path

import pytest

from testing.markets.bars import SHARE, TOKEN
from tests.flows.conftest import Run, write_bars

WINDOW = ("--start-date", "2020-08-03", "--end-date", "2020-10-30")


@pytest.fixture
def saved(run: Run, tmp_path: Path) -> dict[str, str]:
    """The folders of three saved runs, by the name of their strategy."""
    write_bars(tmp_path / "bars.csv", SHARE, TOKEN)
    folders = {name: str(tmp_path / "runs" / name) for name in ("rules", "vol-target", "hold")}
    for name, folder in folders.items():
        options = ["--source", f"file:{tmp_path / 'bars.csv'}", *WINDOW, "--home", str(tmp_path / "home")]
        ended = run("backtest", *options, "--strategy", name, "--save-results", folder, "--json")
        assert ended.code == 0, ended.err
        assert ended.answer["files"][-1] == str(Path(folder) / "run.json")
    return folders


def test_saved_runs_are_one_json_object_a_page_and_words(run: Run, saved: dict[str, str], tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    ended = run("compare", *saved.values(), *home, "--save-results", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    answer = ended.answer
    assert [one["label"] for one in answer["runs"]] == list(saved)
    assert [one["label"] for one in answer["against"]] == ["vol-target", "hold"]
    assert answer["files"] == [str(tmp_path / "out" / "comparison.html")]
    assert answer["best"]["trials"] == 3
    assert answer["warnings"] == []
    index = (tmp_path / "home" / "reports" / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "comparison.html").as_uri() in index
    shown = run("compare", *saved.values(), *home)
    assert shown.out.startswith("3 runs on the 89 days that all have, 2020-08-03 to 2020-10-30\n")
    assert "Less rules, on the same days:" in shown.out
    assert "was chosen after seeing all 3: the best of 3 trials without skill" in " ".join(shown.out.split())
    assert "The Sharpe ratios of all 3 pairs" in shown.out
    assert len(answer["pairs"]) == 3
    both = run("compare", saved["rules"], saved["hold"], *home)
    assert "pairs" not in both.out
    assert "was chosen after seeing both" in " ".join(both.out.split())


def test_what_cannot_be_compared_is_one_sentence(run: Run, saved: dict[str, str], tmp_path: Path) -> None:
    alone = run("compare", saved["rules"], "--home", tmp_path / "home")
    assert (alone.code, alone.failure) == (
        2,
        "1 saved run was named; a comparison takes 2 to 8, and `turbodmt backtest --grid` compares thousands of points",
    )
    empty = run("compare", saved["rules"], tmp_path / "nowhere", "--home", tmp_path / "home")
    assert empty.code == 2
    assert empty.failure.startswith(f"{tmp_path / 'nowhere'} has no run.json; name a folder that")
