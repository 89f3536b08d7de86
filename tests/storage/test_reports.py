import stat
from pathlib import Path

import pytest

from storage import reports
from storage.errors import StoreReadOnly


def test_a_report_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    reports.write(folder, "day.html", "<p>first")
    path = reports.write(folder, "day.html", "<p>é")
    assert path.read_bytes() == "<p>é".encode()
    assert [place.name for place in folder.iterdir()] == ["day.html"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../day.html", "/tmp/day.html", ".day.html", ""])
def test_a_report_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid report name"):
        reports.write(tmp_path, name, "")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("taken")
    with pytest.raises(StoreReadOnly, match="Not a directory"):
        reports.write(tmp_path / "reports", "day.html", "")
