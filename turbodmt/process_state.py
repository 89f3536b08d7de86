"""What a call changes of the whole process, and puts back."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from flows.doctor.environment_names import PREFIX


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
        with warnings.catch_warnings():
            # A library of the data gate looks for a notebook's widgets, which nothing of ours draws.
            warnings.filterwarnings("ignore", message="IProgress not found")
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


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the steps' logs off the console, unless the program shows logs: the results hold all warnings."""
    handler = logging.NullHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
