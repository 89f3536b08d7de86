"""`--save-results [DIR]` of a backtest and a sweep."""

from collections.abc import Sequence
from pathlib import Path

OPTION = "--save-results"
#: The folder, in the current one, of an option without a value.
DEFAULT = "turbodmt-results"


def with_folder(arguments: Sequence[str]) -> list[str]:
    """Return the arguments, with the default folder after each `--save-results` that has none.

    >>> with_folder(["--save-results", "--json"]), with_folder(["--save-results", "out"])
    (['--save-results', 'turbodmt-results', '--json'], ['--save-results', 'out'])
    """
    result: list[str] = []
    for place, argument in enumerate(arguments):
        result.append(argument)
        if argument == OPTION and (place + 1 == len(arguments) or arguments[place + 1].startswith("-")):
            result.append(DEFAULT)
    return result


def results_folder(text: str) -> Path:
    """Create the folder if needed and check that it is writable; raise RequestRefused before anything is computed."""
    from flows.config.paths import expanded
    from flows.planning.plan import RequestRefused
    from storage.errors import StoreReadOnly
    from storage.files import temporary_beside, write_whole

    if not text:
        raise RequestRefused("--save-results is ''; it must be the path of a folder")
    folder = expanded(Path(text))
    try:
        # An existing folder proves nothing: only writing a file shows that more files can be created.
        write_whole(temporary_beside(folder / "writable"), b"").unlink()
    except (StoreReadOnly, OSError) as error:
        raise RequestRefused(f"--save-results is {text!r}, which cannot be written; name a writable folder") from error
    return folder
