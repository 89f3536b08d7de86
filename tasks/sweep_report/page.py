"""The page of a sweep, as values and tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from storage import reports
from storage.database import connect
from storage.models import saved_pages
from storage.models.saved_pages import PageKind, SavedPage
from tasks.backtest.sweep import Sweep
from tasks.backtest.sweep_answer import sweep_table, swept_strategy
from tasks.backtest.sweep_answer_model import SweepAnswer, WalkForwardAnswer
from tasks.report.backtest_page import Evidence
from tasks.report.markup import ABSENT, Table, figure, render, several, share
from tasks.sweep_report.heat_maps import TOLD, axis_values, heat_maps, told


def save(swept: Sweep, answer: SweepAnswer, folder: Path, at: datetime) -> SweepAnswer:
    """Write the page of a sweep; return its answer with the path. Raises StoreError.

    Record where it lies, too, as saved `at` the instant: the page of all accounts links to it.
    """
    home = swept.job.home
    written = reports.write(
        folder, reports.SWEEP, sweep_page(answer, sweep_table(swept), reports.way_back(home, folder))
    )
    with connect(home) as store:
        saved_pages.record(
            store,
            SavedPage(
                page=str(written),
                kind=PageKind.SWEEP,
                saved_at=at,
                names=answer.symbols,
                items=answer.points,
                first_day=answer.start,
                last_day=answer.end,
                sharpe=answer.best.sharpe,
                deflated=answer.deflated_sharpe,
            ),
        )
    return answer.model_copy(update={"files": (*answer.files, str(written))})


def sweep_page(answer: SweepAnswer, points: pd.DataFrame, back: str = "") -> str:
    """Return a sweep as one HTML document; `points` is its table, best first, and `back` as in `render`."""
    maps, shading = heat_maps(points, answer.varied)
    values = {
        "answer": answer,
        "strategy": swept_strategy(answer),
        "symbols": several(answer.symbols, 6),
        "facts": _facts(answer),
        "maps": maps,
        "low": figure(shading.span[0]),
        "high": figure(shading.span[1]),
        "shades": shading.styles,
        "luck": _luck(answer),
        "top": _top(answer),
        "walk": _walk(answer.walk_forward, answer.varied),
        "origin": (
            ("Data sha256", answer.data_sha256),
            ("Code version", answer.code_version),
            ("Configurations tried", f"{answer.trials:,}"),
            *settings(answer, points),
        ),
    }
    return render("sweep_page.html.j2", values, back)


def settings(answer: SweepAnswer, points: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Return the values of each axis, then the settings that all points share; parameters are named as axes are."""
    axes = tuple((f"Varied: {name}", ", ".join(map(told, axis_values(points, name)))) for name in answer.varied)
    fixed: dict[str, object] = {}
    for name, value in answer.config.items():
        if isinstance(value, dict):
            fixed |= {f"{name}.{part}": one for part, one in value.items()}
        else:
            fixed[name] = value
    return (*axes, *((name, _shown(value)) for name, value in fixed.items() if name not in answer.varied))


def _facts(answer: SweepAnswer) -> tuple[tuple[str, str], ...]:
    rivals = ((f"Sharpe ratio of {name}", figure(one.net.sharpe)) for name, one in answer.benchmarks.items())
    return (
        ("Best Sharpe ratio of the grid", figure(answer.best.sharpe)),
        ("The same with lots and limits", figure(answer.best.exact.sharpe)),
        *rivals,
        ("Probability of skill, deflated", share(answer.deflated_sharpe)),
        ("Configurations tried", f"{answer.trials:,}"),
        *((f"Best point: {name}", _shown(_value(answer.best, name))) for name in answer.varied),
    )


def _luck(answer: SweepAnswer) -> tuple[Evidence, ...]:
    """Return how much of the best point may be luck."""
    deflated = Evidence(
        name="Deflated Sharpe",
        value=share(answer.deflated_sharpe),
        meaning=f"probability that the best point's true ratio is above {figure(answer.luckiest_sharpe)}, the expected "
        f"best of {answer.trials:,} trials without skill",
    )
    if answer.pbo is None:
        return (deflated,)
    overfit = Evidence(
        name="Overfitting",
        value=share(answer.pbo),
        meaning="of the splits of the days in which what was best on one half was no better than the median point on "
        "the other; near one half the choice is luck",
    )
    loss = Evidence(
        name="Loss after choosing",
        value=share(answer.probability_of_loss),
        meaning="of the same splits in which what was best on one half lost money on the other",
    )
    return (deflated, overfit, loss)


def _top(answer: SweepAnswer) -> Table:
    points, varied = answer.top, answer.varied
    names = tuple(name for name, _ in TOLD.values())
    rows = tuple(
        (
            *(_shown(_value(point, name)) for name in varied),
            *(shown(getattr(point, key)) for key, (_, shown) in TOLD.items()),
        )
        for point in points
    )
    columns = (*varied, *names)
    every = len(points) == answer.points
    heading = "All points, best first" if every else f"The best {len(points)} of {answer.points:,} points"
    return Table(heading=heading, columns=columns, numbers=frozenset(columns), rows=rows)


def _walk(walk: WalkForwardAnswer | None, varied: Sequence[str]) -> Table | None:
    """Return the picks of a walk-forward, and what was left of them out of sample."""
    if walk is None:
        return None
    named = tuple(name for name in varied if name not in ("symbols",))
    columns = ("Traded from", "To", *named, "In sample", "Out of sample")
    rows = tuple(
        (
            fold.start.isoformat(),
            fold.end.isoformat(),
            *(_shown(_value(fold, name)) for name in named),
            figure(fold.in_sample_sharpe),
            figure(fold.out_of_sample_sharpe),
        )
        for fold in walk.folds
    )
    whole = f"{figure(walk.in_sample_sharpe)} in sample, {figure(walk.out_of_sample.sharpe)} out of sample"
    return Table(
        heading=f"Picked each year on the past alone: Sharpe ratio {whole}",
        columns=columns,
        numbers=frozenset(columns[2:]),
        rows=rows,
    )


def _value(point: object, name: str) -> object:
    """Return the value of an axis; a parameter of the strategy's own is named as its column."""
    own: Mapping[str, object] = getattr(point, "parameters", {})
    kind, _, parameter = name.partition(".")
    return own.get(parameter) if kind == "parameters" and parameter else getattr(point, name, None)


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return ABSENT if value is None else told(value)
