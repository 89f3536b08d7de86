"""The password of the server that `turbodmt up` holds for a home: made once, kept for its owner alone, never shown."""

import os
import secrets
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

#: What Prefect's server demands, and what its clients send; they travel in the environment alone.
DEMANDED = "PREFECT_SERVER_API_AUTH_STRING"
SENT = "PREFECT_API_AUTH_STRING"
USER = "turbodmt"
_RANDOM_BYTES = 32
#: More than any password of ours takes: what is longer is another file.
_MOST_BYTES = 1_000


class PasswordUnsafe(ValueError):
    """The file of the password is not its owner's alone, or holds something else (exit 2)."""


@cache
def of_process() -> str:
    """Return the user:password of the servers that end with this process, which alone knows it."""
    return _fresh()


def given() -> str | None:
    """Return the user:password that the environment gives the server; None if it gives none.

    Raises PasswordUnsafe for one without a user or a password.
    """
    text = os.environ.get(DEMANDED, "")
    if not text:
        return None
    user, colon, word = text.partition(":")
    if not (user and colon and word):
        raise PasswordUnsafe(f"{DEMANDED} is not of the form user:password; give it both, or unset it")
    return text


def of_home(home: Path) -> str:
    """Return the home's own user:password, which is made where there is none yet. Raises PasswordUnsafe."""
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
            # It appears whole, and of two first starts at once one makes it: a link never replaces a file.
            with suppress(FileExistsError):
                path.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    return kept(home)


def kept(home: Path) -> str:
    """Return the user:password that the home keeps. Raises PasswordUnsafe where there is none for its owner alone."""
    path = password_file(home)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise PasswordUnsafe(
            f"{path} cannot be read ({error.strerror}); delete it, and the next `turbodmt up` makes another"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077 or found.st_uid != os.geteuid():
            raise PasswordUnsafe(
                f"{path} has mode {mode:o} and owner {found.st_uid}, so others may have read it; delete it, and the "
                "next `turbodmt up` makes another"
            )
        text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
    user, colon, word = text.partition(":")
    if not (user and colon and word):
        raise PasswordUnsafe(f"{path} holds no user:password; delete it, and the next `turbodmt up` makes another")
    return text


def password_file(home: Path) -> Path:
    """Return the path of the file that keeps it."""
    return home / "server-password"


def _fresh() -> str:
    return f"{USER}:{secrets.token_urlsafe(_RANDOM_BYTES)}"
