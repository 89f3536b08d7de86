"""Output of a sweep: the answer of the command, and a table with one row per point."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storage import reports
from strategy.account.settlement import Costs
from strategy.evaluation.pbo import overfitting
from strategy.evaluation.sharpe import deflated_sharpe, expected_max_sharpe, sample, sharpe
from strategy.kernel.grid import Point, values_read
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from tasks.backtest.sweep import Result, Sweep

#: Points in the answer itself; all are in the table.
SHOWN_POINTS = 10
#: Blocks of days that the probability of backtest overfitting is computed from.
BLOCKS = 16
#: Every parameter that a point may have.
PARAMETERS = tuple(values_read(Point(symbols=("",), strategy=Strategy.RULES, sizing=SizingParams(), costs=Costs())))


def save(swept: Sweep, folder: Path) -> tuple[str, ...]:
    """Write sweep.parquet, one row per point, best first; return its path. Raises StoreFull, StoreReadOnly."""
    table = pd.DataFrame([_row(one) for one in _ranked(swept)])
    return (str(reports.write_table(folder, "sweep.parquet", table)),)


def sweep_json(swept: Sweep, files: Sequence[str]) -> dict[str, object]:
    """Return the answer of `turbodmt backtest --grid`."""
    job = swept.job
    rows = [_row(one) for one in _ranked(swept)]
    return {
        "symbols": sorted({symbol for one in swept.results for symbol in one.point.symbols}),
        "start": swept.dates[0].isoformat(),
        "end": swept.dates[-1].isoformat(),
        "bars": len(swept.dates),
        "points": len(rows),
        "varied": [
            name for name in ("symbols", "strategy", *PARAMETERS) if len({row[name] for row in rows} - {None}) > 1
        ],
        "best": {**_row(swept.results[swept.best]), "exact": asdict(swept.exact)},
        "top": rows[:SHOWN_POINTS],
        **_doubt(swept),
        "data_sha256": swept.data_sha256,
        "code_version": job.code_version,
        "config": json.loads(job.policy.config),
        "table": files[0] if files else None,
        "files": list(files),
        "warnings": list(swept.warnings),
    }


def _ranked(swept: Sweep) -> list[Result]:
    """Return the results, best first; those whose returns never vary come last."""
    return sorted(swept.results, key=lambda one: np.inf if one.metrics.sharpe is None else -one.metrics.sharpe)


def _row(result: Result) -> dict[str, Any]:
    """Return a point's parameters and metrics; None where its strategy does not read a parameter."""
    point, nothing = result.point, dict.fromkeys(PARAMETERS)
    names = {"symbols": ",".join(point.symbols), "strategy": str(point.strategy)}
    return {**names, **nothing, **values_read(point), **asdict(result.metrics)}


def _doubt(swept: Sweep) -> dict[str, float | int | None]:
    """Return how much of the best point may be luck: after all trials ever counted, and as the choice on these days.

    None where too little varies to judge: a single point, or fewer days than the halves of PBO need.
    """
    best = swept.net[:, swept.best]
    variance = swept.tried.variance(len(best))
    varies = sharpe(best, 1) is not None
    cut = overfitting(swept.net, BLOCKS) if swept.net.shape[1] > 1 and len(best) >= 2 * BLOCKS else None
    return {
        "pbo": cut.pbo if cut else None,
        "probability_of_loss": cut.loss if cut else None,
        "deflated_sharpe": deflated_sharpe(sample(best), swept.tried.count, variance) if varies else None,
        "luckiest_sharpe": expected_max_sharpe(swept.tried.count, variance) * math.sqrt(swept.days_per_year),
        "trials": swept.tried.count,
    }
