"""Answers of the commands in words, for a person at a terminal."""

from collections.abc import Mapping
from typing import Any

from flows.cli.console import sections, table

Json = Mapping[str, Any]

#: Metrics shown of each point of a sweep, and of each account of the headline audit.
METRICS = ("sharpe", "cagr", "annual_vol", "max_drawdown", "turnover_per_year")
MEASURED = ("total_return", "sharpe", "max_drawdown", "win_rate")


def shown_doctor(answer: Json) -> str:
    """Return the checks in words, each with its remedy if it failed."""
    rows = [{**check, "ok": "ok" if check["ok"] else "FAILED"} for check in answer["checks"]]
    remedies = [f"{check['name']}: {check['remedy']}" for check in answer["checks"] if check["remedy"]]
    return sections(table(rows, ("ok", "name", "detail")), "\n".join(remedies))
