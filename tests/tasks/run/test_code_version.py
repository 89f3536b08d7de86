from pathlib import Path

import pytest

from tasks.run import code_version as module
from tasks.run.code_version import FLOORS, SOURCES, code_version


def test_the_version_of_the_code_covers_every_file_of_the_floors_but_the_page_and_the_pool_of_prefect() -> None:
    root = Path(__file__).parents[3]
    files = [path for floor in FLOORS for path in (root / floor).rglob("*") if path.is_file()]
    others = {path.name for path in files if path.suffix not in {*SOURCES, ".pyc"}}
    assert others == {"job-template.json", "prefect.yaml", "report_page.html", "py.typed"}


def test_a_changed_template_is_another_version_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_floor"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "FLOORS", ("a_floor",))
    versions = set()
    for text in ("one", "two"):
        (package / "page.html.j2").write_text(text)
        versions.add(code_version())
    assert len(versions) == 2
