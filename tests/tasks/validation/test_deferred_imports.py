"""Imports put off until what they give is used, or refused while another library is imported."""

import importlib
import sys
from pathlib import Path

import pytest

from tasks.validation.deferred_imports import absent, deferred

NAMES = ("put_off", "put_off.inside")


@pytest.fixture
def put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of which an import leaves a trace in `sys.modules`."""
    (tmp_path / "put_off").mkdir()
    (tmp_path / "put_off" / "__init__.py").write_text("VALUE = 7\n")
    (tmp_path / "put_off" / "inside.py").write_text("VALUE = 8\n")
    (tmp_path / "uses_it.py").write_text("import put_off as first\nfrom put_off import inside\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in (*NAMES, "uses_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("put_off")
def test_a_module_is_imported_once_anything_of_it_is_used() -> None:
    with deferred(NAMES):
        user = importlib.import_module("uses_it")
        # `from put_off import inside` asks the package for it.
        assert type(sys.modules["put_off"]).__name__ == "module"
        assert type(user.inside).__name__ == "_Deferred"
    assert "put_off.inside" not in sys.modules
    assert (user.first.VALUE, user.inside.VALUE) == (7, 8)
    assert user.inside.VALUE is sys.modules["put_off.inside"].VALUE
    with pytest.raises(AttributeError, match="nothing"):
        _ = user.inside.nothing


@pytest.mark.usefixtures("put_off")
def test_what_is_imported_by_then_stays_what_it_is() -> None:
    before = importlib.import_module("put_off")
    with deferred(["put_off"]), absent("put_off"):
        assert importlib.import_module("put_off") is before
    assert sys.modules["put_off"] is before


@pytest.mark.usefixtures("put_off")
def test_an_optional_library_seems_missing_in_the_block_alone() -> None:
    with absent("put_off"), pytest.raises(ModuleNotFoundError, match="put_off"):
        importlib.import_module("put_off")
    assert importlib.import_module("put_off").VALUE == 7
