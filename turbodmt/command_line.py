"""The command line as a function."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flows.cli.main import run
from flows.doctor.environment_names import PREFIX

#: What the seed document writes first: the strategy, which this program is.
SEED_NAME = "turbo_dmt_v2"


def main(argv: Sequence[str]) -> int:
    """Run a command of `turbodmt` and return its exit code, 0 for success; it prints as in a terminal.

    `argv` has no name of the program; a leading `turbo_dmt_v2` is dropped, as the seed document has it.

    >>> main(["--version"])
    turbodmt ...
    0
    """
    if isinstance(argv, str):
        raise TypeError(f"argv is the text {argv!r}; it must be a list of words, such as {argv.split()}")
    arguments = list(argv)
    with as_before():
        return run(arguments[1:] if arguments[:1] == [SEED_NAME] else arguments)


@contextmanager
def as_before() -> Iterator[None]:
    """Put back what a command sets for its whole process: settings in the environment, the file mode, its log handler.

    The server that Prefect's runs share stays, and so do the variables that name it.
    """
    before, root = _settings(), logging.getLogger()
    handlers = list(root.handlers)
    # Files that libraries write are private to the user too, like our own.
    mode = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mode)
        for name in _settings():
            del os.environ[name]
        os.environ.update(before)
        # Prefect's handlers, of kinds of their own, stay: they are installed once.
        for handler in [found for found in root.handlers if type(found) is logging.StreamHandler]:
            if handler not in handlers:
                root.removeHandler(handler)


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
