"""Tests of the gate put every table to the suite, as a run does."""

import pytest

from testing.runs.remembered_verdicts import validate_anew


@pytest.fixture(autouse=True)
def _validated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.validation.suite._validate", validate_anew)
