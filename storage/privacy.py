"""Checks that a home belongs to its owner alone: its files are trusted, so nobody else may be able to write there."""

import os
import stat
from pathlib import Path

from strategy.exit_codes import Remedied

#: Subfolders of a home; each must be a real folder, not a link.
FOLDERS = ("models", "prefect", "reports")


class PlaceUnsafe(Remedied, ValueError):
    """A folder that others can write to, or that is a link (exit 2): what is wrong, and the remedy."""


def demand_private(home: Path) -> None:
    """Raise PlaceUnsafe if another user can change what the home holds; a home that does not exist yet passes."""
    try:
        found = home.stat()
    except OSError:
        # Whatever opens it next reports the error.
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
    """Raise PlaceUnsafe if the folder is a link, through which files would be written elsewhere."""
    if folder.is_symlink():
        raise PlaceUnsafe(
            f"{folder} is a link to {folder.readlink()}",
            "put a folder in its place, or move the whole home with --home",
        )
