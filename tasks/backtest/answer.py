"""The answer of a backtest, as the JSON of the command line's contract."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from strategy.evaluation.costs import Charges, Rates
from tasks.backtest.robustness import robustness_json
from tasks.backtest.run import Backtest
from tasks.backtest.walk_forward import folds_json
from tasks.run.answers import Json, text


def backtest_json(tested: Backtest, files: Sequence[str]) -> Json:
    """Return the answer of `turbodmt backtest`."""
    job = tested.job
    return {
        "symbols": list(tested.symbols),
        "start": tested.dates[0].isoformat(),
        "end": tested.dates[-1].isoformat(),
        "bars": len(tested.dates),
        "strategy": str(job.policy.strategy),
        "gross": asdict(tested.gross.metrics),
        "net": asdict(tested.net.metrics),
        "net_2x_cost": asdict(tested.net_2x_cost.metrics),
        "benchmarks": {name: {"net": asdict(one.metrics)} for name, one in tested.benchmarks.items()},
        "costs": costs_json(tested.charges, tested.rates),
        "significance": robustness_json(tested.robustness),
        "data_sha256": tested.data_sha256,
        "code_version": job.code_version,
        "config": json.loads(job.policy.config),
        "model_id": tested.model_id,
        "folds": folds_json(tested.folds),
        "seed": job.policy.recipe.seed,
        "trials": tested.trials,
        "would_halt_on": tested.would_halt_on.isoformat() if tested.would_halt_on else None,
        "files": list(files),
        "warnings": list(tested.warnings),
    }


def costs_json(paid: Charges, at: Rates) -> Json:
    """Return what the net account paid: money, percent a year of its average equity, and the values used."""
    money = {"fees": paid.fees, "slippage": paid.slippage, "financing": paid.financing, "total": paid.total}
    return {
        **{name: text(value) for name, value in money.items()},
        **{f"{name}_pct_per_year": _percent(paid.per_year(value)) for name, value in money.items()},
        "average_equity": text(paid.average_equity),
        "fee_bps": dict(at.fee_bps),
        "slippage_bps": dict(at.slippage_bps),
        "financing_rate": at.financing_rate,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
