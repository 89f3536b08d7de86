"""The options that choose what is tested: strategies and dates, as they were typed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """The values of --strategy, --start-date and --end-date; None where one was not given."""

    strategy: str | None
    start_date: str | None
    end_date: str | None
