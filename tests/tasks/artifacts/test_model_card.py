from dataclasses import replace
from datetime import UTC, date, datetime

from storage.models.registry import ModelRecord
from strategy.training.promotion_gate import PRIOR, Figures, Verdict
from tasks.artifacts.model_card import card_markdown, headline

RECORD = ModelRecord(
    model_id="0123456789abcdef",
    source="sample",
    symbols=("A", "B|C"),
    strategy="turbo",
    trained_from=date(2010, 1, 4),
    trained_to=date(2020, 6, 8),
    created_at=datetime(2020, 6, 9, tzinfo=UTC),
    seed=7,
    config='{"shape": {"layers": 5}, "started_from": null}',
    code_version="0.1.0+ab",
    data_sha256="feed",
    validation='{"steps": [10, 12]}',
)
FIGURES = Figures(
    trials=3,
    days=400,
    margin=None,
    sharpe=0.75,
    rival_sharpe=0.5,
    difference=0.25,
    low=-0.125,
    high=0.625,
    p=0.01,
    p_deflated=0.0297,
)
FIRST = Verdict(promoted=True, rival=PRIOR, figures=FIGURES, reason="net Sharpe 0.75 against 0.50 of the prior")


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")]


def test_a_promoted_model_is_told_with_all_that_it_came_from() -> None:
    text = card_markdown(RECORD, FIRST)
    assert text.splitlines()[:5] == [
        "# Model 0123456789ab of 2020-06-08 was promoted",
        "",
        "Net Sharpe 0.75 against 0.50 of the prior.",
        "",
        "**Champion by this verdict: model `0123456789ab`.**",
    ]
    assert rows(text) == [
        "| What | Value |",
        "| Model | 0123456789abcdef |",
        "| Source | sample |",
        r"| Symbols | A, B\|C |",
        "| Strategy | turbo |",
        "| From | 2010-01-04 |",
        "| To | 2020-06-08 |",
        "| Seed | 7 |",
        "| Data | feed |",
        "| Code | 0.1.0+ab |",
        "| Figure | Value |",
        "| Net Sharpe | 0.75 |",
        "| Net Sharpe of the prior | 0.50 |",
        "| Difference | 0.25 |",
        "| 95 % interval | −0.12 to 0.62 |",
        "| p of no better | 0.0100 |",
        "| p deflated by 3 trials | 0.0297 |",
        "| Days | 400 |",
        "| Setting | Value |",
        "| shape.layers | 5 |",
        "| started_from | – |",
        "| Figure | Value |",
        "| steps | [10, 12] |",
    ]


def test_a_refused_refresh_leaves_its_rival() -> None:
    figures = Figures(trials=1, days=100, margin=0.1)
    verdict = replace(FIRST, promoted=False, rival="f" * 64, figures=figures, reason="100 days are too few")
    text = card_markdown(RECORD, verdict)
    assert headline(RECORD, verdict) == "Model 0123456789ab of 2020-06-08 was refused"
    assert "100 days are too few.\n\n**Champion by this verdict: model `ffffffffffff`.**" in text
    assert "| Net Sharpe of the champion ffffffffffff | – |" in rows(text)
    assert "| 95 % interval | – |" in rows(text)
    assert "| p deflated by 1 trial | – |" in rows(text)
    assert "| Margin | 0.10 |" in rows(text)


def test_a_refused_network_leaves_the_prior() -> None:
    assert "**Champion by this verdict: the prior.**" in card_markdown(RECORD, replace(FIRST, promoted=False))


def test_a_record_without_figures_says_so() -> None:
    assert card_markdown(replace(RECORD, validation="{}"), FIRST).endswith(
        "## Figures of the training\n\nNone recorded."
    )
