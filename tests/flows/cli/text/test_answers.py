"""The answers in words."""

from flows.cli.text.answers import (
    shown_backtest,
    shown_models,
    shown_promote,
    shown_train,
    shown_twin,
)
from flows.cli.text.bars import shown_bars, shown_import

METRICS = {"total_return": 0.5, "sharpe": None}


def test_an_import_that_brings_nothing_new_says_so() -> None:
    text = shown_import({"published": {"A": 3, "B": 0}, "quarantined": [], "warnings": ["look"]})
    assert text.splitlines() == [
        "Published",
        "symbol  rows",
        "A       3",
        "",
        "Nothing new of B; published before.",
        "",
        "Warning: look",
    ]


def test_what_is_held_back_is_told_with_its_reason() -> None:
    row = {"source": "file:x", "symbol": "A", "date": None, "value": "0", "limit": "1", "reason": "too low"}
    assert shown_bars({"published": [], "quarantined": [row]}).splitlines() == [
        "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some.",
        "",
        "Held back",
        "",
        "A of file:x: too low",
        "date  value  limit",
        "-     0      1",
    ]


def test_of_many_findings_of_a_kind_the_first_are_listed_and_the_others_counted() -> None:
    found = [
        {"symbol": "A", "date": f"2020-01-{day:02}", "value": "0", "limit": "1", "reason": "low"}
        for day in range(1, 13)
    ]
    text = shown_import({"published": {}, "quarantined": found, "warnings": []})
    assert text.splitlines()[:4] == ["Held back", "", "A: low", "date        value  limit"]
    assert text.splitlines()[-2:] == ["2020-01-10  0      1", "2 more"]


def test_a_backtest_shows_every_account_and_what_is_undefined_as_a_dash() -> None:
    answer = {
        "symbols": ["A"],
        "start": "2020-01-02",
        "end": "2020-01-03",
        "bars": 2,
        "strategy": "rules",
        "gross": METRICS,
        "net": METRICS,
        "net_2x_cost": METRICS,
        "benchmarks": {"hold": {"net": METRICS}},
        "costs": {
            **dict.fromkeys(("fees", "slippage", "financing", "total"), "12.3456"),
            **{f"{name}_pct_per_year": 0.1234 for name in ("fees", "slippage", "financing")},
            "total_pct_per_year": None,
            "fee_bps": {"A": 1.0},
            "slippage_bps": {"A": 5.0},
            "financing_rate": 0.05,
        },
        "trials": 1,
        "significance": None,
        "would_halt_on": None,
        "files": [],
        "warnings": [],
    }
    lines = shown_backtest(answer).splitlines()
    assert lines[0] == "rules on A, 2020-01-02 to 2020-01-03, 2 days; 1 configuration tried on these bars"
    assert [line.split() for line in lines[2:5]] == [
        ["metric", "gross", "net", "net_2x_cost", "hold"],
        ["total_return", "50.0%", "50.0%", "50.0%", "50.0%"],
        ["sharpe", "-", "-", "-", "-"],
    ]
    assert max(len(line) for line in lines[2:5]) < 80
    assert lines[6:11] == [
        "costs      paid   a year  at",
        "fees       12.35  0.12%   1 bps of what is traded",
        "slippage   12.35  0.12%   5 bps of the open",
        "financing  12.35  0.12%   5% a year of what is borrowed or sold short",
        "total      12.35  -",
    ]
    halted = shown_backtest({**answer, "would_halt_on": "2020-01-03"})
    assert "The drawdown limit would have halted it on 2020-01-03." in halted
    assert lines[-1] == "Too few days with a change in equity: no confidence interval for the Sharpe ratio."


def test_a_training_without_a_defined_sharpe_says_so() -> None:
    validation = {"validation_bars": 5, "network_sharpe": None, "prior_sharpe": 0.123}
    text = shown_train(
        {
            "model_id": "ab",
            "symbols": ["A"],
            "trained_from": "x",
            "trained_to": "y",
            "validation": validation,
            "promoted": False,
            "verdict": {"reason": "5 days are too few"},
            "warnings": [],
        }
    )
    assert "Net Sharpe on 5 dates that it neither learned from nor stopped at: undefined, the prior 0.12" in text
    assert text.endswith("Refused: 5 days are too few")


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


def test_a_promotion_says_who_trades_since_when_and_instead_of_whom() -> None:
    answer = {
        "model_id": "0123456789abcdef",
        "symbols": ["A", "B"],
        "source": "sample",
        "as_of": "2020-01-02",
        "reason": "calmer",
        "replaced": "prior",
        "changed": True,
    }
    assert (
        shown_promote(answer)
        == "Model 0123456789ab trades A, B of sample from 2020-01-02 on, instead of the prior: calmer"
    )
    back = {**answer, "model_id": "prior", "replaced": "f" * 64}
    assert shown_promote(back).endswith("from 2020-01-02 on, instead of model ffffffffffff: calmer")


def test_a_twin_shows_every_fact_and_marks_what_is_out_of_its_band() -> None:
    fact = {
        "symbol": "A",
        "name": "leverage_effect",
        "real": -0.1,
        "low": -0.2,
        "high": 0.0,
        "twin": -0.1,
        "pass": True,
    }
    answer = {
        "symbols": ["A"],
        "start": "2017-01-02",
        "end": "2020-01-03",
        "rows": 755,
        "paths": 200,
        "level": 0.95,
        "facts": [fact, {**fact, "twin": 0.3, "pass": False}, {**fact, "low": None, "high": None, "pass": None}],
        "warnings": ["look"],
    }
    assert shown_twin(answer).splitlines() == [
        "200 synthetic paths of A, fitted to 755 dates from 2017-01-02 to 2020-01-03",
        "",
        "symbol  name             real     low      high    twin     pass",
        "A       leverage_effect  -0.1000  -0.2000  0.0000  -0.1000  pass",
        "A       leverage_effect  -0.1000  -0.2000  0.0000  0.3000   FAIL",
        "A       leverage_effect  -0.1000  -        -       -0.1000  undefined",
        "",
        "1 of 2 facts lie in the band that holds 95% of the real data's own resamplings",
        "",
        "Warning: look",
    ]
