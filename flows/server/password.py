"""Password of `turbodmt up`'s server for a home: created once, readable by its owner alone, never shown."""

import os
import secrets
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from strategy.exit_codes import UsageError

#: Variables with what Prefect's server demands and what its clients send; passed only in the environment.
DEMANDED = "PREFECT_SERVER_API_AUTH_STRING"
SENT = "PREFECT_API_AUTH_STRING"
USER = "turbodmt"
_RANDOM_BYTES = 32
#: Larger than any password of ours: a longer file is something else.
_MOST_BYTES = 1_000


@cache
def of_process() -> str:
    """Return the user:password of servers that end with this process; only this process knows it."""
    return _fresh()


def given() -> str | None:
    """Return the user:password that the environment sets for the server; None if it sets none.

    Raises UsageError for one without a user or a password.
    """
    text = os.environ.get(DEMANDED, "")
    if not text:
        return None
    user, colon, word = text.partition(":")
    if not (user and colon and word):
        raise UsageError(f"{DEMANDED} is not of the form user:password; give it both, or unset it")
    return text


def of_home(home: Path) -> str:
    """Return the home's own user:password; create it if there is none yet. Raises UsageError."""
    from storage.files import private_folder, temporary_beside

    private_folder(home)
    path = password_file(home)
    if not os.path.lexists(path):
        temporary = temporary_beside(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                os.fchmod(descriptor, 0o600)
                file.write(f"{_fresh()}\n")
            # Linking is atomic and never replaces a file: of two simultaneous first starts, one creates it.
            with suppress(FileExistsError):
                path.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    return kept(home)


def kept(home: Path) -> str:
    """Return the user:password stored in the home. Raises UsageError if no file holds it for its owner alone."""
    path = password_file(home)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); delete it, and the next `turbodmt up` makes another"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077 or found.st_uid != os.geteuid():
            raise UsageError(
                f"{path} has mode {mode:o} and owner {found.st_uid}, so others may have read it; delete it, and the "
                "next `turbodmt up` makes another"
            )
        text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    user, colon, word = text.partition(":")
    if not (user and colon and word):
        raise UsageError(f"{path} holds no user:password; delete it, and the next `turbodmt up` makes another")
    return text


def password_file(home: Path) -> Path:
    """Return the path of the password file."""
    return home / "server-password"


def _fresh() -> str:
    return f"{USER}:{secrets.token_urlsafe(_RANDOM_BYTES)}"
