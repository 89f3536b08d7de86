"""The audits as a user meets them: a table, one JSON object, and one sentence for what cannot be audited."""

from datetime import date
from pathlib import Path

import pytest

from strategy.exit_codes import Exit, exit_code
from strategy.market.instruments import Calendar
from tasks.audit.window import AuditFailed
from testing.markets.bars import Listing
from tests.flows.conftest import Run, write_bars

FIRST, LAST = date(2019, 9, 2), date(2021, 3, 31)
SHARE = Listing(symbol="SHARE", calendar=Calendar.XNYS, first=FIRST, last=LAST, seed=1)
TOKEN = Listing(symbol="TOKEN", calendar=Calendar.ALWAYS, first=FIRST, last=LAST, seed=3)
PROVENANCE = {"audit", "source", "symbols", "start", "end", "data_sha256", "code_version", "seed", "warnings"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    write_bars(path, SHARE, TOKEN)
    return path


def test_a_lookahead_audit_that_passes_is_one_json_object(run: Run, file: Path) -> None:
    ended = run("audit", "lookahead", "--source", f"file:{file}", "--strategy", "rules", "--days", 3, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert set(ended.answer) == PROVENANCE | {"checks", "pass"}
    assert ended.answer["pass"] is True
    assert [one["check"] for one in ended.answer["checks"]] == [
        *("features", "inputs", "estimates", "decisions", "account", "fills")
    ]
    assert set(ended.answer["checks"][0]) == {"check", "strategy", "dates", "mismatches", "first_mismatch", "pass"}


def test_a_parity_audit_is_a_table_of_the_days_between_its_dates(run: Run, file: Path) -> None:
    window = ("--start-date", "2021-02-26", "--end-date", "2021-03-01")
    ended = run("audit", "parity", "--source", f"file:{file}", *window, "--strategy", "rules")
    assert ended.code == 0
    assert "2021-02-26 to 2021-03-01" in ended.out
    rows = [line.split() for line in ended.out.splitlines() if line.endswith("  pass")]
    kinds = ("decisions", "orders", "fills", "entries", "equity")
    assert rows[1:-1] == [[kind, "rules", "4", "0", "pass"] for kind in kinds]
    # On Monday both symbols have a bar, and one of them comes late.
    assert rows[-1] == ["passes", "rules", "1", "0", "pass"]
    assert "All 6 checks passed." in ended.out


def test_the_headline_names_the_claims_the_data_and_what_is_not_reproducible(run: Run, file: Path) -> None:
    ended = run("audit", "headline", "--source", f"file:{file}", "--symbol", "SHARE", "--json")
    assert (ended.code, ended.answer["symbols"]) == (0, ["SHARE"])
    assert set(ended.answer) == PROVENANCE | {"days", "accounts", "verdict"}
    shown = run("audit", "headline", "--source", f"file:{file}")
    assert f"SHARE of file:{file}" in shown.out
    assert ended.answer["verdict"] in shown.out
    claimed = next(line.split() for line in shown.out.splitlines() if line.startswith("claimed"))
    assert claimed[:5] == ["claimed", "351.0%", "5.77", "9.4%", "68.2%"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("lookahead", "--start-date", "2021-02-02", "--end-date", "2021-02-01"), "lies after --end-date 2021-02-01"),
        (("lookahead", "--start-date", "soon"), "--start-date is 'soon'; it must be a date"),
        (
            ("parity", "--strategy", "rules,luck"),
            "--strategy is 'luck', which is neither a known strategy nor a file such as",
        ),
        (("parity", "--days", "0"), "--days is 0; it must lie between 1 and 10000"),
        (("parity", "--workers", "2"), "--workers 2 is for lookahead"),
        (("headline", "--days", "5"), "--days is 5, but the headline is measured on all days"),
        (("headline", "--symbols", "SHARE,TOKEN"), "of one symbol, not of SHARE, TOKEN; name one of them"),
        (("lookahead", "--end-date", "2019-12-31"), "the history is too short: a look-ahead audit"),
        (("everything",), "'everything' is not one of 'lookahead', 'parity', 'headline'"),
    ],
)
def test_what_is_wrongly_asked_is_told_in_one_sentence(
    run: Run, file: Path, options: tuple[str, ...], sentence: str
) -> None:
    ended = run("audit", *options, "--source", f"file:{file}")
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.failure


def test_an_audit_that_fails_ends_like_a_reconciliation_that_fails() -> None:
    assert exit_code(AuditFailed("1 of 2 checks failed")) is Exit.RECONCILIATION
