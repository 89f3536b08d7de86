"""Colour on a terminal that wants it: never in a pipe or file, and never where NO_COLOR is set (no-color.org)."""

import os
import sys
from typing import TextIO

import typer


def wanted(stream: TextIO) -> bool:
    """Return whether the stream is a terminal that shows colours, and the user has not declined them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def warning(text: str) -> str:
    """Return a warning of the answer, which goes to stdout."""
    return typer.style(text, fg=typer.colors.YELLOW) if wanted(sys.stdout) else text


def failure(text: str) -> str:
    """Return the beginning of a failure's sentence, which goes to stderr."""
    return typer.style(text, fg=typer.colors.RED, bold=True) if wanted(sys.stderr) else text
