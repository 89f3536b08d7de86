"""Saved backtests, read back from their folders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from storage import reports
from strategy.exit_codes import UsageError
from tasks.performance.run_record import FILE, RunRecord

#: More could not be told apart in a picture; a sweep compares thousands.
MOST_RUNS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A saved backtest: its folder, its record, and a name that no other run of the comparison has."""

    label: str
    folder: Path
    record: RunRecord


def saved_runs(folders: Sequence[Path]) -> tuple[SavedRun, ...]:
    """Return the backtests that were saved in the folders, the first being what the others are compared with.

    Raises UsageError for fewer than two or too many, for one named twice, and for one without a record that can be
    read.
    """
    _demand_few(len(folders))
    return told_apart([folder.absolute() for folder in folders], [read_run(folder) for folder in folders])


def told_apart(folders: Sequence[Path], records: Sequence[RunRecord]) -> tuple[SavedRun, ...]:
    """Return the runs of these folders, each with a name of its own; a relative one is no folder but a name.

    Raises UsageError as `saved_runs` does.
    """
    _demand_few(len(folders))
    places = [folder.resolve() if folder.is_absolute() else folder for folder in folders]
    twice = next((str(place) for place, count in Counter(places).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} was named twice; a run cannot be compared with itself, name each once")
    labels = _labels(records, folders)
    return tuple(
        SavedRun(label=label, folder=place, record=record)
        for label, place, record in zip(labels, places, records, strict=True)
    )


def _demand_few(count: int) -> None:
    if not 2 <= count <= MOST_RUNS:
        named = "1 saved run was" if count == 1 else f"{count} saved runs were"
        raise UsageError(
            f"{named} named; a comparison takes 2 to {MOST_RUNS}, and `turbodmt backtest --grid` compares thousands of "
            "points"
        )


def read_run(folder: Path) -> RunRecord:
    """Return the record of the run that was saved in the folder. Raises UsageError if there is none to be read."""
    text = reports.read(folder, FILE)
    if text is None:
        raise UsageError(
            f"{folder} has no {FILE}; name a folder that `turbodmt backtest --save-results` wrote, and save a run of "
            "an older version again"
        )
    try:
        return RunRecord.of_json(text)
    except ValidationError as error:
        raise UsageError(
            f"{folder / FILE} is no record of a run, at {'.'.join(map(str, error.errors()[0]['loc'])) or 'its dates'}; "
            "save the run again"
        ) from error


def _labels(records: Sequence[RunRecord], folders: Sequence[Path]) -> list[str]:
    """Return the names of the strategies, with the folder's where two are the same, with its whole path if need be."""
    named = [record.strategy for record in records]
    for part in ([folder.name for folder in folders], [str(folder) for folder in folders]):
        counts = Counter(named)
        named = [
            f"{record.strategy} ({own})" if counts[name] > 1 else name
            for name, record, own in zip(named, records, part, strict=True)
        ]
    return named
