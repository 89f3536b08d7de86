"""The model card: a model's training, its results against its rival, the promotion gate's verdict, and the champion."""

import json

from prefect.artifacts import create_markdown_artifact

from storage.database import connect
from storage.models import promotions
from storage.models import registry as model_store
from storage.models.registry import ModelRecord
from strategy.training.promotion_gate import PRIOR, Verdict
from tasks.artifacts.day import markdown
from tasks.report.markup import ABSENT, Table, figure
from tasks.run.job import Job


def publish_card(record: ModelRecord, verdict: Verdict, account: str) -> None:
    """Publish the card as an artifact of the current run, under a key of the account that keeps its history."""
    create_markdown_artifact(
        card_markdown(record, verdict), key=f"model-card-{account}", description=headline(record, verdict)
    )


def publish_newest_card(job: Job) -> None:
    """Publish the card of the model that was trained on the job's day, if there is one."""
    with connect(job.home) as store:
        trained = [
            (record, promotions.verdicts(store, record.model_id))
            for record in model_store.records(store)
            if (record.panel, record.trained_to) == (job.panel, job.as_of)
        ]
    for record, verdicts in trained[-1:]:
        for stored in verdicts[:1]:
            publish_card(record, stored.verdict, job.account)


def headline(record: ModelRecord, verdict: Verdict) -> str:
    """Return the verdict on the model in one line."""
    return f"Model {record.model_id[:12]} of {record.trained_to} was {'promoted' if verdict.promoted else 'refused'}"


def card_markdown(record: ModelRecord, verdict: Verdict) -> str:
    """Return the whole card in Markdown; if the model is refused, its rival stays champion."""
    champion = record.model_id if verdict.promoted else verdict.rival
    parts = (
        f"# {headline(record, verdict)}",
        _sentence(verdict.reason),
        # A person may have promoted another since: `turbodmt models` shows the model in force.
        f"**Champion by this verdict: {_named(champion)}.**",
        markdown(_training_table(record)),
        markdown(_verdict_table(verdict)),
        markdown(_pairs_table("Configuration", "Setting", _flat(json.loads(record.config)))),
        markdown(_pairs_table("Figures of the training", "Figure", _flat(json.loads(record.validation)))),
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
