"""A twin in words."""

from datetime import date

from flows.cli.research.twin import shown_twin
from tasks.audit.twin_fidelity import FactAnswer, TwinAnswer


def test_a_twin_shows_every_fact_and_marks_what_is_out_of_its_band() -> None:
    fact = FactAnswer(symbol="A", name="leverage_effect", real=-0.1, low=-0.2, high=0.0, twin=-0.1, passed=True)
    outside = fact.model_copy(update={"twin": 0.3, "passed": False})
    undefined = fact.model_copy(update={"low": None, "high": None, "passed": None})
    answer = TwinAnswer(
        as_of=date(2020, 1, 3),
        source="sample",
        symbols=("A",),
        start=date(2017, 1, 2),
        end=date(2020, 1, 3),
        rows=755,
        paths=200,
        level=0.95,
        seed=7,
        facts=(fact, outside, undefined),
        data_sha256="ab",
        code_version="test",
        warnings=("look",),
    )
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
