"""Paths named by a user."""

from pathlib import Path

from platformdirs import user_data_path

from strategy.exit_codes import Remedied


class HomeUnknown(Remedied, RuntimeError):
    """A path in the user's home folder, which cannot be determined (exit 2)."""


def expanded(path: Path) -> Path:
    """Return the absolute path, with `~` replaced by the user's folder. Raises HomeUnknown."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise HomeUnknown(_nowhere(str(path)), "name an absolute path") from error


def default_home() -> Path:
    """Return the platform's folder for a user's data. Raises HomeUnknown."""
    try:
        return expanded(user_data_path("turbodmt", appauthor=False))
    except RuntimeError as error:
        raise HomeUnknown(_nowhere("the database"), "name a folder with --home or TURBODMT_HOME") from error


def _nowhere(what: str) -> str:
    return f"{what} lies in your home folder, and neither HOME nor the list of users says where that is"
