"""The Great Expectations suite that judges the staged bars of each symbol."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import pandas as pd

from exchange.ports import BAR_COLUMNS
from strategy.market.findings import Finding
from strategy.work_progress import WorkName, counted
from tasks.validation.bar_checks import CHECKS
from tasks.validation.deferred_imports import absent, deferred
from tasks.validation.expectation import Check, Rule
from tasks.validation.measures import Context, measure
from tasks.validation.unit_checks import UNIT_CHECKS
from tasks.validation.volume_measures import VOLUME_CHECKS

__all__ = ["Context", "Verdict", "judge", "judge_all"]

#: Expectations on a table with one row per required column.
SHAPE_CHECKS = (
    Check(
        name="columns_typed",
        column="mistyped",
        most=0.0,
        value="{column}: {found}",
        limit="{wanted}",
        reason="the column {column} must be there and hold {wanted}",
        waivable=False,
    ),
    Check(
        name="rows_present",
        column="rows",
        least=1.0,
        value="{rows:.0f} rows",
        limit="at least 1",
        reason="the window holds no bar",
        waivable=False,
    ),
)

#: Expectations on a table with one row per bar.
BAR_CHECKS = CHECKS + UNIT_CHECKS + VOLUME_CHECKS

#: Windows of bars that are measured, one for each symbol.
CHECKING = WorkName(name="Checking bars", unit="symbols")

#: A broken series breaks one expectation on thousands of bars; the first ones are listed, the reason gives the count.
MOST_FINDINGS = 20

#: Rows with which a part of the windows is full.
ROWS_AT_ONCE = 500_000

#: What Great Expectations imports for charts, and for expectations on distributions: half the time of its import.
UNUSED = ("altair", "scipy.stats")

#: The process shares one context and data source, and Great Expectations is not documented as thread-safe.
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one window: findings that hold it back, warnings, and for each check whether it was met."""

    symbol: str
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    checks: Mapping[str, bool]

    @property
    def passed(self) -> bool:
        """Return True if the window may be published."""
        return not self.findings


def judge(window: pd.DataFrame, context: Context) -> Verdict:
    """Return the verdict on one symbol's staged rows, given as BAR_COLUMNS in the source's order.

    Raises ValueError if a row belongs to another symbol.
    """
    return judge_all([(window, context)])[0]


def judge_all(windows: Sequence[tuple[pd.DataFrame, Context]]) -> tuple[Verdict, ...]:
    """Return the verdict on each window, in order, each judged by its own rows alone.

    All windows of a day go through the suite at once: its cost depends on the number of expectations, hardly on that of
    rows. Whole histories go in parts of some ROWS_AT_ONCE, which bounds the memory.
    """
    told = counted(windows, CHECKING, len(windows))
    verdicts = tuple(verdict for part in _parts(windows) for verdict in _judged([windows[at] for at in part], told))
    # The last window counts as done once there is no other.
    next(told, None)
    return verdicts


def _parts(windows: Sequence[tuple[pd.DataFrame, Context]]) -> list[list[int]]:
    """Return the numbers of the windows that go through the suite together, in order."""
    parts: list[list[int]] = []
    rows = ROWS_AT_ONCE
    for number, (window, _) in enumerate(windows):
        if rows >= ROWS_AT_ONCE:
            parts.append([])
            rows = 0
        parts[-1].append(number)
        rows += len(window)
    return parts


def _judged(
    windows: Sequence[tuple[pd.DataFrame, Context]], told: Iterator[tuple[pd.DataFrame, Context]]
) -> tuple[Verdict, ...]:
    """Return the verdicts on windows that go through the suite together; `told` yields each as it is measured."""
    shapes = [_shape(window, context).assign(window=number) for number, (window, context) in enumerate(windows)]
    broken = _validate("shape", SHAPE_CHECKS, pd.concat(shapes, ignore_index=True)) if shapes else {}
    misshapen = {number for rows in broken.values() for number in rows["window"]}
    measured = [
        measure(window, context).assign(window=number)
        for number, (window, context) in enumerate(islice(told, len(windows)))
        if number not in misshapen
    ]
    if measured:
        broken |= _validate("bars", BAR_CHECKS, pd.concat(measured, ignore_index=True))
    return tuple(
        _verdict(number, context, broken, SHAPE_CHECKS if number in misshapen else SHAPE_CHECKS + BAR_CHECKS)
        for number, (_, context) in enumerate(windows)
    )


def _shape(window: pd.DataFrame, context: Context) -> pd.DataFrame:
    """Return one row per required column, with the type that was found and whether it is the expected one."""
    if "symbol" in window.columns and not (window["symbol"] == context.symbol).all():
        others = sorted(set(window["symbol"].astype(str)) - {context.symbol})[:3]
        raise ValueError(f"the window of {context.symbol} holds rows of {', '.join(others)}; pass one symbol's rows")
    wanted = {"symbol": "text", "open_time": "date"} | dict.fromkeys(BAR_COLUMNS[2:], "number")
    found = [str(window[name].dtype) if name in window.columns else "missing" for name in BAR_COLUMNS]
    kinds = [_kind(window[name]) if name in window.columns else "missing" for name in BAR_COLUMNS]
    return pd.DataFrame(
        {
            "open_time": pd.NaT,
            "column": BAR_COLUMNS,
            "found": found,
            "wanted": [wanted[name] for name in BAR_COLUMNS],
            "mistyped": [float(kind != wanted[name]) for name, kind in zip(BAR_COLUMNS, kinds, strict=True)],
            "rows": float(len(window)),
        }
    )


def _kind(column: "pd.Series[Any]") -> str:
    if pd.api.types.is_string_dtype(column):
        return "text"
    if pd.api.types.is_datetime64_dtype(column):
        return "date"
    return "number" if column.dtype.kind in "fiu" else "other"


def _verdict(number: int, context: Context, broken: Mapping[str, pd.DataFrame], checks: Sequence[Check]) -> Verdict:
    findings: list[Finding] = []
    cautions: list[Finding] = []
    met: dict[str, bool] = {}
    for check in checks:
        rows = broken[check.name][broken[check.name]["window"] == number] if check.name in broken else pd.DataFrame()
        met[check.name] = rows.empty
        if rows.empty:
            continue
        columns = rows.to_dict("list")
        found = [
            check.finding(context.symbol, {str(name): values[row] for name, values in columns.items()})
            for row in range(len(rows))
        ]
        waived = [finding for finding in found if check.waivable and finding.open_time in context.accepted]
        standing = [finding for finding in found if finding not in waived]
        cautions += waived
        if check.blocks:
            findings += _first_few(standing)
        else:
            cautions += standing
    return Verdict(symbol=context.symbol, findings=tuple(findings), warnings=tuple(cautions), checks=met)


def _first_few(found: Sequence[Finding]) -> list[Finding]:
    count = len(found)
    note = f" ({count} such bars; the first {MOST_FINDINGS} are listed)" if count > MOST_FINDINGS else ""
    return [replace(finding, reason=finding.reason + note) for finding in found[:MOST_FINDINGS]]


def _validate(batch: str, checks: Sequence[Check], frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows that broke each check; checks that no row broke are absent.

    Rows are looked up only for expectations that fail: most hold, and to learn that alone takes half the time.
    """
    with _LOCK:
        definition, suites = _gate()
        whole = definition.get_batch({"dataframe": frame})
        held = _results(whole, suites[batch], checks, "BOOLEAN_ONLY")
        failed = [check for check in checks if not held[check.name].success]
        found = _results(whole, _suite("failed", failed), failed, "COMPLETE") if failed else {}
    return {name: frame.iloc[result.result["unexpected_index_list"]] for name, result in found.items()}


def _results(batch: Any, suite: Any, checks: Sequence[Check], detail: str) -> dict[str, Any]:
    """Return the result of each check; raise RuntimeError if one could not be put or was left out."""
    outcome = batch.validate(suite, result_format={"result_format": detail, "return_unexpected_index_query": False})
    results = {result.expectation_config.meta["check"]: result for result in outcome.results}
    for name, result in results.items():
        if result.exception_info["raised_exception"]:
            raise RuntimeError(f"the expectation {name} could not be put: {result.exception_info['exception_message']}")
    unanswered = {check.name for check in checks} - results.keys()
    if unanswered:
        raise RuntimeError(f"the suite left out {', '.join(sorted(unanswered))}")
    return results


def import_ahead() -> None:
    """Begin to import what judging needs, in the background, while the run waits for its source.

    A failure is left to `judge_all`, which imports again.
    """

    def prepare() -> None:
        with suppress(Exception), _LOCK:
            _gate()

    threading.Thread(target=prepare, name="import of the data gate", daemon=True).start()


@lru_cache(maxsize=1)
def _gate() -> tuple[Any, dict[str, Any]]:
    """Return the batch definition that takes a frame, and the suites by name.

    The import takes two seconds, hence here.
    """
    # Otherwise the import registers with an analytics service, and progress bars draw on the terminal.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Prefect's threads may import SQLAlchemy at any time; where it is not, only the gate's library would.
    without = absent("sqlalchemy") if "prefect" not in sys.modules else nullcontext()
    with warnings.catch_warnings(), deferred(UNUSED), without:
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
    # This logger sets its own level, and logs the temporary folder of every context.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("staged").add_dataframe_asset("windows")
    suites = {name: _suite(name, checks) for name, checks in (("shape", SHAPE_CHECKS), ("bars", BAR_CHECKS))}
    return asset.add_batch_definition_whole_dataframe("whole"), suites


def _suite(name: str, checks: Sequence[Check]) -> Any:
    """Return a suite with an expectation for each check; `_gate` must have imported the library."""
    import great_expectations as gx

    from tasks.validation import expectation_kinds as kinds

    return gx.ExpectationSuite(name=name, expectations=[_expectation(kinds, check) for check in checks])


def _expectation(kinds: Any, check: Check) -> Any:
    meta = {"check": check.name}
    severity = "critical" if check.blocks else "warning"
    if check.rule is Rule.KNOWN:
        return kinds.ExpectMeasureKnown(column=check.column, meta=meta, severity=severity)
    if check.rule is Rule.UNIQUE:
        # Bars without a date belong to another expectation; they are not duplicates of each other.
        columns = ["window", check.column]
        return kinds.ExpectMeasuresUnique(
            column_list=columns, ignore_row_if="any_value_is_missing", meta=meta, severity=severity
        )
    return kinds.ExpectMeasureBetween(
        column=check.column, min_value=check.least, max_value=check.most, meta=meta, severity=severity
    )
