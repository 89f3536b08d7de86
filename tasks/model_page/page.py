"""The page of a model: one self-contained HTML file, complete without its script."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.models.registry import COURSE, ModelRecord
from strategy.training.promotion_gate import PRIOR, Verdict, criteria
from strategy.training.trainer import Importance
from tasks.model_page import course, inputs, verdict
from tasks.model_page.course import course_data, course_of, course_picture
from tasks.model_page.inputs import inputs_picture, inputs_table, method
from tasks.model_page.verdict import criteria_table, named, verdict_picture
from tasks.report.markup import ABSENT, figure, render

#: The parts of a history, as a training has recorded their first and last dates.
_PARTS = {"training": "Trained on", "stopping": "Stopped early by", "gate": "Judged on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """The content of a model's page: its record, the newest verdict on it, and what its inputs are worth.

    `importance` is None where it is not known, and `unknown` then says why.
    """

    record: ModelRecord
    verdict: Verdict
    importance: Importance | None
    unknown: str = ""


def model_page(page: ModelPage, back: str = "") -> str:
    """Return the page of a model as one HTML document; `back` as in `render`."""
    record, found = page.record, page.importance
    figures: Mapping[str, Any] = json.loads(record.validation)
    drawn = course_of(figures, f"Training of model {record.model_id[:12]}")
    judged = criteria(page.verdict, figures.get("prior_sharpe"))
    values = {
        "name": record.model_id[:12],
        "told": f"{record.strategy} on {', '.join(record.symbols)} of {record.source}",
        "promoted": page.verdict.promoted,
        "reason": _sentence(page.verdict.reason),
        "facts": _facts(page, figures),
        "gate": tuple(
            filter(None, (verdict_picture(page.verdict, canvas) for canvas in (verdict.WIDE, verdict.NARROW)))
        ),
        "criteria": criteria_table(judged),
        "course": ()
        if drawn is None
        else tuple(course_picture(drawn, canvas) for canvas in (course.WIDE, course.NARROW)),
        "data": "" if drawn is None else course_data(drawn),
        "inputs": ()
        if found is None
        else tuple(inputs_picture(found, canvas) for canvas in (inputs.WIDE, inputs.NARROW)),
        "measured": None if found is None else inputs_table(found),
        "method": page.unknown if found is None else method(found),
        "origin": _origin(record, figures),
    }
    return render("model_page.html.j2", values, back)


def _facts(page: ModelPage, figures: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    record, found = page.record, page.verdict.figures
    dates: Mapping[str, Any] = figures.get("dates", {})
    return (
        ("Verdict", "promoted" if page.verdict.promoted else "rejected"),
        ("Net Sharpe ratio", figure(figures.get("network_sharpe"))),
        ("That of the prior", figure(figures.get("prior_sharpe"))),
        *(
            [(f"That of {named(page.verdict.rival)}", figure(found.rival_sharpe))]
            if page.verdict.rival != PRIOR
            else []
        ),
        ("Trials counted", f"{found.trials:,}"),
        ("Bars", f"{record.trained_from} to {record.trained_to}"),
        *((name, " to ".join(dates[part])) for part, name in _PARTS.items() if part in dates),
    )


def _origin(record: ModelRecord, figures: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what the model was made of, and the figures of its training that have no picture."""
    told = {name: value for name, value in figures.items() if name not in (COURSE, "dates")}
    return (
        ("Model", record.model_id),
        ("Strategy", record.strategy),
        ("Strategy sha256", record.strategy_sha256 or "built in"),
        ("Code version", record.code_version),
        ("Seed", str(record.seed)),
        ("Data sha256", record.data_sha256),
        ("Trained as of", f"{record.created_at:%Y-%m-%d %H:%M} UTC"),
        *((_heading(name), _plain(value)) for name, value in told.items()),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _heading(name: str) -> str:
    """Return the name of a figure in words.

    >>> _heading("network_sharpe"), _heading("best_steps")
    ('Network Sharpe ratio', 'Best steps')
    """
    words = name.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}".replace("sharpe", "Sharpe ratio")


def _plain(value: object) -> str:
    """Return a figure as text; a fraction to two decimals.

    >>> _plain([40, 0]), _plain(0.62956), _plain(None)
    ('40, 0', '0.63', '–')
    """
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return figure(value) if isinstance(value, float) else ABSENT if value is None else str(value)
