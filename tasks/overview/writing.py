"""The page of all accounts in its place among the reports."""

from pathlib import Path

from storage import reports
from storage.database import connect
from tasks.overview.facts import Beside, overview
from tasks.overview.page import overview_page
from tasks.run.answers import Answer


class IndexAnswer(Answer):
    """The answer of `turbodmt report --index`: the page of all accounts, written again, and the accounts on it."""

    index: str
    accounts: tuple[str, ...]
    warnings: tuple[str, ...]


def write_overview(home: Path, beside: Beside) -> IndexAnswer:
    """Write the page of all accounts and return where it lies. Raises StoreError, PlaceUnsafe."""
    # It is written while the store is open: no other process can write an older page over a newer one.
    with connect(home) as store:
        seen = overview(store, home, beside)
        path = reports.write_index(home, overview_page(seen))
    return IndexAnswer(index=str(path), accounts=tuple(each.account for each in seen.accounts), warnings=())
