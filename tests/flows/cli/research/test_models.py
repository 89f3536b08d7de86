"""The registry in words."""

from datetime import date

import pytest

from flows.cli.research.models import shown_models
from strategy.training.promotion_gate import Figures
from tasks.operations.promote import ModelAnswer, ModelsAnswer, PriorAnswer, StoredVerdictAnswer


def test_the_registry_shows_who_trades_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    panel = {"source": "sample", "symbols": ("A", "B"), "strategy": "turbo", "strategy_sha256": None}
    nothing = ("trained_from", "trained_to", "seed", "validation", "verdict", "config", "data_sha256", "code_version")
    prior = PriorAnswer(
        model_id="prior", state="champion", **panel, **dict.fromkeys(nothing), reason="nothing better", created_at=None
    )
    figures = Figures(trials=1, days=250, margin=None, sharpe=0.5, rival_sharpe=0.25, p_deflated=0.125)
    verdict = StoredVerdictAnswer(
        promoted=False, rival="prior", as_of=date(2020, 1, 2), reason="too lucky", figures=figures
    )
    model = ModelAnswer(
        model_id="0123456789abcdef",
        state="refused",
        **panel,
        trained_from=date(2000, 1, 3),
        trained_to=date(2020, 1, 2),
        seed=7,
        validation={},
        verdict=verdict,
        reason="too lucky",
        config={},
        data_sha256="ab",
        code_version="test",
        created_at="2020-01-03T00:05:00+00:00",
    )
    other = prior.model_copy(update={"symbols": ("C",)})
    assert shown_models(ModelsAnswer(models=(model, prior, other), warnings=())).splitlines() == [
        "turbo on A, B of sample",
        "model         state     trained_to  seed  sharpe  rival_sharpe  p_deflated",
        "0123456789ab  refused   2020-01-02  7     0.5000  0.2500        0.1250",
        "prior         champion  -           -     -       -             -",
        "",
        "turbo on C of sample",
        "model  state     trained_to  seed  sharpe  rival_sharpe  p_deflated",
        "prior  champion  -           -     -       -             -",
        "",
        "0123456789ab: too lucky",
        "prior: nothing better",
        "prior: nothing better",
    ]
