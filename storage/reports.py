"""Reports on disk."""

from datetime import date
from io import BytesIO
from pathlib import Path

import pandas as pd

from storage.files import write_whole


def write_day(home: Path, account: str, day: date, page: str) -> Path:
    """The path of the page of an account's day in the home; see `write`."""
    return write(home / "reports" / account, f"{day}.html", page)


def day_pages(home: Path, account: str) -> dict[date, Path]:
    """The pages that were written of an account's days, oldest first."""
    found = {}
    for path in (home / "reports" / account).glob("????-??-??.html"):
        try:
            found[date.fromisoformat(path.stem)] = path
        except ValueError:
            continue
    return dict(sorted(found.items()))


def write(folder: Path, name: str, text: str) -> Path:
    """The path of the report, there as a whole or not at all, readable by its owner only; an older one is replaced.

    Raises ValueError if the name is a path; StoreFull, StoreReadOnly.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a report; give a plain file name")
    return write_whole(folder / name, text.encode("utf-8"))


def write_table(folder: Path, name: str, table: pd.DataFrame) -> Path:
    """The path of the table as a Parquet file, there as a whole or not at all, readable by its owner only.

    Raises ValueError if the name is a path; StoreFull, StoreReadOnly.
    """
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a table; give a plain file name")
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return write_whole(folder / name, buffer.getvalue())
