"""The numbers of an equity picture for the script of a page, which shows them under the pointer and draws them anew."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date

from tasks.report.charts import EquityPicture, Line
from tasks.report.plots import FEW_DAYS

_EPOCH = date(1970, 1, 1).toordinal()
#: Digits of a number: more cannot be seen, and would only make the page larger.
_DIGITS = 7


def picture_data(picture: EquityPicture) -> str:
    """Return the dates, lines, regimes and band of a picture as JSON that is safe inside HTML; NaN is null.

    >>> from tasks.report.charts import Panel
    >>> line = Line(label="A</script>", values=(1.5,))
    >>> day = EquityPicture(title="A day", dates=(date(1970, 1, 3),), lines=(line,), drawdown=(0.0,))
    >>> json.loads(picture_data(day))["days"], "</" in picture_data(day)
    ([2], False)
    """
    equity: dict[str, object] = {"name": "Equity", "kind": "money", "unit": "", "lines": lines_data(picture.lines)}
    if picture.band is not None:
        equity["band"] = [_numbers(edge) for edge in picture.band]
    water = [{"label": picture.lines[0].label, "values": _numbers(picture.drawdown)}]
    panels = [
        {
            "name": panel.heading.partition(";")[0],
            "kind": "panel",
            "unit": panel.unit,
            "level": panel.level,
            "lines": lines_data(panel.lines),
        }
        for panel in picture.panels
    ]
    underwater = [{"name": "Drawdown", "kind": "water", "unit": "%", "lines": water}] if picture.drawdown else []
    return plots_data(picture.dates, [equity, *underwater, *panels], picture.regimes)


def plots_data(dates: Sequence[date], plots: Sequence[Mapping[str, object]], regimes: Sequence[str] = ()) -> str:
    """Return the plots on the same dates as JSON that is safe inside HTML."""
    data = {
        "few": FEW_DAYS,
        "days": [day.toordinal() - _EPOCH for day in dates],
        "plots": list(plots),
        "regimes": _runs(regimes),
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def lines_data(lines: Sequence[Line]) -> list[dict[str, object]]:
    """Return the lines as JSON values; NaN is None."""
    return [{"label": line.label, "values": _numbers(line.values)} for line in lines]


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None for value in values]


def _runs(regimes: Sequence[str]) -> list[tuple[int, str]]:
    """Return the row at which each run of one regime begins, and its name.

    >>> _runs(["Bull", "Bull", "", "Bear"])
    [(0, 'Bull'), (2, ''), (3, 'Bear')]
    """
    return [(row, name) for row, name in enumerate(regimes) if not row or regimes[row - 1] != name]
