"""The three standard streams: a command writes to them whatever its caller did with them."""

import os
import sys


def open_closed_streams() -> None:
    """Send each standard stream that the caller has closed to the null device.

    Else the first file opened, a database it may be, would get the number of stdout or stderr, and whatever a library
    prints would be written into it.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, and those below are open by now.
            null = os.open(os.devnull, mode)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    # Python has None for a stream that was closed when it started.
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (it lives as long as the process)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
