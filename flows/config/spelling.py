"""How a user spells symbols and sources."""

SYMBOL_PATTERN = r"^[A-Za-z0-9^=._/&-]{1,32}$"

#: An account's name becomes a folder, and part of the keys of artifacts and of the address of a report.
ACCOUNT_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"

#: Sources that are no file.
NAMED_SOURCES = ("sample", "binance", "yahoo")
#: How the name of a file of bars ends.
FILE_SUFFIXES = (".csv", ".parquet")
#: What the patterns of the text fields ask for, in words.
PATTERNS = {"source": "sample, binance, yahoo or file:PATH", "symbols": "up to 32 letters, digits and ^ = . _ / & -"}


def with_prefix(source: str) -> str:
    """Return the source with `file:` before what can be nothing but the path of a file.

    >>> with_prefix("bars.csv"), with_prefix("file:bars.csv"), with_prefix("yahoo")
    ('file:bars.csv', 'file:bars.csv', 'yahoo')
    """
    plain = not source.startswith("file:") and source.lower().endswith(FILE_SUFFIXES)
    return f"file:{source}" if plain else source
