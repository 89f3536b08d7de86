"""What Prefect's page says of the gate."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from strategy.quality import Finding
from tasks.ingest import ingest
from tasks.inspected import described
from tasks.validate import Gate, NothingPublishable, validate
from tests.fakes.bars import PAIR, Fault
from tests.fakes.jobs import a_job

DAY = date(2020, 6, 10)


def test_the_description_counts_who_may_trade_and_names_the_remedy_for_the_others(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("SHARE", "TOKEN"), DAY)
    gate = Gate(published={"SHARE": 0, "TOKEN": 3}, held_back={"SHARE": "its low is high"}, findings=(), warnings=())
    assert described(job, gate).startswith("1 of 2 symbols may be traded on 2020-06-10. Held back: SHARE. Correct the")
    assert described(job, replace(gate, held_back={})) == "2 of 2 symbols may be traded on 2020-06-10."


def test_a_day_on_which_nothing_may_be_traded_keeps_what_was_found(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("SHARE",), DAY)
    source = PAIR.faulty(Fault(symbol="SHARE", day=DAY, column="low", value=1e6))
    ingest(job, lambda: source)
    with pytest.raises(NothingPublishable, match="SHARE on 2020-06-10: the low is above the open or the close") as told:
        validate(job)
    assert told.value.gate is not None
    (finding,) = (one for one in told.value.gate.findings if one.expectation == "low_at_most_open_close")
    assert isinstance(finding, Finding)
    assert (finding.open_time, finding.value) == (DAY, "low 1000000")
