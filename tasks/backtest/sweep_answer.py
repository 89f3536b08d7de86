"""Output of a sweep: the answer of the command, and a table with one row per point."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storage import reports
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import BASELINE, RULES
from strategy.evaluation.deflated_sharpe import deflated_sharpe, expected_max_sharpe
from strategy.evaluation.pbo import overfitting
from strategy.evaluation.sharpe import sample, sharpe
from strategy.kernel.grid import Point, values_read
from strategy.portfolio.sizing import SizingParams
from tasks.backtest.answer import BenchmarkAnswer
from tasks.backtest.sweep import Result, Sweep
from tasks.backtest.sweep_answer_model import (
    BestPointAnswer,
    FoldPickAnswer,
    PointAnswer,
    SearchAnswer,
    SweepAnswer,
    WalkForwardAnswer,
)
from tasks.backtest.sweep_walk_forward import LEAST_PAST_BARS, PickedFold, WalkedSweep
from tasks.run.job import Job
from tasks.strategies.audit_gate import Subject, audit_state
from tasks.strategy_process.parameter_values import described

#: Points in the answer itself; all are in the table.
SHOWN_POINTS = 10
#: Blocks of days that the probability of backtest overfitting is computed from.
BLOCKS = 16
#: Every parameter that a point may have.
PARAMETERS = tuple(values_read(Point(symbols=("",), strategy=RULES, sizing=SizingParams(), costs=Costs())))


def save(swept: Sweep, folder: Path) -> tuple[str, ...]:
    """Write sweep.parquet, one row per point, best first; return its path. Raises StoreError."""
    return (str(reports.write_table(folder, "sweep.parquet", sweep_table(swept))),)


def sweep_table(swept: Sweep) -> pd.DataFrame:
    """Return one row per point, best first: its symbols, strategy, parameters and metrics.

    A parameter of the strategy's own has the column `parameters.NAME`, as the grid file spells it.
    """
    rows = [_row(result) for result in _ranked(swept)]
    own = [own_columns(row.pop("parameters")) for row in rows]
    plain = {name: _plain([columns.get(name) for columns in own]) for name in _names(own)}
    return pd.DataFrame(rows).assign(**plain)


def own_columns(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a strategy's own by the names of their columns.

    >>> own_columns({"fast": 20})
    {'parameters.fast': 20}
    """
    return {f"parameters.{name}": value for name, value in parameters.items()}


def _names(own: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for columns in own for name in columns))


def _plain(values: Sequence[Any]) -> "pd.Series[Any]":
    """Return the values as a column of one type: as texts where strategies give a parameter of one name other types."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        return pd.Series([None if value is None else str(value) for value in values], dtype="object")
    return pd.Series(values)


def found_answer(found: Sweep | WalkedSweep, files: Sequence[str]) -> SweepAnswer:
    """Return the answer of a sweep, with the walk-forward account if there is one, without the time it took."""
    return walked_answer(found, files) if isinstance(found, WalkedSweep) else sweep_answer(found, files)


def walked_answer(walked: WalkedSweep, files: Sequence[str]) -> SweepAnswer:
    """Return the answer of `turbodmt backtest --grid --walk-forward`, without the time it took."""
    walk = WalkForwardAnswer(
        out_of_sample=walked.metrics,
        benchmarks={BASELINE.name: BenchmarkAnswer(net=walked.hold)},
        in_sample_sharpe=walked.in_sample,
        haircut=walked.haircut,
        haircut_ratio=walked.haircut_ratio,
        purge_bars=walked.purge_bars,
        least_past_bars=LEAST_PAST_BARS,
        folds=tuple(_fold(walked.swept.job, fold) for fold in walked.folds),
    )
    return sweep_answer(walked.swept, files).model_copy(update={"walk_forward": walk, "warnings": walked.warnings})


def _fold(job: Job, fold: PickedFold) -> FoldPickAnswer:
    sizing = {name: value for name, value in _values(fold.point).items() if name in FoldPickAnswer.model_fields}
    return FoldPickAnswer(
        start=fold.start,
        end=fold.end,
        past_start=fold.past_start,
        past_end=fold.past_end,
        past_bars=fold.past_bars,
        in_sample_sharpe=fold.in_sample,
        out_of_sample_sharpe=fold.out_of_sample,
        **sizing,
        **_audited(job, fold.point),
    )


def _audited(job: Job, point: Point) -> dict[str, Any]:
    """Return the version and the audit of a point whose strategy is the user's own, nothing for a built-in one."""
    strategy = point.strategy
    if not strategy.version:
        return {}
    subject = Subject(home=job.home, source=job.source, symbols=point.symbols, strategy=strategy, at=job.now)
    return {"strategy_sha256": strategy.version, "audit": audit_state(subject)}


def sweep_answer(swept: Sweep, files: Sequence[str]) -> SweepAnswer:
    """Return the answer of `turbodmt backtest --grid`, without the time it took."""
    job, doubt = swept.job, _doubt(swept)
    rows = [_row(result) for result in _ranked(swept)]
    flat = [{**row, **own_columns(row["parameters"])} for row in rows]
    names = ("symbols", "strategy", *_names([own_columns(row["parameters"]) for row in rows]), *PARAMETERS)
    answer = SweepAnswer(
        symbols=tuple(sorted({symbol for result in swept.results for symbol in result.point.symbols})),
        start=swept.dates[0],
        end=swept.dates[-1],
        bars=len(swept.dates),
        points=len(rows),
        varied=tuple(name for name in names if len({row.get(name) for row in flat} - {None}) > 1),
        best=BestPointAnswer(
            **_row(swept.results[swept.best]), exact=swept.exact, **_audited(job, swept.results[swept.best].point)
        ),
        benchmarks={BASELINE.name: BenchmarkAnswer(net=swept.hold)},
        top=tuple(PointAnswer(**row) for row in rows[:SHOWN_POINTS]),
        pbo=doubt.pbo,
        probability_of_loss=doubt.loss,
        deflated_sharpe=doubt.deflated,
        luckiest_sharpe=doubt.luckiest,
        trials=swept.tried.count,
        data_sha256=swept.data_sha256,
        code_version=job.code_version,
        config=json.loads(job.policy.config),
        table=files[0] if files else None,
        files=tuple(files),
        warnings=tuple(swept.warnings),
    )
    if swept.searched is None:
        return answer
    return answer.model_copy(update={"search": SearchAnswer.model_validate(swept.searched)})


def swept_strategy(answer: SweepAnswer) -> str:
    """Return the name of the strategy that was swept, or that several were."""
    return "several strategies" if "strategy" in answer.varied else answer.best.strategy


def _ranked(swept: Sweep) -> list[Result]:
    """Return the results, best first; those whose returns never vary come last."""
    return sorted(swept.results, key=lambda result: np.inf if result.metrics.sharpe is None else -result.metrics.sharpe)


def _row(result: Result) -> dict[str, Any]:
    """Return a point's parameters and metrics; None where its strategy does not read a parameter."""
    return {**_values(result.point), **asdict(result.metrics), "capped_ratio": result.capped}


def _values(point: Point) -> dict[str, Any]:
    nothing = dict.fromkeys(PARAMETERS)
    names = {"symbols": ",".join(point.symbols), "strategy": str(point.strategy)}
    own = {"parameters": described(point.strategy.parameters)}
    return {**names, **own, **nothing, **values_read(point)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    pbo: float | None
    loss: float | None
    deflated: float | None
    luckiest: float


def _doubt(swept: Sweep) -> _Doubt:
    """Return how much of the best point may be luck: after all trials ever counted, and as the choice on these days."""
    best = swept.net[:, swept.best]
    variance = swept.tried.variance(len(best))
    varies = sharpe(best, 1) is not None
    cut = overfitting(swept.net, BLOCKS) if swept.net.shape[1] > 1 and len(best) >= 2 * BLOCKS else None
    return _Doubt(
        pbo=cut.pbo if cut else None,
        loss=cut.loss if cut else None,
        deflated=deflated_sharpe(sample(best), swept.tried.count, variance) if varies else None,
        luckiest=expected_max_sharpe(swept.tried.count, variance) * math.sqrt(swept.days_per_year),
    )
