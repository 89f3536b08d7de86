"""`turbodmt report` prints the path of a day's page, or says which days have one."""

from datetime import date
from pathlib import Path

import pytest

from storage.privacy import PlaceUnsafe
from storage.reports import day_pages, write_day
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
        (["--account", "../../x"], "--account is '../../x'; it must be up to 64 lower-case letters, digits and dashes"),
    ],
)
@pytest.mark.usefixtures("pages")
def test_a_report_that_is_not_there_is_refused(run: Run, options: list[str], sentence: str) -> None:
    ended = run("report", *options, "--json")
    assert (ended.code, ended.failure[: len(sentence)]) == (2, sentence)


def test_nothing_is_read_or_written_through_a_link(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    home.mkdir(mode=0o700)
    (home / "reports").symlink_to(tmp_path / "theirs")
    ended = run("daily", "--as-of", "2018-12-28", "--strategy", "rules")
    assert (ended.code, ended.failure.partition(" is a link to ")[0]) == (2, str(home / "reports"))
    (home / "reports").unlink()
    (home / "reports").mkdir()
    (home / "reports" / "demo").symlink_to(tmp_path / "theirs")
    for ask in (lambda: write_day(home, "demo", FRIDAY, "<p>"), lambda: day_pages(home, "demo")):
        with pytest.raises(PlaceUnsafe, match="demo is a link to "):
            ask()
    with pytest.raises(ValueError, match="is not a valid account name"):
        write_day(home, "../x", FRIDAY, "<p>")
    assert list((tmp_path / "theirs").iterdir()) == []


def test_the_page_of_all_accounts_is_written_again_whenever_it_is_asked_for(run: Run, home: Path) -> None:
    page = home / "reports" / "index.html"
    assert run("report", "--index").out == f"{page}\n"
    assert "There is no account yet" in page.read_text(encoding="utf-8")
    assert page.stat().st_mode & 0o077 == 0
    page.unlink()
    assert run("report", "--index", "--json").answer == {"index": str(page), "accounts": [], "warnings": []}
    assert run("report", "--index", "--as-of", "2018-12-28").failure == (
        "--as-of is 2018-12-28, and the page of all accounts shows them as they are now; leave it out"
    )


def test_each_run_writes_the_page_of_all_accounts_again(run: Run, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    page = home / "reports" / "index.html"
    assert run("daily", "--as-of", "2018-12-28", "--strategy", "rules", "--account", "demo").code == 0
    done = page.read_text(encoding="utf-8")
    assert "Fri 2018-12-28: done" in done
    assert 'href="demo/2018-12-28.html"' in done
    assert run("halt", "--account", "demo", "--reason", "on holiday").code == 0
    halted = page.read_text(encoding="utf-8")
    assert "demo has been halted since" in halted
    assert "<code>turbodmt resume --account demo --reason TEXT</code>" in halted
    # A fault of the page never reaches a run.
    page.unlink()
    page.mkdir()
    ended = run("resume", "--account", "demo", "--reason", "back")
    assert (ended.code, ended.out) == (0, "Account demo is trading. Reason: back.\n")
    assert "The page of all accounts could not be written" in caplog.text
    page.rmdir()
    assert run("accounts", "forget", "demo", "--yes").code == 0
    assert "There is no account yet" in page.read_text(encoding="utf-8")
