"""What Prefect's page says of the gate."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from strategy.market.findings import Finding
from tasks.artifacts.validate import LEARNED, TRADED, described, inspect_past
from tasks.data.ingest import ingest
from tasks.models.training_plan import TrainingRefused
from tasks.validation.gate import Gate, NothingPublishable, validate
from testing.markets.bars import PAIR, Fault
from testing.runs.jobs import a_job

DAY = date(2020, 6, 10)


def test_the_description_counts_who_may_trade_and_names_the_remedy_for_the_others(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("SHARE", "TOKEN"), DAY)
    gate = Gate(published={"SHARE": 0, "TOKEN": 3}, held_back={"SHARE": "its low is high"}, findings=(), warnings=())
    told = described(job, gate, TRADED)
    assert told.startswith("1 of 2 symbols may be traded on 2020-06-10. Held back: SHARE. Correct the")
    every = replace(gate, held_back={})
    assert described(job, every, TRADED) == "2 of 2 symbols may be traded on 2020-06-10."
    assert described(job, every, LEARNED) == "2 of 2 symbols may be learned from up to 2020-06-10."


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


def test_a_training_needs_bars_up_to_its_day_and_none_of_that_day(tmp_path: Path) -> None:
    sunday = a_job(tmp_path / "sunday", ("SHARE",), date(2020, 6, 14))
    ingest(sunday, lambda: PAIR)
    gate = inspect_past(sunday)
    assert (gate.held_back, set(gate.published)) == ({}, {"SHARE"})
    early = a_job(tmp_path / "early", ("SHARE",), date(2019, 10, 31))
    ingest(early, lambda: PAIR)
    with pytest.raises(TrainingRefused, match="no bar of SHARE is dated 2019-10-31 or earlier; choose a later --as-of"):
        inspect_past(early)
    spoiled = PAIR.faulty(Fault(symbol="SHARE", day=DAY, column="low", value=1e6))
    held = a_job(tmp_path / "held", ("SHARE",), date(2020, 6, 14))
    ingest(held, lambda: spoiled)
    with pytest.raises(NothingPublishable, match="nothing can be learned from: SHARE on 2020-06-10: the low is above"):
        inspect_past(held)
