"""`turbodmt deposit`, `withdraw` and `positions import` as a user meets them."""

import json
from datetime import date
from pathlib import Path

import pytest

from strategy.builtin.registry import RULES
from tasks.run.job import Job
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, run_day
from tests.flows.conftest import Run

FRIDAY = date(2020, 6, 12)


@pytest.fixture
def job(home: Path) -> Job:
    made = a_job(home, PAIR.symbols(), FRIDAY, RULES)
    run_day(made, lambda: PAIR)
    return made


@pytest.mark.usefixtures("job")
def test_money_is_paid_in_and_out_once(run: Run) -> None:
    said = run("deposit", "2500", "--reason", "savings")
    assert "Recorded for account daily under the key 'deposit 2,500 2020-06-13'" in said.out
    assert said.out.split("\n\n")[1].split("\n")[1].split() == ["deposit", "-", "2,500.00", "from", "2020-06-13"]
    again = run("deposit", "2500", "--json").answer
    assert (again["recorded"], len(again["warnings"])) == (False, 1)
    assert run("withdraw", "12000", "--json").answer["recorded"]
    more = run("withdraw", "501", "--json")
    assert (more.code, more.failure) == (
        2,
        "AMOUNT is 501, and account daily can pay out 500 at the close of 2020-06-12, its equity of 10,000 less its "
        "long and short positions, with −9,500 of requests that wait, dated 2020-06-13 or earlier; nothing more can be "
        "freed; withdraw less, or deposit first",
    )
    flows = run("status", "--json").answer["waiting_flows"]
    assert [(one["kind"], one["cash"]) for one in flows] == [("deposit", "2500"), ("withdrawal", "12000")]
    assert "Flows that wait" in run("status").out
    assert "turbodmt cancel 'deposit 2,500 2020-06-13' --account daily" in said.out
    assert "'deposit 2,500 2020-06-13' is not booked" in run("cancel", "deposit 2,500 2020-06-13").out
    assert run("cancel", "withdrawal 12,000 2020-06-13", "--json").answer["flows"][0]["cash"] == "12000"
    assert run("status", "--json").answer["waiting_flows"] == []


@pytest.mark.usefixtures("job")
def test_what_is_no_amount_or_no_day_is_refused(run: Run) -> None:
    for text in ("0", "-5", "1e13", "NaN", "ten", "0.0000000000001"):
        said = run("deposit", "--json", "--", text)
        assert (said.code, said.failure.split(";")[0]) == (2, f"AMOUNT is {text!r}")
    assert run("withdraw", "-5.5").failure == "AMOUNT is -5.5; it must be above 0"
    assert run("withdraw", "5", "-q").failure.startswith("No such option: -q")
    assert run("deposit", "5", "--as-of", "soon").failure == "--as-of is 'soon'; it must be a date such as 2018-12-31"
    assert run("deposit", "5", "--account", "dialy").failure.startswith("--account is 'dialy', and the accounts with a")


@pytest.mark.usefixtures("job")
def test_positions_come_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "held.csv"
    file.write_text("Symbol,Quantity,Cost\nSHARE,10,95.5\nTOKEN,0.25,\n", encoding="utf-8")
    answer = run("positions", "import", file, "--json").answer
    assert [(one["symbol"], one["quantity"], one["cost"]) for one in answer["flows"]] == [
        ("SHARE", "10", "95.5"),
        ("TOKEN", "0.25", None),
    ]
    file.write_text("Symbol;Quantity;Name\nSHARE;12;a\n", encoding="utf-8-sig")
    assert run("positions", "import", file, "--json").answer["flows"][0]["quantity"] == "12"
    for text, what in (
        (
            "symbol,quantity,Price\nA,1,2\n",
            "has a column 'price', which is not read: positions are valued at the close",
        ),
        ("symbol\nA\n", "has no column 'quantity'"),
        ("symbol,quantity\n", "has no row"),
        ("symbol,quantity\nA,1\nA,2\n", "names A twice, the second time in line 3"),
        ("symbol,quantity\n,1\n", "names no symbol in line 2"),
        ("symbol,quantity\nA,-1\n", "line 2: quantity is '-1'; it must be a number above 0"),
        ("symbol,quantity,cost\nA,1,x\n", "line 2: cost is 'x'; it must be a number above 0"),
    ):
        file.write_text(text, encoding="utf-8")
        said = run("positions", "import", file, "--json")
        assert (said.code, what in said.failure) == (2, True), said.failure


def test_an_account_takes_over_the_present_defaults(run: Run, job: Job) -> None:
    assert json.loads(job.terms)["financing_rate"] == 0.05
    run("accounts", "adopt-defaults", "--reason", "to see")
    same = run("accounts", "adopt-defaults", "--reason", "to see").out
    assert "Account daily has these terms already: " in same
    # What is set for this run is what a new account would get.
    changed = run("accounts", "adopt-defaults", "--reason", "cheaper", "--set", "financing_rate=0.03", "--json").answer
    assert (changed["in_force_from"], changed["terms"]["financing_rate"]) == ("2020-06-13", 0.03)
    (one,) = run("accounts", "--json").answer["accounts"]
    assert (one["terms"]["financing_rate"], one["next_terms"]["financing_rate"]) == (0.05, 0.03)
    assert "from its next day on financing_rate from 0.05 to 0.03" in run("status").out
    assert run("accounts", "adopt-defaults", "--json").failure.startswith("--reason is ''")
