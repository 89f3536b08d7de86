"""What Prefect shows of a day."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from strategy.account.state import Account, Position, Snapshot
from strategy.market.findings import Finding
from tasks.artifacts.day import Place, in_rows, markdown, summary
from tasks.report.daily_tables import changes_table, risk_table, verdicts_table
from tasks.report.markup import Table
from testing.runs.reports import TODAY, a_daily_page


def test_the_summary_tells_all_that_the_report_does() -> None:
    page = a_daily_page("a free text")
    text = summary(page, Place(account="daily", file=Path("/home/reports/day.html")))
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


def test_the_summary_tells_what_the_day_earned() -> None:
    earned = Table(heading="What earned the day, by symbol", columns=("", "Net"), rows=(("SPY", "−3.79"),))
    page = replace(a_daily_page(), today=(("Result of the day", "−3.79 (−0.04%)"),), earned=(earned,))
    text = summary(page, Place(account="daily", file=Path("/home/reports/day.html")))
    assert text.index("- **Result of the day:** −3.79 (−0.04%)") < text.index("- **Warning:** plain")
    assert text.index("## Positions at the close") < text.index("## What earned the day, by symbol")


def test_the_summary_links_to_the_report_where_the_server_shows_it() -> None:
    place = Place(account="daily", file=Path("/home/reports/daily/2018-12-28.html"), served_at="/reports")
    assert summary(a_daily_page(), place).endswith(
        "Report: [open it](/reports/daily/2018-12-28.html), or the file `/home/reports/daily/2018-12-28.html`"
    )


def test_a_table_without_rows_says_so() -> None:
    empty = Table(heading="Orders", columns=("Symbol",), rows=(), empty="No order.")
    assert markdown(empty) == "## Orders\n\nNo order."


def test_a_free_text_cannot_break_a_table() -> None:
    rows = (("one|two", "three"),)
    assert markdown(Table(heading="Found", columns=("A", "B"), rows=rows)).splitlines()[-1] == r"| one\|two | three |"


def test_decisions_say_how_far_they_moved_since_the_day_before() -> None:
    (decision,) = a_daily_page().decisions
    assert decision.exposure is not None
    before = replace(decision, signal=0.25, exposure=decision.exposure + 0.125)
    snapshot = a_daily_page().snapshot
    first, second = changes_table([decision], [], snapshot), changes_table([decision], [before], snapshot)
    assert "Target moved" not in in_rows(first)[0]
    assert in_rows(second)[0]["Signal moved"] == "+0.250"
    assert in_rows(second)[0]["Target moved"] == "−12.5%"
    assert in_rows(second)[0]["Symbol"] == decision.symbol


def test_the_table_of_risk_stands_beside_the_limits() -> None:
    held = Position(quantity=Decimal(-2), mark=Decimal(2_500))
    account = Account(as_of=TODAY, cash=Decimal(15_000), positions={"A": held})
    (decision,) = a_daily_page().decisions
    # A symbol that is not held yet counts, one whose position is kept does not.
    decisions = [
        replace(decision, symbol="A", exposure=-0.25),
        replace(decision, symbol="B", exposure=0.5),
        replace(decision, symbol="C", exposure=None),
    ]
    limits = {"max_drawdown_halt": 0.35, "max_position_size": 2.0, "max_turnover": 4.0}
    snapshot = Snapshot(account=account, equity=Decimal(10_000), drawdown=0.125)
    rows = in_rows(risk_table(snapshot, decisions, limits, ""))
    assert [(row["Now"], row["Limit"]) for row in rows] == [
        ("12.5%", "halts at 35.0%"),
        ("50.0%", "200.0%"),
        ("75.0%", "400.0%"),
        ("no", ""),
    ]
    assert in_rows(risk_table(snapshot, decisions, limits, "Halted since then"))[-1] == {
        "What": "Halted",
        "Now": "yes",
        "Limit": "until it is resumed",
    }


def test_a_symbol_that_is_held_back_names_what() -> None:
    finding = Finding(
        symbol="B",
        open_time=TODAY,
        expectation="high_above_low",
        value="1 < 2",
        limit="high >= low",
        reason="upside down",
    )
    passed, quiet, held = in_rows(verdicts_table({"A": 3, "B": 0}, [finding], ["A", "C", "B"]))
    assert passed["Verdict"] == "passed, 3 bars published"
    assert quiet["Verdict"] == "nothing new"
    assert (held["Verdict"], held["Date"], held["Found"]) == ("held back: upside down", "2018-12-31", "1 < 2")
    assert held["Limit"] == "high >= low"


def test_a_table_without_rows_is_one_row_that_says_so() -> None:
    assert in_rows(Table(heading="Orders", columns=("Symbol", "Side"), rows=(), empty="None.")) == [{"Orders": "None."}]


def test_a_column_that_says_nothing_is_left_out() -> None:
    rows = (("A", "", "late"), ("B", "", ""))
    assert in_rows(Table(heading="Orders", columns=("Symbol", "Fee", "Reason"), rows=rows)) == [
        {"Symbol": "A", "Reason": "late"},
        {"Symbol": "B", "Reason": ""},
    ]
