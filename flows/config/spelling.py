"""Spelling of symbols, accounts and sources."""

from difflib import get_close_matches

from strategy.builtin.registry import BUILT_IN

SYMBOL_PATTERN = r"^[A-Za-z0-9^=._/&-]{1,32}$"

#: An account's name becomes a folder, part of artifact keys, and part of a report's address.
ACCOUNT_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"

#: Sources other than files.
NAMED_SOURCES = ("sample", "binance", "binance-futures", "yahoo")
#: Suffixes of files of bars.
FILE_SUFFIXES = (".csv", ".parquet")
#: The patterns of the text fields, in words.
PATTERNS = {
    "source": "sample, binance, binance-futures, yahoo or file:PATH",
    "rates": "bills, yahoo, constant:RATE such as constant:0.02, or file:PATH",
    "funding": "file:PATH of a csv file",
    "base_currency": "the three capital letters of a currency, such as USD",
    "symbols": "up to 32 letters, digits and ^ = . _ / & -",
    "strategy": f"{', '.join(BUILT_IN)}, a registered name, a file such as trend.py, or sleeves "
    "such as rules=0.5+momentum=0.5",
    "parameters": "numbers, texts or truth values by name",
}


def value_meant(name: str, given: object) -> str:
    """Return the value of the setting that was probably meant, as a question; empty if none is near.

    >>> value_meant("source", "yahho"), value_meant("source", "kraken"), value_meant("rates", "yahho")
    ('did you mean yahoo?', '', '')
    """
    close = get_close_matches(str(given).lower(), NAMED_SOURCES, n=1) if name == "source" else []
    return f"did you mean {close[0]}?" if close else ""


def with_prefix(source: str) -> str:
    """Return the source, with `file:` added if it can only be the path of a file.

    >>> with_prefix("bars.csv"), with_prefix("file:bars.csv"), with_prefix("yahoo")
    ('file:bars.csv', 'file:bars.csv', 'yahoo')
    """
    plain = not source.startswith("file:") and source.lower().endswith(FILE_SUFFIXES)
    return f"file:{source}" if plain else source
