"""Values as the command line takes them, and its messages in the terms of Python."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from os import PathLike, fspath
from pathlib import Path

from flows.config.spelling import with_prefix
from flows.planning.plan import RequestRefused
from strategy.exit_codes import Exit, exit_code

Money = Decimal | int | float | str
Day = date | str
Names = str | Sequence[str]

#: How a source that is a file begins.
FILE = "file:"
#: The parameters that stand for options of another name; the others have the option's name.
PARAMETERS = {"start-date": "start", "end-date": "end", "symbol": "symbols", "source": "bars", "days": "days"}
#: Options of settings that no call has a parameter for.
SETTINGS = frozenset({"financing-rate", "rates"})
#: An option, or a command between backticks, which stays as it is.
_OPTION = re.compile(r"`[^`]*`|--([a-z]+(?:-[a-z]+)*)")


def day_text(day: Day | None) -> str | None:
    """Return the day as an option has it.

    >>> day_text(date(2020, 1, 2)), day_text("2020-01-02"), day_text(None)
    ('2020-01-02', '2020-01-02', None)
    """
    if day is None or isinstance(day, str):
        return day
    return (day.date() if isinstance(day, datetime) else day).isoformat()


def named(names: Names | None) -> tuple[str, ...] | None:
    """Return the names one by one.

    >>> named("A, B"), named(["A"]), named(None)
    (('A', 'B'), ('A',), None)
    """
    if names is None:
        return None
    return tuple(part.strip() for part in (names.split(",") if isinstance(names, str) else names))


def source_text(source: str | PathLike[str]) -> str:
    """Return the source as the command line takes it, the path of a file absolute.

    >>> source_text("sample"), source_text("/tmp/bars.csv")
    ('sample', 'file:/tmp/bars.csv')
    """
    given = with_prefix(source) if isinstance(source, str) else f"{FILE}{fspath(source)}"
    if not given.startswith(FILE):
        return given
    return f"{FILE}{Path(given.removeprefix(FILE)).expanduser().absolute()}"


def money_text(money: Money | None) -> str | None:
    """Return the amount as an option has it."""
    return None if money is None else str(money)


def merged(options: Mapping[str, object], settings: Mapping[str, object] | None) -> dict[str, object]:
    """Return the options with the other settings. Raises RequestRefused for a setting that has its own parameter."""
    for name in settings or {}:
        if name in options:
            raise RequestRefused(f"settings name {name}, which is a parameter of its own; give it there")
    return {**options, **(settings or {})}


@contextmanager
def in_terms_of_python() -> Iterator[None]:
    """Raise what the block raises, with parameters in its message where the command line has options.

    >>> with in_terms_of_python():
    ...     raise RequestRefused("--start-date is '2018'; it must be a date")
    Traceback (most recent call last):
    flows.planning.plan.RequestRefused: start= is '2018'; it must be a date

    A command to type, between backticks, keeps its options; what calls take as `settings` is named so.

    >>> with in_terms_of_python():
    ...     raise RequestRefused("give --rates constant:0.02")
    Traceback (most recent call last):
    flows.planning.plan.RequestRefused: give the setting rates= constant:0.02
    """
    try:
        yield
    except Exception as error:
        if exit_code(error) is not Exit.BUG and error.args and isinstance(error.args[0], str):
            error.args = (_OPTION.sub(_parameter, error.args[0]), *error.args[1:])
        raise


def _parameter(found: re.Match[str]) -> str:
    name = found.group(1)
    if name is None:
        return found.group()
    which = "the setting " if name in SETTINGS else ""
    return f"{which}{PARAMETERS.get(name, name).replace('-', '_')}="
