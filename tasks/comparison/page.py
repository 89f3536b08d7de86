"""The page of a comparison: its figures, differences and picture, as values and tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from storage import reports
from storage.database import connect
from storage.models import saved_pages
from storage.models.saved_pages import PageKind, SavedPage
from strategy.evaluation.metrics import drawdowns
from strategy.evaluation.paired_differences import Difference
from strategy.evaluation.rolling_metrics import rolling_sharpe
from strategy.evaluation.sharpe_tests import SharpeDifference
from strategy.market.bars import FloatArray
from tasks.comparison.answer import cautions, differing_settings
from tasks.comparison.comparison import Chosen, Compared, Comparison, Pair
from tasks.report.backtest_page import Evidence
from tasks.report.backtest_tables import Measured, metrics_table
from tasks.report.charts import EquityPicture, Line, Panel
from tasks.report.daily_page import equity_drawings
from tasks.report.markup import ABSENT, Table, chance, figure, render, several, share
from tasks.report.picture_data import picture_data
from tasks.report.scales import signed_percent

#: Where every equity begins on the first common day.
START = 100.0
#: A difference whose p, of as many looks as there are pairs, is lower stands out.
SIGNIFICANT = 0.05
#: The most runs whose rolling ratios are told under the pointer, too.
FEW_RUNS = 4
#: With a rolling window shorter than this, in days, no rolling ratio is plotted.
FEWEST_ROLLING_DAYS = 21


def save(found: Comparison, folder: Path, home: Path, at: datetime) -> tuple[str, ...]:
    """Write the page of a comparison; return its path. Raises StoreError.

    Record in the home where it lies, too, as saved `at` the instant: the page of all accounts links to it.
    """
    page = reports.write(folder, reports.COMPARISON, comparison_page(found, reports.way_back(home, folder)))
    best = found.chosen
    with connect(home) as store:
        saved_pages.record(
            store,
            SavedPage(
                page=str(page),
                kind=PageKind.COMPARISON,
                saved_at=at,
                names=tuple(run.label for run in found.runs),
                items=len(found.runs),
                first_day=found.dates[0],
                last_day=found.dates[-1],
                sharpe=best.sharpe if best else None,
                deflated=best.deflated if best else None,
            ),
        )
    return (str(page),)


def comparison_page(found: Comparison, back: str = "") -> str:
    """Return a comparison as one HTML document; `back` as in `render`."""
    drawn = _picture(found)
    measured = [Measured(label=run.label, metrics=run.metrics) for run in found.runs]
    values = {
        "labels": [run.label for run in found.runs],
        "dates": found.dates,
        "facts": _facts(found),
        "warnings": cautions(found),
        "drawings": equity_drawings(drawn),
        "data": picture_data(drawn),
        "metrics": metrics_table(measured, len(found.dates)),
        "differences": _differences(found),
        "matrices": _matrices(found) if len(found.runs) > 2 else (),
        "pairs": len(found.pairs),
        "luck": _luck(found),
        "runs": _runs(found.runs),
        "origin": _origin(found.runs),
    }
    return render("comparison_page.html.j2", values, back)


def _facts(found: Comparison) -> tuple[tuple[str, str], ...]:
    best = found.chosen
    if best is None:
        return (("Runs compared", str(len(found.runs))),)
    return (
        ("Highest Sharpe ratio", best.label),
        ("Its Sharpe ratio", figure(best.sharpe)),
        ("Probability of skill, deflated", share(best.deflated)),
        ("Configurations tried", f"{best.trials:,}"),
        ("Runs compared", str(len(found.runs))),
    )


def _picture(found: Comparison) -> EquityPicture:
    """Return the equities of all runs, each from START on; further plots have a line of each run, too."""
    paths = {run.label: run.equity * (START / run.equity[0]) for run in found.runs}
    first = found.runs[0]
    # A ratio to nothing is none.
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = {label: 100.0 * (path / paths[first.label] - 1.0) for label, path in paths.items()}
    depths = {label: -100.0 * drawdowns(path) for label, path in paths.items()}
    panels = [
        Panel(heading="Drawdown", lines=_lines(depths), level=0.0, unit="%"),
        Panel(heading=f"Beyond {first.label}; the equity relative to it", lines=_lines(beyond), level=0.0, unit="%"),
    ]
    lookback = min(found.days_per_year // 2, len(found.dates) // 4)
    if lookback >= FEWEST_ROLLING_DAYS and len(found.runs) <= FEW_RUNS:
        ratios = {
            run.label: rolling_sharpe(_compounded(run.daily.excess), lookback, found.days_per_year)
            for run in found.runs
        }
        panels.append(Panel(heading=f"Sharpe ratio, {lookback} days", lines=_lines(ratios), level=0.0))
    return EquityPicture(
        title=f"Equity, each begun at {START:g} on {found.dates[0]}",
        dates=found.dates,
        lines=_lines(paths),
        panels=tuple(panels),
    )


def _compounded(returns: FloatArray) -> FloatArray:
    """Return the path of these returns, (T,), from 1 on, (T + 1,)."""
    return np.cumprod(np.append(1.0, 1.0 + returns), dtype=np.float64)


def _lines(paths: dict[str, FloatArray]) -> tuple[Line, ...]:
    return tuple(Line(label=label, values=tuple(path.tolist())) for label, path in paths.items())


def _differences(found: Comparison) -> tuple[Table, ...]:
    """Return a table for each figure, a row for each run but the first, less that one; of two runs a single table."""
    if len(found.against) == 1:
        return (_difference_of_two(found),)
    than = f"less that of {found.runs[0].label}"
    others = len(found.against)
    chosen = (f"p, best of {others}",) if others > 1 else ()
    ratios = [
        (
            each.label,
            *_told(each.differences.sharpe, _signed),
            chance(None if ratio is None else ratio.p),
            chance(each.p_chosen),
        )
        for each in found.against
        for ratio in (each.differences.sharpe,)
    ]
    growth = [(each.label, *_told(each.differences.growth, signed_percent)) for each in found.against]
    named = [(each.label, each.differences.drawdown) for each in found.against]
    scaled = [(each.label, each.differences.drawdown_at_equal_vol) for each in found.against]
    points = "in percentage points; above 0 is deeper"
    return (
        _difference_table(f"Sharpe ratio {than}", ("p", *chosen), [row[: 4 + len(chosen)] for row in ratios]),
        _difference_table(f"Growth per year {than}, in percentage points", (), growth),
        _drawdown_table(f"Deepest drawdown {than}, {points}", named),
        _drawdown_table(f"Deepest drawdown at equal volatility, of returns above the risk-free rate, {points}", scaled),
    )


def _difference_of_two(found: Comparison) -> Table:
    """Return the differences of two runs, a row for each figure."""
    (other,) = found.against
    between = other.differences
    depths = (between.drawdown, between.drawdown_at_equal_vol)
    rows = (
        ("Sharpe ratio", *_told(between.sharpe, _signed), chance(None if between.sharpe is None else between.sharpe.p)),
        ("Growth per year, percentage points", *_told(between.growth, signed_percent), ""),
        ("Deepest drawdown, percentage points; above 0 is deeper", *_told(depths[0], signed_percent), ""),
        (
            "Deepest drawdown at equal volatility, of returns above the risk-free rate",
            *_told(depths[1], signed_percent),
            "",
        ),
    )
    table = _difference_table(f"{other.label} less {found.runs[0].label}", ("p",), rows)
    return replace(table, tones=(("",) * 4, ("",) * 4, *(("", _tone(depth), "", "") for depth in depths)))


def _drawdown_table(heading: str, named: Sequence[tuple[str, Difference | None]]) -> Table:
    rows = [(label, *_told(depth, signed_percent)) for label, depth in named]
    return replace(_difference_table(heading, (), rows), tones=tuple(("", _tone(depth), "") for _, depth in named))


def _difference_table(heading: str, further: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    columns = ("", "Difference", "95% interval", *further)
    return Table(heading=heading, columns=columns, numbers=frozenset(columns) - {"", "95% interval"}, rows=tuple(rows))


def _told(found: Difference | SharpeDifference | None, shown: Callable[[float], str]) -> tuple[str, str]:
    if found is None:
        return ABSENT, ABSENT
    return shown(found.difference), f"{shown(found.low)} to {shown(found.high)}"


def _tone(depth: Difference | None) -> str:
    """Return the style of a difference of drawdowns, of which less is better."""
    return "" if depth is None or not depth.difference else "bad" if depth.difference > 0 else "good"


def _signed(value: float) -> str:
    text = f"{value:+,.2f}".replace("-", "−")
    return text[1:] if text.strip("+−0.") == "" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A run less another: the difference, its interval and, where it is told, how likely luck makes one of all."""

    value: str
    interval: str
    p: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Every run, a row each, less every run, a column each; a cell is None where a run meets itself."""

    heading: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Cell | None, ...], ...]


def _matrices(found: Comparison) -> tuple[Matrix, ...]:
    """Return the Sharpe ratios, growths and deepest drawdowns of all runs less each other."""
    labels = tuple(run.label for run in found.runs)
    known = {(pair.label, pair.other): pair for pair in found.pairs}

    def of(cell: Callable[[Pair, int], Cell]) -> tuple[tuple[Cell | None, ...], ...]:
        return tuple(
            tuple(
                cell(known[row, column], 1)
                if (row, column) in known
                else cell(known[column, row], -1)
                if (column, row) in known
                else None
                for column in labels
            )
            for row in labels
        )

    return (
        Matrix(heading="Sharpe ratio: each row less each column", labels=labels, rows=of(_ratio_cell)),
        Matrix(
            heading="Growth per year, in percentage points: each row less each column",
            labels=labels,
            rows=of(_growth_cell),
        ),
        Matrix(
            heading="Deepest drawdown, in percentage points, above 0 where the row's is deeper",
            labels=labels,
            rows=of(_drawdown_cell),
        ),
    )


def _ratio_cell(pair: Pair, sign: int) -> Cell:
    ratio, p = pair.differences.sharpe, pair.p_all
    if ratio is None or p is None:
        return Cell(value=ABSENT, interval="", p="", tone="")
    kept = p < SIGNIFICANT
    better = sign * ratio.difference > 0
    return _cell(
        ratio, sign, (_signed, f"p {chance(p)}{' *' if kept else ''}"), "" if not kept else "good" if better else "bad"
    )


def _growth_cell(pair: Pair, sign: int) -> Cell:
    return _percent_cell(pair.differences.growth, sign)


def _drawdown_cell(pair: Pair, sign: int) -> Cell:
    return _percent_cell(pair.differences.drawdown, sign)


def _percent_cell(found: Difference | None, sign: int) -> Cell:
    if found is None:
        return Cell(value=ABSENT, interval="", p="", tone="")
    return _cell(found, sign, (signed_percent, ""), "")


def _cell(found: Difference | SharpeDifference, sign: int, told: tuple[Callable[[float], str], str], tone: str) -> Cell:
    shown, p = told
    low, high = sorted((sign * found.low, sign * found.high))
    return Cell(value=shown(sign * found.difference), interval=f"{shown(low)} to {shown(high)}", p=p, tone=tone)


def _luck(found: Comparison) -> tuple[Evidence, ...]:
    """Return what the choice of the best run is worth."""
    best = found.chosen
    if best is None:
        return ()
    return (
        Evidence(
            name="Deflated Sharpe",
            value=share(best.deflated),
            meaning=f"probability that the true ratio of {best.label}, the best of these {len(found.runs)}, is above "
            f"{figure(best.luckiest)}, the expected best of {best.trials:,} trials without skill",
        ),
        *_of_several(best, found),
    )


def _of_several(best: Chosen, found: Comparison) -> tuple[Evidence, ...]:
    if len(found.runs) <= 2:
        return ()
    superior = Evidence(
        name=f"Best of the others against {found.runs[0].label}, p",
        value=chance(best.spa_p),
        meaning="probability that luck alone makes the best of them look this much better (Hansen's test of superior "
        "predictive ability)",
    )
    overfit = Evidence(
        name="Overfitting of this choice",
        value=share(best.pbo),
        meaning="of the splits of the days in which what was best on one half was no better than the median run on the "
        "other",
    )
    return (superior, overfit)


def _runs(runs: Sequence[Compared]) -> Table:
    """Return what the runs are, and the settings in which they differ."""
    labels = tuple(run.label for run in runs)
    records = [run.run.record for run in runs]
    rows = [
        ("Symbols", *(several(record.symbols, most=3) for record in records)),
        ("Days tested", *(f"{record.dates[0]} to {record.dates[-1]}" for record in records)),
        *(
            (name, *(_setting(record.config.get(name)) for record in records))
            for name in differing_settings([run.run for run in runs])
        ),
    ]
    return Table(
        heading="What the runs are, and the settings in which they differ", columns=("", *labels), rows=tuple(rows)
    )


def _setting(value: object) -> str:
    return ABSENT if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _origin(runs: Sequence[Compared]) -> Table:
    rows = tuple(
        (
            run.label,
            str(run.run.folder),
            f"{run.run.record.saved_at:%Y-%m-%d %H:%M} UTC",
            run.run.record.data_sha256[:12],
            run.run.record.code_version[:24],
            str(run.run.record.seed),
            ABSENT if run.run.record.trials is None else f"{run.run.record.trials:,}",
        )
        for run in runs
    )
    return Table(
        heading="Where the runs come from",
        columns=("Run", "Folder", "Saved", "Data", "Code", "Seed", "Tried when saved"),
        numbers=frozenset({"Seed", "Tried when saved"}),
        rows=rows,
    )
