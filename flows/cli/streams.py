"""Standard streams: a command can use all three, even if its caller closed some."""

import os
import sys


def open_closed_streams() -> None:
    """Open each standard stream that the caller closed, on the null device.

    Otherwise the first file opened, perhaps a database, would get the descriptor of stdout or stderr, and a library's
    prints would be written into it.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # open() returns the lowest free descriptor, and those below are open by now.
            null = os.open(os.devnull, mode)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    # Python sets a stream to None if it was closed at start.
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (it lives as long as the process)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
