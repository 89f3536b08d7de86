"""Exit codes of a command: each error class that a user may meet carries its own as `exit_code`."""

from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes."""

    DONE = 0
    BUG = 1
    USAGE = 2
    DATA = 3
    UNREACHABLE = 4
    BLOCKED = 5
    STORE = 6
    RECONCILIATION = 7
    #: Stopped by Ctrl-C, by the shells' convention.
    STOPPED = 130


class UsageError(ValueError):
    """A request that cannot be carried out as it was made (exit 2)."""

    exit_code = Exit.USAGE


class Remedied(Exception):
    """A failure that a user can end (exit 2, unless its kind has another code): what is wrong, and the remedy."""

    exit_code = Exit.USAGE

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what, self.remedy = what, remedy


def exit_code(error: BaseException) -> Exit:
    """Return the exit code of a failure; BUG for an exception that carries none of ours.

    >>> exit_code(KeyError("x"))
    <Exit.BUG: 1>
    """
    # A library's exception may have an `exit_code` too, as click's have.
    code = getattr(error, "exit_code", None)
    return code if isinstance(code, Exit) else Exit.BUG
