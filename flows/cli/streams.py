"""Standard streams: a command can use all three, even if its caller closed some, and a terminal shows prose wrapped."""

import os
import re
import shutil
import sys
import textwrap
from typing import TextIO

#: Columns of a line of prose at most; a longer one is tiring to read.
MOST_COLUMNS = 80
#: Stands for a space at which no line may break.
_FIRM = "\0"


def fitted(text: str, stream: TextIO) -> str:
    """Return the text with its lines of prose wrapped if the stream is a terminal, else unchanged.

    Rows of tables stay as they are, as does what stands in backticks, which is there to be copied.
    """
    if not stream.isatty():
        return text
    room = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
    return "\n".join(_wrapped(line, room) for line in text.split("\n"))


def _wrapped(line: str, room: int) -> str:
    # Rows of a table have gaps of two spaces, and its wrapped cells are indented.
    if len(line) <= room or line.startswith(" ") or "  " in line:
        return line
    firm = re.sub("`[^`]*`", lambda code: code[0].replace(" ", _FIRM), line)
    return textwrap.fill(firm, room, break_long_words=False, break_on_hyphens=False).replace(_FIRM, " ")


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
