"""Paths, where a user has a home folder and where not."""

import pwd
from pathlib import Path

import pytest

from flows.config.paths import HomeUnknown, default_home, expanded
from tests.flows.conftest import Run


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, no XDG folders, and a user of whom the system knows nothing."""

    def unknown(user: int) -> object:
        raise KeyError(user)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_folder_must_be_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run("bars").code == 0
    monkeypatch.delenv("TURBODMT_HOME")
    monkeypatch.chdir(tmp_path)
    ended = run("bars", "--json")
    assert (ended.code, ended.failure) == (
        2,
        "the database lies in your home folder, and neither HOME nor the list of users says where that is; name a "
        "folder with --home or TURBODMT_HOME",
    )
    assert not (tmp_path / "~").exists()
    assert run("bars", "--home", tmp_path / "here").code == 0
    assert run("doctor").out.count("FAILED") == 1
    with pytest.raises(HomeUnknown, match="the database lies in your home folder"):
        default_home()


@pytest.mark.usefixtures("homeless")
def test_a_path_that_begins_with_a_tilde_is_told(run: Run) -> None:
    for arguments in (("import", "~/x.csv"), ("backtest", "--save-results", "~/x"), ("bars", "--home", "~/x")):
        ended = run(*arguments, "--json")
        assert (ended.code, ended.failure.partition(" lies in your home folder")[0][:3]) == (2, "~/x")


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somewhere")
    assert (expanded(Path("x")), expanded(Path("~/x"))) == (tmp_path / "x", Path("/somewhere/x"))
