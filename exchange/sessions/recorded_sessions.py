"""New York's sessions in a file, recorded of a release of exchange-calendars, which takes 0.3 s to compute them.

For another release: `python -m testing.release.record_sessions`.
"""

from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exchange.sessions.weekdays import DayArray

#: The sessions that are shipped, and the library that they are of.
SHIPPED, LIBRARY = Path(__file__).with_suffix(".npz"), "exchange-calendars"


def recorded(path: Path = SHIPPED) -> tuple[DayArray, NDArray[np.datetime64]] | None:
    """Return New York's session dates, (T,), and their closes; None if another release of the library is installed."""
    with np.load(path) as file:
        if str(file["release"]) != metadata.version(LIBRARY):
            return None
        days = file["first"] + np.flatnonzero(np.unpackbits(file["held"]))
        return days, days.astype("datetime64[us]") + file["closes"].astype("timedelta64[m]")


def record(path: Path, days: DayArray, closes: NDArray[np.datetime64]) -> None:
    """Write the session dates of the installed release and their closes, which are whole minutes, to a file."""
    held = np.zeros(int((days[-1] - days[0]).astype(np.int64)) + 1, dtype=bool)
    held[(days - days[0]).astype(np.int64)] = True
    minutes = (closes - days.astype("datetime64[us]")).astype("timedelta64[m]").astype(np.uint16)
    release = np.array(metadata.version(LIBRARY))
    np.savez_compressed(path, release=release, first=days[0], held=np.packbits(held), closes=minutes)
