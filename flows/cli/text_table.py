"""Tables of text that fit the terminal: long cells wrap, a table that is still too wide is cut into parts."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence

GAP = "  "
#: A column of words is never narrower; below it the table would be a ladder of letters.
LEAST_COLUMN = 16
#: A wide table of more rows is cut into several beside each other's first column, as pandas does.
MOST_LISTED = 3


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], room: int | None = None) -> str:
    """Return rows as aligned text of at most `room` characters a line, default: the terminal's width, or 80.

    Only words wrap: a number or an id is never broken, so that a line may be longer where one alone needs more.

    >>> print(table([{"a": 1, "b": None}], ("a", "b")))
    a  b
    1  -
    >>> print(table([{"name": "hold", "does": "buys once and holds to the end"}], ("name", "does"), room=24))
    name  does
    hold  buys once and
          holds to the end
    """
    room = room or shutil.get_terminal_size().columns
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = _fitted([list(columns), *cells], room)
    if widths is not None:
        return "\n".join(line for row in ([*columns], *cells) for line in _lines(row, widths))
    if len(rows) <= MOST_LISTED or len(columns) <= 2:
        return "\n\n".join(_listed(columns, row, room) for row in cells)
    return "\n\n".join(table(rows, [*columns[:1], *part], room) for part in _parts(columns, cells, room))


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _fitted(cells: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Return the width of each column, the widest ones of words narrowed to fit; None if that does not suffice."""
    columns = [*zip(*cells, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    least = [
        min(width, max(LEAST_COLUMN, *(len(word) for cell in column for word in cell.split())))
        for width, column in zip(widths, columns, strict=True)
    ]
    allowed = room - len(GAP) * (len(widths) - 1)
    while sum(widths) > allowed:
        wide = max(range(len(widths)), key=lambda column: widths[column] - least[column])
        if widths[wide] == least[wide]:
            return None
        widths[wide] -= 1
    return widths


def _parts(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[list[str]]:
    """Return the columns but the first in as many parts as must stand below each other, each beside the first."""
    parts: list[list[str]] = [[]]
    for name in columns[1:]:
        shown = [columns.index(each) for each in (columns[0], *parts[-1], name)]
        if parts[-1] and _fitted([[row[column] for column in shown] for row in ([*columns], *cells)], room) is None:
            parts.append([])
        parts[-1].append(name)
    return parts


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the row's lines, as many as its longest cell takes."""
    wrapped = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    deep = max(map(len, wrapped))
    full = [[*cell, *[""] * (deep - len(cell))] for cell in wrapped]
    return [
        GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*full, strict=True)
    ]


def _listed(columns: Sequence[str], row: Sequence[str], room: int) -> str:
    """Return one row as lines of a name and a value each."""
    names = max(map(len, columns))
    values = max(LEAST_COLUMN, room - names - len(GAP))
    return "\n".join(
        line for name, cell in zip(columns, row, strict=True) for line in _lines((name, cell), (names, values))
    )


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
