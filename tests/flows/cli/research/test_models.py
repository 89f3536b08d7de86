"""The registry in words."""

from flows.cli.research.models import shown_models


def test_the_registry_shows_who_trades_and_why() -> None:
    prior = {
        "model_id": "prior",
        "state": "champion",
        "source": "sample",
        "symbols": ["A", "B"],
        "trained_to": None,
        "seed": None,
        "verdict": None,
        "reason": "nothing better",
    }
    figures = {"sharpe": 0.5, "rival_sharpe": 0.25, "p_deflated": 0.125}
    model = {
        **prior,
        "model_id": "0123456789abcdef",
        "state": "refused",
        "trained_to": "2020-01-02",
        "seed": 7,
        "verdict": {"figures": figures},
        "reason": "too lucky",
    }
    assert shown_models({"models": [model, prior], "warnings": []}).splitlines() == [
        "model         state     source  symbols  trained_to  seed  sharpe  rival_sharpe  p_deflated",
        "0123456789ab  refused   sample  A,B      2020-01-02  7     0.5000  0.2500        0.1250",
        "prior         champion  sample  A,B      -           -     -       -             -",
        "",
        "0123456789ab: too lucky",
        "prior: nothing better",
    ]
