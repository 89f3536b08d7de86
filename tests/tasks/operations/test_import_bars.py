from datetime import date
from pathlib import Path

import pytest

from exchange.ports import SourceRefused
from storage.database import connect
from tasks.operations.import_bars import import_bars
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, FakeBars, Fault
from testing.runs.jobs import a_job

LAST, WICK = date(2020, 12, 31), date(2020, 3, 2)
NOTHING: tuple[list[tuple[str, date]], str] = ([], "")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path, PAIR.symbols(), LAST)


def spoiled(column: str, value: float) -> FakeBars:
    return PAIR.faulty(Fault(symbol="SHARE", day=WICK, column=column, value=value))


def test_what_is_good_is_published_and_what_is_not_is_told(job: Job) -> None:
    answer = import_bars(job, lambda: spoiled("low", 0.5), NOTHING).json_values()
    assert answer["published"] == {"TOKEN": 366}
    quarantined = answer["quarantined"]
    assert isinstance(quarantined, list)
    assert [(one["symbol"], one["date"]) for one in quarantined] == [("SHARE", "2020-03-02")]
    assert set(quarantined[0]) == {"symbol", "date", "value", "limit", "reason"}


def test_a_bar_that_a_person_accepts_is_published_and_remembered(job: Job) -> None:
    import_bars(job, lambda: spoiled("low", 0.5), NOTHING)
    answer = import_bars(job, lambda: spoiled("low", 0.5), ([("SHARE", WICK)], "a real flash crash")).json_values()
    assert answer["published"] == {"SHARE": 294, "TOKEN": 0}
    assert answer["quarantined"] == []
    assert "; accepted: " in str(answer["warnings"])
    assert contents(job.home)["bars_quarantine"] == []
    again = import_bars(job, lambda: spoiled("low", 0.5), NOTHING).json_values()
    assert (again["published"], again["quarantined"]) == ({"SHARE": 0, "TOKEN": 0}, [])


def test_a_price_that_no_bar_can_have_is_not_accepted(job: Job) -> None:
    answer = import_bars(job, lambda: spoiled("close", -1.0), ([("SHARE", WICK)], "wishful thinking")).json_values()
    assert answer["published"] == {"TOKEN": 366}


def test_importing_twice_changes_nothing(job: Job) -> None:
    import_bars(job, lambda: PAIR, NOTHING)
    told = contents(job.home)
    assert import_bars(job, lambda: PAIR, NOTHING).json_values()["published"] == {"SHARE": 0, "TOKEN": 0}
    assert contents(job.home) == told


def test_what_cannot_be_imported_is_refused_with_the_reason(job: Job) -> None:
    with pytest.raises(
        SourceRefused, match="--accept names OTHER, which is not among the symbols imported, SHARE, TOKEN"
    ):
        import_bars(job, lambda: PAIR, ([("OTHER", WICK)], "because"))
    alone = a_job(job.home, ("SHARE",), LAST)
    with pytest.raises(
        NothingPublishable,
        match="no symbol passed the gate, so no bar was published; SHARE on 2020-03-02: the low lies",
    ):
        import_bars(alone, lambda: spoiled("low", 0.5), NOTHING)
    with connect(job.home) as store:
        assert store.execute("SELECT count(*) FROM bars").fetchone() == (0,)
