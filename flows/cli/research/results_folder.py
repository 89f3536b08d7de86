"""`--save-results DIR` of a backtest and a sweep."""

from pathlib import Path

from flows.config.paths import expanded
from flows.planning.plan import RequestRefused
from storage.errors import StoreReadOnly
from storage.files import temporary_beside, write_whole


def results_folder(text: str) -> Path:
    """Create the folder if needed and check that it is writable; raise RequestRefused before anything is computed."""
    if not text:
        raise RequestRefused("--save-results is ''; it must be the path of a folder")
    folder = expanded(Path(text))
    try:
        # An existing folder proves nothing: only writing a file shows that more files can be created.
        write_whole(temporary_beside(folder / "writable"), b"").unlink()
    except (StoreReadOnly, OSError) as error:
        raise RequestRefused(f"--save-results is {text!r}, which cannot be written; name a writable folder") from error
    return folder
