"""Whether a home is its owner's alone: what lies there is believed, so nobody else may have put it there."""

import os
import stat
from pathlib import Path

#: What a home holds beside its files; each is a folder of the home, and leads nowhere else.
FOLDERS = ("models", "prefect", "reports")


class PlaceUnsafe(ValueError):
    """A folder is open to others, or leads elsewhere: what is wrong, and what to do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what, self.remedy = what, remedy


def demand_private(home: Path) -> None:
    """Raise PlaceUnsafe where somebody else may change what the home holds; one that is yet to be made is private."""
    try:
        found = home.stat()
    except OSError:
        # Whoever opens it tells what is wrong with it.
        return
    if found.st_uid != os.geteuid():
        raise PlaceUnsafe(
            f"{home} belongs to user {found.st_uid} and you are {os.geteuid()}", "name a --home of your own"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PlaceUnsafe(
            f"{home} has mode {mode:o}, so others may change what it holds",
            f"`chmod 700 {home}`, or name another --home",
        )
    for name in FOLDERS:
        demand_no_link(home / name)


def demand_no_link(folder: Path) -> None:
    """Raise PlaceUnsafe where the folder is a link, through which files would go elsewhere."""
    if folder.is_symlink():
        raise PlaceUnsafe(
            f"{folder} is a link to {folder.readlink()}",
            "put a folder in its place, or move the whole home with --home",
        )
