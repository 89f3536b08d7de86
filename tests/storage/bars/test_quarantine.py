from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from storage.bars import quarantine
from storage.bars.quarantine import Acceptance, Held, Inspection
from storage.database import connect
from strategy.market.findings import Finding

AT = datetime(2020, 1, 7, 0, 5, tzinfo=UTC)
INSPECTION = Inspection(run_id="run", source="file:x", symbol="GOOGL", checked_at=AT)
LOW = Finding(
    symbol="GOOGL",
    open_time=date(2008, 9, 30),
    expectation="low_near_body",
    value="0.005",
    limit="100",
    reason="the low lies far below open and close",
)
STALE = replace(LOW, open_time=None, expectation="fresh", value="2008-09-30", limit="2008-10-01", reason="too old")


def test_each_expectation_has_a_verdict_per_run(home: Path) -> None:
    with connect(home) as store:
        for findings in ([LOW, LOW], [LOW, LOW, LOW]):
            quarantine.record(store, INSPECTION, ["ordered", "low_near_body"], findings)
        rows = store.execute("SELECT expectation, passed, findings FROM validations ORDER BY expectation").fetchall()
    assert rows == [("low_near_body", False, 3), ("ordered", True, 0)]


def test_what_is_held_back_is_listed_with_its_findings(home: Path) -> None:
    held = tuple(Held(source="file:x", finding=finding, run_id="run", quarantined_at=AT) for finding in (STALE, LOW))
    with connect(home) as store:
        quarantine.quarantine(store, INSPECTION, [LOW])
        quarantine.quarantine(store, INSPECTION, [STALE, LOW])
        assert quarantine.quarantined(store) == held
        assert quarantine.quarantined(store, "file:x") == held
        assert quarantine.quarantined(store, "other") == ()


def test_an_acceptance_is_kept_with_its_first_reason(home: Path) -> None:
    acceptance = Acceptance(
        source="file:x", symbol="GOOGL", day=date(2008, 9, 30), reason="checked by hand", accepted_at=AT
    )
    with connect(home) as store:
        quarantine.accept(store, acceptance)
        quarantine.accept(store, replace(acceptance, reason="again"))
        assert quarantine.accepted(store, "file:x", "GOOGL") == {date(2008, 9, 30)}
        assert quarantine.accepted(store, "file:y", "GOOGL") == set()
        assert store.execute("SELECT reason FROM acceptances").fetchall() == [("checked by hand",)]


def test_an_acceptance_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Acceptance(source="x", symbol="A", day=date(2020, 1, 1), reason=" ", accepted_at=AT)
