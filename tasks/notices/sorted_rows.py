"""The warning about a file whose rows were not in date order."""

from collections.abc import Sequence

from storage.bars.sorted_rows import SortedRows
from tasks.run.job import Job


def sorted_remarks(job: Job, found: Sequence[SortedRows]) -> tuple[str, ...]:
    """Return one warning for the whole file: how many rows were sorted, and the first of them."""
    if not found:
        return ()
    count = sum(sorted_rows.rows for sorted_rows in found)
    first = found[0]
    whose = first.symbol if len(found) == 1 else f"{len(found)} symbols"
    rows = "1 row" if count == 1 else f"{count} rows"
    return (
        f"{job.source.removeprefix('file:')}: {rows} of {whose} stood below a later date, the first of {first.symbol} "
        f"in row {first.first_row}, {first.first_date}; the bars were sorted by date, oldest first",
    )
