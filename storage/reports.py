"""Reports on disk."""

import os
import stat
from contextlib import ExitStack
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from storage.files import write_whole
from storage.privacy import demand_no_link

if TYPE_CHECKING:
    import pandas as pd


def write_day(home: Path, account: str, day: date, page: str) -> Path:
    """The path of the page of an account's day in the home; see `write`."""
    return write(_folder(home, account), f"{day}.html", page)


def day_pages(home: Path, account: str) -> dict[date, Path]:
    """Return the pages that were written of an account's days, oldest first.

    Raises ValueError if the account's name is a path, PlaceUnsafe where its folder is a link.
    """
    found = {}
    for path in _folder(home, account).glob("????-??-??.html"):
        try:
            found[date.fromisoformat(path.stem)] = path
        except ValueError:
            continue
    return dict(sorted(found.items()))


def read_day(home: Path, account: str, day: date) -> bytes | None:
    """Return the page of an account's day; None where there is none, or where a link or no file stands on the way.

    Raises ValueError if the account's name is a path.
    """
    _demand_plain(account)
    with ExitStack() as opened:
        try:
            place = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, place)
            for folder in ("reports", account):
                # Each is looked up in the one that is open: no link put there meanwhile leads out of the home.
                place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
                opened.callback(os.close, place)
            # A named pipe would be waited for without end.
            page = os.open(f"{day}.html", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
            opened.callback(os.close, page)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(page).st_mode):
            return None
        with os.fdopen(page, "rb", closefd=False) as file:
            return file.read()


def _folder(home: Path, account: str) -> Path:
    _demand_plain(account)
    for folder in (home / "reports", home / "reports" / account):
        demand_no_link(folder)
    return home / "reports" / account


def _demand_plain(account: str) -> None:
    if not account or Path(account).name != account or account.startswith("."):
        raise ValueError(f"{account!r} is no name of an account; give a plain name")


def write(folder: Path, name: str, text: str) -> Path:
    """The path of the report, there as a whole or not at all, readable by its owner only; an older one is replaced.

    Raises ValueError if the name is a path; StoreFull, StoreReadOnly.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a report; give a plain file name")
    return write_whole(folder / name, text.encode("utf-8"))


def write_table(folder: Path, name: str, table: "pd.DataFrame") -> Path:
    """The path of the table as a Parquet file, there as a whole or not at all, readable by its owner only.

    Raises ValueError if the name is a path; StoreFull, StoreReadOnly.
    """
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a table; give a plain file name")
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return write_whole(folder / name, buffer.getvalue())
