"""Tables and pictures as a notebook shows them."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from storage.files import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing as SVG text, which a notebook shows, for light and dark mode.

    >>> Picture(svg='<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    Picture(46 characters of SVG)
    """

    svg: str

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the drawing to the path, which ends in .svg, and return it. Raises StoreFull, StoreReadOnly."""
        target = Path(path)
        if target.suffix.lower() != ".svg":
            raise ValueError(f"the picture's path is {str(path)!r}; it must end in .svg")
        return write_whole(target.expanduser().absolute(), self.svg.encode())

    def __repr__(self) -> str:
        return f"Picture({len(self.svg)} characters of SVG)"

    def _repr_svg_(self) -> str:
        return self.svg


def dated(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its column `as_of` as the index `date`.

    >>> dated(pd.DataFrame({"as_of": ["2020-01-02"], "equity": [1.0]})).index
    DatetimeIndex(['2020-01-02'], dtype='datetime64[...]', name='date', freq=None)
    """
    dates = pd.DatetimeIndex(pd.to_datetime(table["as_of"]), name="date")
    return table.drop(columns="as_of").set_index(dates)
