"""The command line as a function."""

from collections.abc import Sequence

from flows.cli.main import run
from turbodmt.process_state import as_before

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
