"""The options that choose what is tested: strategies, dates and a grid, as they were typed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """The values of --strategy, --start-date and --end-date; None where one was not given."""

    strategy: str | None
    start_date: str | None
    end_date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOptions:
    """The values of --grid, --dask and --search, None where one was not given, and whether --walk-forward was."""

    file: str | None = None
    dask: str | None = None
    walk_forward: bool = False
    search: int | None = None
