"""A file whose rows are not in the order of their dates is read as the sorted one, and each answer says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from exchange.bars.files import FileBars
from storage.bars import published as bar_store
from storage.bars.sorted_rows import load_sorted_rows
from storage.database import connect
from strategy.builtin.registry import RULES
from tasks.backtest.run import Backtest, Window, backtest
from tasks.data.ingest import ingest
from tasks.operations.import_bars import import_bars
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable, inspect, validate
from testing.markets.bars import SHARE, TOKEN, record
from testing.runs.jobs import a_job, run_day

FIRST, SPLIT, LAST = date(2020, 3, 2), date(2020, 6, 12), date(2020, 6, 15)
WINDOW = Window(strategies=(RULES,), start=FIRST)


def rows() -> pd.DataFrame:
    """Two symbols, of which one has a split that its adjusted closes tell, as of the last day."""
    listings = (replace(SHARE, last=LAST), replace(TOKEN, last=LAST))
    frame: pd.DataFrame = pd.concat([record(listing) for listing in listings], ignore_index=True)
    return frame.rename(columns={"open_time": "date"})


def newest_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[::-1]


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sample(frac=1.0, random_state=5)


def appended_late(frame: pd.DataFrame) -> pd.DataFrame:
    """The bar of the split stands at the end of the file."""
    late = (frame["symbol"] == "SHARE") & (frame["date"] == pd.Timestamp(SPLIT))
    return pd.concat([frame[~late], frame[late]])


def job_of(home: Path, file: Path) -> Job:
    return replace(a_job(home, ("SHARE", "TOKEN"), LAST), source=f"file:{file}")


def told(warnings: tuple[str, ...]) -> list[str]:
    return [warning for warning in warnings if "sorted by date" in warning]


def figures(tested: Backtest) -> tuple[object, ...]:
    return tested.data_sha256, tested.net.replay, tested.gross.metrics, tested.dates


@pytest.mark.parametrize("order", [newest_first, shuffled, appended_late])
def test_a_file_out_of_order_gives_what_the_sorted_one_gives(
    tmp_path: Path, order: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    file = tmp_path / "bars.csv"
    rows().to_csv(file, index=False)
    expected = backtest(job_of(tmp_path / "sorted", file), WINDOW, lambda: FileBars(file))
    assert told(expected.warnings) == []
    order(rows()).to_csv(file, index=False)
    job = job_of(tmp_path / "unordered", file)
    tested = backtest(job, WINDOW, lambda: FileBars(file))
    assert figures(tested) == figures(expected)
    assert len(told(tested.warnings)) == 1
    assert [warning for warning in tested.warnings if warning not in told(tested.warnings)] == list(expected.warnings)
    with connect(tmp_path / "sorted") as one, connect(job.home) as other:
        want, got = (bar_store.load(store, job.source, job.symbols, until=LAST) for store in (one, other))
    assert want["SHARE"].factor.tolist() == got["SHARE"].factor.tolist()
    assert want["SHARE"].factor[-1] == pytest.approx(2.0)


def test_each_answer_says_how_many_rows_and_where_until_the_file_is_in_order(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    appended_late(rows()).to_csv(file, index=False)
    job = job_of(tmp_path / "home", file)
    line = (
        f"{file}: 1 row of SHARE stood below a later date, the first of SHARE in row 155, 2020-06-12; "
        "the bars were sorted by date, oldest first"
    )
    gate, _ = run_day(job, lambda: FileBars(file))
    assert told(gate.warnings) == [line]
    assert told(inspect(job, None).warnings) == [line]
    assert line in import_bars(job, lambda: FileBars(file), ((), "")).warnings
    newest_first(rows()).to_csv(file, index=False)
    ingest(job, lambda: FileBars(file))
    assert told(validate(job).warnings) == [
        f"{file}: 320 rows of 2 symbols stood below a later date, the first of SHARE in row 2, 2020-06-12; "
        "the bars were sorted by date, oldest first"
    ]
    rows().to_csv(file, index=False)
    ingest(job, lambda: FileBars(file))
    assert told(validate(job).warnings) == []
    with connect(job.home) as store:
        assert load_sorted_rows(store, job.source, job.symbols) == ()


def test_two_bars_of_a_date_that_differ_are_refused_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    frame = rows()
    frame = frame[frame["symbol"] == "SHARE"]
    twice = frame.iloc[[40]].assign(volume=7.0)
    newest_first(pd.concat([frame, twice])).to_csv(file, index=False)
    job = replace(job_of(tmp_path / "home", file), symbols=("SHARE",))
    with pytest.raises(NothingPublishable, match="several bars carry this date"):
        import_bars(job, lambda: FileBars(file), ((), ""))
