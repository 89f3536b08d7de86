"""What Prefect shows of a day."""

from pathlib import Path

from tasks.artifacts import markdown, summary
from tasks.markup import Table
from tests.fakes.reports import a_daily_page


def test_the_summary_tells_all_that_the_report_does() -> None:
    page = a_daily_page("a free text")
    text = summary(page, "daily", Path("/home/reports/day.html"))
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        f"daily, {page.snapshot.account.as_of}",
        "Decisions",
        "Orders for the next open",
        "Fills of the day",
        "Positions at the close",
        "Data quality: held back",
    ]
    assert "- **Warning:** a free text" in text
    assert text.endswith("Report: `/home/reports/day.html`")


def test_a_table_without_rows_says_so() -> None:
    empty = Table(heading="Orders", columns=("Symbol",), rows=(), empty="No order.")
    assert markdown(empty) == "## Orders\n\nNo order."


def test_a_free_text_cannot_break_a_table() -> None:
    rows = (("one|two", "three"),)
    assert markdown(Table(heading="Found", columns=("A", "B"), rows=rows)).splitlines()[-1] == r"| one\|two | three |"
