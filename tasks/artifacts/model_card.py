"""The model card: a model's training, its results against its rival, the promotion gate's verdict, and the champion."""

import json
from pathlib import Path

from prefect.artifacts import create_markdown_artifact

from storage.models.registry import COURSE, ModelRecord
from storage.reports import model_file
from strategy.training.promotion_gate import PRIOR, Verdict
from tasks.artifacts.day import markdown
from tasks.model_page.writing import newest_trained
from tasks.report.markup import ABSENT, Table, figure
from tasks.run.job import Job


def publish_card(record: ModelRecord, verdict: Verdict, account: str, page: Path | None = None) -> None:
    """Publish the card as an artifact of the current run, under a key of the account that keeps its history."""
    create_markdown_artifact(
        card_markdown(record, verdict, page), key=f"model-card-{account}", description=headline(record, verdict)
    )


def publish_newest_card(job: Job) -> None:
    """Publish the card of the model that was trained on the job's day, if there is one."""
    found = newest_trained(job)
    if found is not None:
        record, stored = found
        page = model_file(job.home, record.model_id)
        publish_card(record, stored.verdict, job.account, page if page.exists() else None)


def headline(record: ModelRecord, verdict: Verdict) -> str:
    """Return the verdict on the model in one line."""
    return f"Model {record.model_id[:12]} of {record.trained_to} was {'promoted' if verdict.promoted else 'refused'}"


def card_markdown(record: ModelRecord, verdict: Verdict, page: Path | None = None) -> str:
    """Return the whole card in Markdown, with the model's page if there is one.

    If the model is refused, its rival stays champion.
    """
    figures = {name: value for name, value in json.loads(record.validation).items() if name != COURSE}
    champion = record.model_id if verdict.promoted else verdict.rival
    parts = (
        f"# {headline(record, verdict)}",
        _sentence(verdict.reason),
        # A person may have promoted another since: `turbodmt models` shows the model in force.
        f"**Champion by this verdict: {_named(champion)}.**",
        f"[The model's page]({page.as_uri()}) shows how its training went and what its inputs are worth."
        if page
        else "",
        markdown(_training_table(record)),
        markdown(_verdict_table(verdict)),
        markdown(_pairs_table("Configuration", "Setting", _flat(json.loads(record.config)))),
        markdown(_pairs_table("Figures of the training", "Figure", _flat(figures))),
    )
    return "\n\n".join(part for part in parts if part)


def _named(model_id: str) -> str:
    return "the prior" if model_id == PRIOR else f"model `{model_id[:12]}`"


def _training_table(record: ModelRecord) -> Table:
    facts = (
        ("Model", record.model_id),
        ("Source", record.source),
        ("Symbols", ", ".join(record.symbols)),
        ("Strategy", record.strategy),
        ("From", record.trained_from.isoformat()),
        ("To", record.trained_to.isoformat()),
        ("Seed", str(record.seed)),
        ("Data", record.data_sha256),
        ("Code", record.code_version),
    )
    return _pairs_table("Trained on", "What", facts)


def _verdict_table(verdict: Verdict) -> Table:
    found = verdict.figures
    rival = "the prior" if verdict.rival == PRIOR else f"the champion {verdict.rival[:12]}"
    bounds = ABSENT if found.low is None else f"{figure(found.low)} to {figure(found.high)}"
    facts = [
        ("Net Sharpe", figure(found.sharpe)),
        (f"Net Sharpe of {rival}", figure(found.rival_sharpe)),
        ("Difference", figure(found.difference)),
        ("95 % interval", bounds),
        ("p of no better", _chance(found.p)),
        (f"p deflated by {found.trials} trial{'s' if found.trials > 1 else ''}", _chance(found.p_deflated)),
        ("Days", str(found.days)),
    ]
    if found.margin is not None:
        facts.append(("Margin", figure(found.margin)))
    return _pairs_table("Validation against its rival", "Figure", tuple(facts))


def _pairs_table(heading: str, first: str, pairs: tuple[tuple[str, str], ...]) -> Table:
    return Table(heading=heading, columns=(first, "Value"), rows=pairs, empty="None recorded.")


def _flat(values: dict[str, object], before: str = "") -> tuple[tuple[str, str], ...]:
    """Return nested values as rows of text, with dotted names.

    >>> _flat({"shape": {"layers": 5}, "seed": 7, "sharpe": None})
    (('seed', '7'), ('shape.layers', '5'), ('sharpe', '–'))
    """
    rows: list[tuple[str, str]] = []
    for name, value in sorted(values.items()):
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name}.")
        else:
            rows.append((before + name, ABSENT if value is None else str(value)))
    return tuple(rows)


def _chance(p: float | None) -> str:
    return ABSENT if p is None else f"{p:.4f}"


def _sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop.

    >>> _sentence("no better"), _sentence("")
    ('No better.', '')
    """
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
