"""`turbodmt report` prints the path of a day's page, or says which days have one."""

from datetime import date
from pathlib import Path

import pytest

from storage.reports import write_day
from tests.flows.conftest import Run

FRIDAY, MONDAY = date(2018, 12, 28), date(2018, 12, 31)


@pytest.fixture
def pages(home: Path) -> dict[date, Path]:
    """Two days of the account `demo`, written in the wrong order, beside what is no day's page."""
    written = {day: write_day(home, "demo", day, f"<p>{day}") for day in (MONDAY, FRIDAY)}
    (home / "reports" / "demo" / "2018-99-99.html").touch()
    return written


def test_the_newest_report_or_that_of_a_day_is_named(run: Run, pages: dict[date, Path]) -> None:
    assert run("report", "--account", "demo").out == f"{pages[MONDAY]}\n"
    assert run("report", "--account", "demo", "--as-of", "2018-12-28", "--json").answer == {
        "account": "demo",
        "as_of": "2018-12-28",
        "report": str(pages[FRIDAY]),
        "days": ["2018-12-28", "2018-12-31"],
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "account daily has no report; name another --account, or run `turbodmt daily"),
        (
            ["--account", "demo", "--as-of", "2018-12-30"],
            "account demo has no report of 2018-12-30; name one of the 2 days that have one, from 2018-12-28",
        ),
        (["--account", "demo", "--as-of", "soon"], "--as-of is 'soon'; it must be a date"),
    ],
)
@pytest.mark.usefixtures("pages")
def test_a_report_that_is_not_there_is_refused(run: Run, options: list[str], sentence: str) -> None:
    ended = run("report", *options, "--json")
    assert (ended.code, ended.failure[: len(sentence)]) == (2, sentence)
