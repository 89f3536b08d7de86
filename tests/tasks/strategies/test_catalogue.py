"""A strategy is found by its name or its file, and a file is what it was when it was registered."""

from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from storage.strategies import copies
from strategy.builtin.registry import BUILT_IN, RULES
from strategy.exit_codes import UsageError
from strategy.signals.faults import StrategyRefused
from tasks.strategies import catalogue
from tasks.strategies.catalogue import chosen, of_version, register
from tasks.strategies.packages import GROUP
from testing.runs.own_strategies import SPEEDS, TREND, TREND_AGAIN, a_file, a_strategy

NOW = datetime(2020, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_strategy_needs_no_home(name: str, tmp_path: Path) -> None:
    assert chosen(tmp_path, name, {}) == BUILT_IN[name]
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_the_hash_of_its_bytes_as_its_version(tmp_path: Path) -> None:
    strategy = chosen(tmp_path, a_file(tmp_path), {})
    assert (strategy.name, strategy.history_bars) == ("trend", 20)
    assert strategy.version == copies.digest(TREND.encode())
    assert a_strategy(tmp_path, TREND_AGAIN).version != strategy.version
    # Nothing was written beside the file.
    assert [path.name for path in tmp_path.iterdir()] == ["trend.py"]


def test_a_path_may_hold_spaces_and_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "my own"
    folder.mkdir()
    a_file(folder)
    strategy = chosen(tmp_path, "~/my own/trend.py:trend", {})
    assert strategy.version == copies.digest(TREND.encode())
    register(tmp_path / "home", strategy, NOW)
    # By name it is found from any folder.
    monkeypatch.chdir(folder)
    assert chosen(tmp_path / "home", "trend", {}).origin == str(folder / "trend.py")


def test_once_registered_a_name_suffices_and_the_file_may_go(tmp_path: Path) -> None:
    home = tmp_path / "home"
    strategy = a_strategy(tmp_path)
    register(home, strategy, NOW)
    (tmp_path / "trend.py").unlink()
    assert chosen(home, "trend", {}) == strategy
    assert chosen(home, "trend", {}).origin == str(tmp_path / "trend.py")


def test_the_newest_registration_of_a_name_is_meant(tmp_path: Path) -> None:
    home = tmp_path / "home"
    older = a_strategy(tmp_path)
    register(home, older, NOW)
    newer = a_strategy(tmp_path, TREND_AGAIN)
    register(home, newer, NOW.replace(day=3))
    assert chosen(home, "trend", {}).version == newer.version
    assert of_version(home, "trend", older.version, {}).version == older.version


def test_parameters_are_set_by_their_types(tmp_path: Path) -> None:
    strategy = a_strategy(tmp_path, SPEEDS, bars="30", size="0.5")
    assert repr(strategy.parameters).endswith("(bars=30, size=0.5)")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("trubo", "--strategy is 'trubo', which is neither a known strategy nor a file such as trend.py; did you mean"),
        ("luck", "known are turbo, rules, hold, vol-target, momentum$"),
        ("rules=half+hold=0.5", "the weight of rules is 'half'; give each sleeve a number above 0, of 1 together at"),
        ("rules=0.5+hold=-1", "the weight of hold is '-1'; give each sleeve a number above 0, of 1 together at most"),
        ("missing.py", "missing.py cannot be read: No such file or directory; name a file such as trend.py"),
        ("folder.py", "folder.py is a folder; name the file in it"),
        ("./folder", "folder is a folder; name the file in it"),
        ("./trend.txt", "is no Python file"),
        ("trend.py:other", "other"),
        ("large.py", "has 1,000,001 bytes; at most 1,000,000"),
        ("hold.py", "hold.py names its strategy hold, as one that is built in"),
        ("broken.py", "broken.py, line 2: is not Python"),
        ("lacks.py", "lacks.py, line 1: imports nothing_such, which is not installed"),
        ("empty.py", "empty.py"),
        ("nan.py", "parameter size of speeds is nan; it must be a finite number"),
    ],
)
def test_what_is_no_strategy_is_refused_in_one_sentence(
    spec: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder").mkdir()
    for name, text in {
        "trend.txt": TREND,
        "large.py": "#" * 1_000_001,
        "hold.py": TREND.replace('"trend"', '"hold"'),
        "broken.py": "a = 1\ndef signal(:\n",
        "lacks.py": "import nothing_such\n",
        "empty.py": "",
        "nan.py": SPEEDS.replace("size: float = 1.0", 'size: float = float("nan")'),
    }.items():
        a_file(tmp_path, text, name)
    with pytest.raises((UsageError, StrategyRefused), match=sentence) as refused:
        chosen(tmp_path / "home", spec, {})
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "home").exists()


def test_a_built_in_strategy_has_no_parameters(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="strategy rules: there is no parameter fast; the strategy has no parameters"):
        chosen(tmp_path, "rules", {"fast": "1"})


def test_a_file_that_changes_while_it_is_read_is_not_registered(tmp_path: Path) -> None:
    strategy = a_strategy(tmp_path)
    a_file(tmp_path, TREND_AGAIN)
    with pytest.raises(UsageError, match="was changed while it was being read; run the command again"):
        register(tmp_path / "home", strategy, NOW)
    assert not (tmp_path / "home").exists()


def test_a_package_offers_strategies_by_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "rules-too": EntryPoint(name="rules-too", value="strategy.builtin.rules:strategy", group=GROUP),
        "none-such": EntryPoint(name="none-such", value="nowhere:strategy", group=GROUP),
        "rules": EntryPoint(name="rules", value="strategy.builtin.rules:strategy", group=GROUP),
    }
    monkeypatch.setattr(catalogue, "installed", lambda: points)
    with pytest.raises(StrategyRefused, match="is not a Strategy named rules-too, as its entry point says"):
        chosen(tmp_path, "rules-too", {})
    with pytest.raises(StrategyRefused, match="nowhere:strategy cannot be imported: ModuleNotFoundError"):
        chosen(tmp_path, "none-such", {})
    # A built-in name is never a package's.
    assert chosen(tmp_path, "rules", {}) == RULES
