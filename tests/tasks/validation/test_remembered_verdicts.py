"""What remembers the suite's answers for tests gives those that the suite would give."""

from collections.abc import Sequence

import pandas as pd
import pytest

from tasks.validation.expectation import Check
from tasks.validation.suite import SHAPE_CHECKS
from testing.runs import remembered_verdicts


def test_a_table_is_put_to_the_suite_once_and_every_other_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[pd.DataFrame] = []
    anew = remembered_verdicts.validate_anew

    def counted(batch: str, checks: Sequence[Check], frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
        put.append(frame)
        return anew(batch, checks, frame)

    monkeypatch.setattr(remembered_verdicts, "_BROKEN", {})
    monkeypatch.setattr(remembered_verdicts, "validate_anew", counted)
    table = pd.DataFrame({"mistyped": [0.0, 1.0, 0.0], "rows": [3.0, 3.0, 0.0], "column": ["open", "high", "low"]})
    for asked in (table, table.copy(), table.assign(rows=3.0)):
        answer = remembered_verdicts.validate("shape", SHAPE_CHECKS, asked)
        expected = anew("shape", SHAPE_CHECKS, asked)
        assert answer.keys() == expected.keys()
        for name, rows in answer.items():
            pd.testing.assert_frame_equal(rows, expected[name])
    assert len(put) == 2
