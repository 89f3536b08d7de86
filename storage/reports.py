"""Reports on disk: daily pages, the page of all accounts, backtest pages and tables."""

import os
import stat
from contextlib import ExitStack
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from storage.errors import named_system_failures
from storage.files import write_whole
from storage.privacy import demand_no_link

if TYPE_CHECKING:
    import pandas as pd

#: The page of all accounts, in the folder of all reports.
INDEX = "index.html"
#: The folder of the pages of models, among those of accounts.
MODELS = "models"
#: The pages of a saved backtest, comparison and sweep, in a folder that the user named.
BACKTEST, COMPARISON, SWEEP = "report.html", "comparison.html", "sweep.html"


def write_index(home: Path, page: str) -> Path:
    """Write the page of all accounts into the home and return its path; see `write`. Raises PlaceUnsafe for a link."""
    demand_no_link(home / "reports")
    return write(home / "reports", INDEX, page)


def index_file(home: Path) -> Path:
    """Return the path of the page of all accounts, whether or not it has been written."""
    return home / "reports" / INDEX


def read_index(home: Path) -> bytes | None:
    """Return the page of all accounts; None if there is none, or a link or a special file is in the way."""
    return _read_within(home, ("reports",), INDEX)


def write_day(home: Path, account: str, day: date, page: str) -> Path:
    """Write the page of an account's day into the home and return its path; see `write`."""
    return write(_folder(home, account), f"{day}.html", page)


def day_pages(home: Path, account: str) -> dict[date, Path]:
    """Return the paths of an account's daily pages by date, oldest first.

    Raises ValueError if the account's name is a path, PlaceUnsafe if its folder is a link.
    """
    found = {}
    for path in _folder(home, account).glob("????-??-??.html"):
        try:
            found[date.fromisoformat(path.stem)] = path
        except ValueError:
            continue
    return dict(sorted(found.items()))


def read_day(home: Path, account: str, day: date) -> bytes | None:
    """Return the page of an account's day; None if there is none, or a link or a special file is in the way.

    Raises ValueError if the account's name is a path.
    """
    _demand_plain(account)
    return _read_within(home, ("reports", account), f"{day}.html")


def write_model(home: Path, model_id: str, page: str) -> Path:
    """Write the page of a model into the home and return its path; see `write`. Raises PlaceUnsafe for a link."""
    path = model_file(home, model_id)
    for folder in (home / "reports", path.parent):
        demand_no_link(folder)
    return write(path.parent, path.name, page)


def model_file(home: Path, model_id: str) -> Path:
    """Return the path of a model's page, whether or not it has been written; it is named after the id's beginning."""
    return home / "reports" / MODELS / f"{model_id[:12]}.html"


def read_model(home: Path, name: str) -> bytes | None:
    """Return the page of the model whose id begins with these 12 digits; None if there is none, or a link."""
    return _read_within(home, ("reports", MODELS), f"{name}.html")


def read_saved(home: Path, folder: str, name: str) -> bytes | None:
    """Return a page that was saved in a folder among the home's reports; None if there is none, or a link."""
    return _read_within(home, ("reports", folder), name) if name in (BACKTEST, COMPARISON, SWEEP) else None


def way_back(home: Path, folder: Path) -> str:
    """Return the address of the page of all accounts for a page in the folder; empty unless it is among the reports.

    >>> way_back(Path("/home/me"), Path("/home/me/reports/daily")), way_back(Path("/home/me"), Path("/tmp"))
    ('../index.html', '')
    """
    root, place = (home / "reports").resolve(), folder.resolve()
    if not place.is_relative_to(root):
        return ""
    return "../" * len(place.relative_to(root).parts) + INDEX


def is_there(page: Path) -> bool:
    """Return whether a link to the page would show something: it is a file that is not empty, and can be reached."""
    try:
        found = page.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def address(home: Path, page: Path) -> str:
    """Return the address of a page for the page of all accounts: a relative one among the reports, so that both move.

    >>> home = Path("/home/me")
    >>> address(home, home / "reports" / "a b" / "sweep.html"), address(home, Path("/tmp/sweep.html"))
    ('a%20b/sweep.html', 'file:///tmp/sweep.html')
    """
    root, place = (home / "reports").resolve(), page.resolve()
    if not place.is_relative_to(root):
        return page.as_uri()
    # A colon in the first part would be read as the end of a scheme; quoting leaves none.
    return quote(place.relative_to(root).as_posix())


def _read_within(home: Path, folders: tuple[str, ...], name: str) -> bytes | None:
    """Return the file below these folders of the home; None if there is none, or any of them is a link."""
    with ExitStack() as opened:
        try:
            place = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, place)
            for folder in folders:
                # Each folder is opened relative to its open parent: a link put there meanwhile cannot leave the home.
                place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
                opened.callback(os.close, place)
            # Opening a named pipe would block for ever.
            page = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
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
        raise ValueError(f"{account!r} is not a valid account name; give a plain name")


def write(folder: Path, name: str, text: str) -> Path:
    """Write the report atomically, readable by its owner only, and return its path; an older one is replaced.

    Raises ValueError if the name is a path; StoreError.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is not a valid report name; give a plain file name")
    return write_whole(folder / name, text.encode("utf-8"))


def read(folder: Path, name: str) -> str | None:
    """Return the text of a file that `write` wrote; None if there is none, or it is not UTF-8.

    Raises StoreError.
    """
    path = folder / name
    with named_system_failures(path):
        try:
            return path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return None


def write_table(folder: Path, name: str, table: "pd.DataFrame") -> Path:
    """Write the table atomically as a Parquet file, readable by its owner only, and return its path.

    Raises ValueError if the name is a path; StoreError.
    """
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is not a valid table name; give a plain file name")
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return write_whole(folder / name, buffer.getvalue())
