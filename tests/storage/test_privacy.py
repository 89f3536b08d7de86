"""A home is its owner's alone, and what lies in it leads nowhere else."""

from pathlib import Path

import pytest

from storage.privacy import FOLDERS, PlaceUnsafe, demand_private


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702, 0o1777])
def test_a_home_that_others_may_change_is_refused(tmp_path: Path, mode: int) -> None:
    home = tmp_path / "home"
    demand_private(home)
    home.mkdir(mode=0o755)
    demand_private(home)
    home.chmod(mode)
    with pytest.raises(PlaceUnsafe, match=f"has mode {mode:o}, so others may change what it holds; `chmod 700 "):
        demand_private(home)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_the_home_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / name).symlink_to(tmp_path / "theirs")
    with pytest.raises(PlaceUnsafe, match=f"{name} is a link to {tmp_path / 'theirs'}; put a folder in its place"):
        demand_private(tmp_path / "home")
