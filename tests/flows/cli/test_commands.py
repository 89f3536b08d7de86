"""The commands on small files: what they answer, in the contract's own keys, and what they hold back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.config.settings import load
from flows.planning.adapters import open_source
from flows.planning.plan import Request, RequestRefused, plan
from storage.database import connect
from storage.models import registry as model_store
from storage.models.registry import ModelRecord
from strategy.market.instruments import Calendar
from testing.markets.bars import Listing, record
from testing.servers.main_site import MainSite
from testing.servers.market_data import FakeBinance, daily_klines
from tests.flows.conftest import Ended, Run, write_bars

FIRST, LAST = date(2020, 1, 2), date(2021, 3, 31)
SHARE = Listing(
    symbol="SHARE", calendar=Calendar.XNYS, first=FIRST, last=LAST, seed=1, dividends=((date(2020, 9, 1), 0.02),)
)
BOND = Listing(symbol="BOND", calendar=Calendar.XNYS, first=FIRST, last=LAST, seed=2)
TOKEN = Listing(symbol="TOKEN", calendar=Calendar.ALWAYS, first=FIRST, last=LAST, seed=3)
START, END = "2020-10-01", "2021-02-26"
METRICS = {
    "total_return",
    "cagr",
    "annual_vol",
    "sharpe",
    "sharpe_raw",
    "rate_mean",
    "sortino",
    "max_drawdown",
    "win_rate",
    "turnover_per_year",
}
BACKTEST = {
    "symbols",
    "start",
    "end",
    "bars",
    "strategy",
    "gross",
    "net",
    "net_2x_cost",
    "benchmarks",
    "significance",
    "data_sha256",
    "config",
    "seed",
    "trials",
    "files",
    "warnings",
}

SIGNIFICANCE = {
    *("sharpe", "low", "high", "probabilistic_sharpe", "deflated_sharpe", "luckiest_sharpe", "min_track_record_bars"),
    *("pbo", "spa_p", "against", "trials", "bars"),
}

SHARED = Path(__file__).parents[4] / "shared" / "data"
REAL = SHARED / "ohlcv_daily.parquet"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"there is no {REAL}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two shares and a token, clean."""
    path = tmp_path / "bars.csv"
    write_bars(path, SHARE, BOND, TOKEN)
    return path


def edit(path: Path, symbol: str, day: str, column: str, value: object) -> None:
    bars = pd.read_csv(path, dtype=str)
    bars.loc[(bars["symbol"] == symbol) & (bars["date"].str.startswith(day)), column] = str(value)
    bars.to_csv(path, index=False)


def backtested(run: Run, file: Path, *options: object) -> Ended:
    return run("backtest", "--source", f"file:{file}", "--start-date", START, "--end-date", END, *options, "--json")


# --- backtest


def test_a_backtest_answers_in_the_contract_s_keys(run: Run, file: Path) -> None:
    ended = backtested(run, file, "--symbol", "SHARE", "--strategy", "rules", "--capital", "10000", "--fee-bps", "2")
    answer = ended.answer
    assert (ended.code, ended.err) == (0, "")
    assert set(answer) >= BACKTEST
    for metrics in (answer["gross"], answer["net"], answer["net_2x_cost"], answer["benchmarks"]["hold"]["net"]):
        assert set(metrics) == METRICS
        assert all(value is None or isinstance(value, float) for value in metrics.values())
    assert (answer["symbols"], answer["start"], answer["end"]) == (["SHARE"], START, END)
    assert (answer["strategy"], answer["trials"]) == ("rules", 1)
    assert set(answer["significance"]) == SIGNIFICANCE
    assert answer["significance"]["sharpe"] == pytest.approx(answer["net"]["sharpe"])
    assert (answer["config"]["capital"], answer["config"]["fee_bps"]) == ("10000", 2.0)
    returns = [answer[name]["total_return"] for name in ("gross", "net", "net_2x_cost")]
    assert returns == sorted(returns, reverse=True)
    assert len(set(returns)) == 3


def test_what_a_strategy_does_not_read_makes_no_further_trial(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> Any:
        return backtested(run, file, "--symbol", "SHARE", "--strategy", "rules").answer

    first = told()
    unread = {"THREADS": 1, "DEVICE": "cuda", "TRAINING_STEPS": 161, "TWINS": 5, "SEED": 8, "STALE_DAYS": 8}
    for name, value in {**unread, "MAX_LATENESS_HOURS": 13, "RETRAIN_EVERY_BARS": 22}.items():
        monkeypatch.setenv(f"TURBODMT_{name}", str(value))
        again = told()
        assert (again["trials"], again["significance"]["luckiest_sharpe"]) == (1, 0.0)
    # The answer still tells all of it.
    assert (first["config"]["threads"], again["config"]["threads"]) == (2, 1)
    monkeypatch.setenv("TURBODMT_NEUTRAL_ZONE", "0.1")
    assert told()["trials"] == 2


def test_hold_earns_the_adjusted_return_from_the_first_fill_on(run: Run, file: Path) -> None:
    answer = backtested(run, file, "--symbol", "SHARE", "--strategy", "hold").answer
    bars = write_bars(file, SHARE)
    bars = bars[(bars["date"] >= START) & (bars["date"] <= END)].reset_index(drop=True)
    paid = bars["open"][1] / bars["close"][0] * (1 + 2e-4)
    held = bars["adj_close"].iloc[-1] / bars["adj_close"][0]
    assert answer["net"]["total_return"] == pytest.approx(held - paid, abs=1e-6)
    assert answer["gross"]["total_return"] == pytest.approx(held - bars["open"][1] / bars["close"][0], abs=1e-6)
    assert (answer["trials"], answer["benchmarks"]) == (1, {})


def test_the_first_strategy_is_the_subject_and_the_others_are_beside_it(run: Run, file: Path) -> None:
    answer = backtested(run, file, "--symbols", "SHARE", "--strategy", "turbo,hold,vol-target,momentum,hold").answer
    assert answer["strategy"] == "turbo"
    assert list(answer["benchmarks"]) == ["hold", "vol-target", "momentum"]
    assert "the prior traded 2 of 2 folds of turbo (2020, 2021)" in " ".join(answer["warnings"])
    assert backtested(run, file, "--symbols", "SHARE", "--strategy", "hold,rules").answer["strategy"] == "hold"


def test_a_portfolio_of_shares_and_a_token_trades_on_every_date_of_either(run: Run, file: Path) -> None:
    answer = backtested(run, file, "--strategy", "rules").answer
    assert answer["symbols"] == ["BOND", "SHARE", "TOKEN"]
    assert answer["bars"] == (date.fromisoformat(END) - date.fromisoformat(START)).days + 1


def test_what_is_saved_is_complete_and_loads_nothing(run: Run, file: Path, tmp_path: Path) -> None:
    one, several = tmp_path / "one", tmp_path / "deep" / "several"
    assert backtested(run, file, "--symbol", "SHARE", "--strategy", "rules", "--save-results", one).code == 0
    answer = backtested(run, file, "--strategy", "rules", "--save-results", several).answer
    names = ("equity.parquet", "trades.parquet", "report.html", "run.json")
    assert answer["files"] == [str(several / name) for name in names]
    single, portfolio = (pd.read_parquet(folder / "equity.parquet") for folder in (one, several))
    assert list(single) == ["as_of", "equity", "drawdown", "exposure", "regime"]
    assert set(portfolio) == set(single) | {"exposure_BOND", "exposure_SHARE", "exposure_TOKEN"}
    assert not single.isna().any(axis=None)
    assert not portfolio.isna().any(axis=None)
    assert len(portfolio) == answer["bars"]
    assert portfolio["equity"].iloc[-1] / 10_000 - 1 == pytest.approx(answer["net"]["total_return"], abs=1e-12)
    parts = portfolio[["exposure_BOND", "exposure_SHARE", "exposure_TOKEN"]].abs().sum(axis=1)
    assert np.allclose(portfolio["exposure"], parts)
    assert len(pd.read_parquet(several / "trades.parquet"))
    page = (several / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert 'src="http' not in page
    assert all(path.stat().st_mode & 0o077 == 0 for path in several.iterdir())
    index = Path(run("report", "--index").out.strip()).read_text(encoding="utf-8")
    assert [(one / "report.html").as_uri() in index, (several / "report.html").as_uri() in index] == [True, True]
    (one / "report.html").unlink()
    index = Path(run("report", "--index").out.strip()).read_text(encoding="utf-8")
    assert (one / "report.html").as_uri() not in index


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="there is no folder in which even root creates nothing")
def test_results_that_cannot_be_saved_are_refused_before_anything_is_computed(
    run: Run, file: Path, tmp_path: Path
) -> None:
    grid, empty = tmp_path / "grid.toml", tmp_path / "empty"
    grid.write_text("neutral_zone = [0.0, 0.03]\n")
    for options in (("--save-results", "/sys"), ("--grid", grid, "--save-results", "/sys/kernel")):
        ended = backtested(run, file, "--strategy", "rules", *options)
        assert (ended.code, ended.failure) == (
            2,
            f"--save-results is '{options[-1]}', which cannot be written; name a writable folder",
        )
    assert run("bars", "--json").answer["published"] == []
    # What was tried leaves nothing behind.
    early = ("backtest", "--source", f"file:{file}", "--end-date", "2019-12-31")
    assert run(*early, "--save-results", empty).failure.startswith("no bar of BOND, SHARE, TOKEN is dated 2019-12-31")
    assert list(empty.iterdir()) == []


def test_what_lies_after_the_end_changes_nothing(run: Run, file: Path) -> None:
    clean = backtested(run, file, "--symbol", "SHARE", "--strategy", "rules").answer
    edit(file, "SHARE", "2021-03-10", "close", -1)
    assert backtested(run, file, "--symbol", "SHARE", "--strategy", "rules").answer == clean


def test_what_a_later_run_has_published_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    write_bars(path, SHARE, Listing(symbol="LATE", calendar=Calendar.ALWAYS, first=date(2021, 3, 1), last=LAST, seed=4))
    fresh = backtested(run, path, "--strategy", "hold")
    assert run("import", path).code == 0
    again = backtested(run, path, "--strategy", "hold")
    assert fresh.answer == again.answer
    assert fresh.answer["symbols"] == ["SHARE"]
    assert "LATE: the source has no bar of it up to the requested day" in fresh.answer["warnings"][0]


def test_a_symbol_with_a_fault_is_dropped_and_alone_it_is_refused(run: Run, file: Path) -> None:
    edit(file, "SHARE", "2020-03-02", "low", 0.01)
    both = backtested(run, file, "--symbols", "SHARE,BOND", "--strategy", "hold")
    assert (both.code, both.answer["symbols"]) == (0, ["BOND"])
    assert "SHARE on 2020-03-02: the low lies" in both.answer["warnings"][0]
    assert both.answer["warnings"][0].endswith("it is left out")
    alone = backtested(run, file, "--symbol", "SHARE", "--strategy", "hold")
    assert alone.code == 3
    assert alone.failure.startswith("nothing can be tested: SHARE on 2020-03-02: the low lies")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--start-date", "2021-02-27", "--end-date", "2021-02-28"], "no bar of SHARE lies between 2021-02-27 and"),
        (["--start-date", "2030-01-01"], "no bar of SHARE lies between 2030-01-01 and 2021-03-31; they run from"),
        (["--end-date", "2019-12-31"], "no bar of SHARE is dated 2019-12-31 or earlier; choose a later --end-date"),
        (["--end-date", "2020-02-28"], "the history is too short: rules needs 127 bars of a symbol before it trades"),
        (["--symbol", "SHARES"], "bars.csv has no bars of SHARES; it holds 3: SHARE, BOND, TOKEN; did you mean SHARE?"),
    ],
)
def test_a_window_without_anything_to_test_is_refused(run: Run, file: Path, options: list[str], sentence: str) -> None:
    ended = run("backtest", "--source", f"file:{file}", "--symbol", "SHARE", "--strategy", "rules", *options, "--json")
    assert ended.code == 2
    assert sentence in ended.failure


# --- twin


def test_a_twin_answers_in_the_contract_s_keys_and_touches_no_account(run: Run, file: Path) -> None:
    ended = run("twin", "--source", f"file:{file}", "--symbols", "SHARE,TOKEN", "--as-of", END, "--json")
    answer = ended.answer
    assert (ended.code, ended.err) == (0, "")
    assert set(answer) >= {"as_of", "symbols", "paths", "seed", "facts", "data_sha256", "warnings"}
    assert (answer["as_of"], answer["symbols"], answer["end"]) == (END, ["SHARE", "TOKEN"], END)
    assert {tuple(fact) for fact in answer["facts"]} == {("name", "symbol", "real", "low", "high", "twin", "pass")}
    assert run("status", "--json").answer["as_of"] is None


def test_a_twin_of_too_little_history_is_refused(run: Run, file: Path) -> None:
    ended = run("twin", "--source", f"file:{file}", "--as-of", "2020-03-31", "--json")
    assert ended.code == 2
    assert ended.failure.startswith("BOND, SHARE, TOKEN have 89 dates in common; a twin needs 252")


# --- import


def test_an_import_publishes_once_and_a_correction_as_a_revision(run: Run, file: Path) -> None:
    first = run("import", file, "--json").answer
    assert set(first) == {"published", "quarantined", "columns", "warnings"}
    assert (first["published"], first["quarantined"]) == ({"BOND": 314, "SHARE": 314, "TOKEN": 455}, [])
    assert run("import", file, "--json").answer["published"] == {"BOND": 0, "SHARE": 0, "TOKEN": 0}
    assert "Nothing new of BOND, SHARE, TOKEN" in run("import", file).out
    edit(file, "BOND", "2020-06-01", "volume", 1)
    assert run("import", file, "--json").answer["published"] == {"BOND": 1, "SHARE": 0, "TOKEN": 0}
    rows = {row["symbol"]: (row["rows"], row["revisions"]) for row in run("bars", "--json").answer["published"]}
    assert rows == {"BOND": (314, 1), "SHARE": (314, 0), "TOKEN": (455, 0)}


def test_a_symbol_with_a_fault_is_held_back_whole_until_it_is_accepted(run: Run, file: Path) -> None:
    edit(file, "SHARE", "2020-03-02", "low", 0.01)
    edit(file, "SHARE", "2020-06-01", "low", 0.01)
    held = run("import", file, "--json")
    assert (held.code, set(held.answer["published"])) == (0, {"BOND", "TOKEN"})
    assert [(row["symbol"], row["date"]) for row in held.answer["quarantined"]] == [
        ("SHARE", "2020-03-02"),
        ("SHARE", "2020-06-01"),
    ]
    assert all(set(row) == {"symbol", "date", "value", "limit", "reason"} for row in held.answer["quarantined"])
    assert {row["symbol"] for row in run("bars", "--json").answer["published"]} == {"BOND", "TOKEN"}
    one = run("import", file, "--accept", "SHARE:2020-03-02", "--reason", "seen on the tape", "--json").answer
    assert [row["date"] for row in one["quarantined"]] == ["2020-06-01"]
    both = run("import", file, "--symbol", "SHARE", "--accept", "SHARE:2020-06-01", "--reason", "that too", "--json")
    assert (both.answer["published"], both.answer["quarantined"]) == ({"SHARE": 314}, [])
    assert run("bars", "--json").answer["quarantined"] == []


def test_a_wick_that_really_traded_at_binance_is_released_by_hand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(tz=UTC)
    first, fell = now.date() - timedelta(days=100), now.date() - timedelta(days=9)
    klines = daily_klines(first, [100.0 + number % 7 for number in range(100)])
    klines[(fell - first).days][3] = "1.00000000"
    with MainSite(FakeBinance(klines={"BTCUSDT": klines}, server_time=now), tmp_path) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        asked = ("import", "binance", "--symbols", "BTCUSDT", "--json")
        held, again = run(*asked), run(*asked)
        assert (held.code, again.code) == (3, 3)
        assert held.failure == again.failure
        assert held.failure.startswith(
            f"no symbol passed the gate, so no bar was published; BTCUSDT on {fell}: the low lies"
        )
        released = run(*asked, "--accept", f"BTCUSDT:{fell}", "--reason", "seen in the trades of that hour").answer
        assert (released["published"], released["quarantined"]) == ({"BTCUSDT": 100}, [])
        assert run(*asked).answer["published"] == {"BTCUSDT": 0}


def test_a_file_is_named_as_the_store_names_its_source(run: Run, file: Path) -> None:
    assert run("import", f"file:{file}", "--json").answer["published"] == {"BOND": 314, "SHARE": 314, "TOKEN": 455}
    (source,) = {row["source"] for row in run("bars", "--json").answer["published"]}
    assert run("import", source, "--json").answer["published"] == {"BOND": 0, "SHARE": 0, "TOKEN": 0}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--accept", "SHARE:2020-03-02"], "--accept needs a --reason; say why the bar is right as it is"),
        (["--accept", "SHARE:2020-03-02", "--reason", " "], "--accept needs a --reason"),
        (["--reason", "x"], "--reason is 'x' without --accept; name the bar that is right, as SYMBOL:DATE"),
        (["--accept", "2020-03-02", "--reason", "x"], "--accept is '2020-03-02'; it must be SYMBOL:DATE"),
        (["--accept", "SHARE:soon", "--reason", "x"], "--accept is 'soon'; it must be a date"),
        (
            ["--accept", "OTHER:2020-03-02", "--reason", "x"],
            "--accept names OTHER, which is not among the symbols",
        ),
        (["--symbol", "OTHER"], "has no bars of OTHER; it holds 3"),
    ],
)
def test_an_acceptance_that_names_no_bar_or_no_reason_is_refused(
    run: Run, file: Path, options: list[str], sentence: str
) -> None:
    ended = run("import", file, *options, "--json")
    assert ended.code == 2
    assert sentence in ended.failure


def test_a_file_without_symbols_takes_the_one_that_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    write_bars(path, SHARE)
    pd.read_csv(path).drop(columns="symbol").to_csv(path, index=False)
    refused = run("import", path, "--json")
    assert (refused.code, refused.failure) == (
        2,
        f"{path} has no symbol column; name their symbol with --symbol",
    )
    assert run("import", path, "--symbol", "MINE", "--json").answer["published"] == {"MINE": 314}


def test_the_symbols_of_the_settings_are_none_of_a_file_s(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURBODMT_SYMBOLS", "BTCUSDT")
    assert run("import", file, "--json").answer["published"] == {"BOND": 314, "SHARE": 314, "TOKEN": 455}
    plain = tmp_path / "plain.csv"
    write_bars(plain, SHARE)
    pd.read_csv(plain).drop(columns="symbol").to_csv(plain, index=False)
    for named in (str(plain), f"file:{plain}"):
        refused = run("import", named, "--json")
        assert (refused.code, refused.failure) == (
            2,
            f"{plain} has no symbol column; name their symbol with --symbol",
        )
    assert {row["symbol"] for row in run("bars", "--json").answer["published"]} == {"BOND", "SHARE", "TOKEN"}


def test_a_source_by_its_name_is_imported_as_the_settings_say(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_SYMBOLS", "^IXIC")
    assert set(run("import", "sample", "--json").answer["published"]) == {"^IXIC"}
    assert set(run("import", "sample", "--symbols", "^GSPC", "--json").answer["published"]) == {"^GSPC"}


HEADER = b"date,open,high,low,close\n"


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        ("empty.csv", b"", 2, "is empty"),
        ("header.csv", HEADER, 2, "has a header and no row"),
        ("none.csv", b"symbol," + HEADER, 2, "has a header and no row"),
        ("noise.csv", bytes(range(256)) * 20, 2, "cannot be read as csv"),
        ("noise.parquet", bytes(range(256)) * 20, 2, "cannot be read as parquet"),
        ("bars.txt", HEADER, 2, "ends in '.txt'; a file of bars ends in .csv or .parquet"),
        ("ragged.csv", HEADER + b"2020-01-02,1,1\n", 2, "Expected 5 columns, got 3"),
        ("columns.csv", b"date,price\n2020-01-02,1\n", 2, "has no column open, high, low, close"),
        ("undated.csv", HEADER + b",1,1,1,1\n", 2, "no row of X has a date; fill its date column"),
        ("swapped.csv", HEADER + b"02/01/2020,1,1,1,1\n", 2, "the date in row 1 of X is '02/01/2020'"),
        ("future.csv", HEADER + b"2999-01-02,1,1,1,1\n", 2, "no bar of X is dated"),
        ("named.csv", b"symbol,date,open,high,low,close\nA B,2020-01-02,1,1,1,1\n", 2, "holds the symbol 'A B'"),
        (
            "text.csv",
            HEADER + b"2020-01-02,1,1,one,1\n",
            3,
            "open, high, low or close is missing or not a number",
        ),
        (
            "zero.csv",
            HEADER + b"2020-01-02,1,1,0,1\n",
            3,
            "open, high, low or close is not a positive, finite number",
        ),
        (
            "inf.csv",
            HEADER + b"2020-01-02,1,inf,1,1\n",
            3,
            "open, high, low or close is not a positive, finite number",
        ),
    ],
)
def test_a_file_that_is_no_record_of_bars_is_refused_and_nothing_is_published(
    run: Run, tmp_path: Path, name: str, content: bytes, code: int, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    ended = run("import", path, *(() if name in ("named.csv", "none.csv") else ("--symbol", "X")), "--json")
    assert ended.code == code
    assert sentence in ended.failure
    assert run("bars", "--json").answer["published"] == []


# --- bars, status


def test_an_empty_store_answers(run: Run) -> None:
    assert run("bars", "--json").answer == {"published": [], "quarantined": []}
    answer = run("status", "--json").answer
    assert set(answer) >= {"as_of", "equity", "cash", "positions", "open_orders", "model_id", "halted", "next_runs"}
    assert (answer["as_of"], answer["equity"], answer["positions"]) == (None, None, {})
    assert run("status").out == "Account daily has no day yet; `turbodmt daily` makes its first.\n"


# --- real bars


@needs_real
@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        (
            "eth_prefix.csv",
            3,
            "X on 2014-05-18: open, high, low or close is not a positive, finite number (446 such bars",
        ),
        ("BTCUSDT_1m_20250401_20250405.csv", 2, "a daily file has one a day, so resample it to days"),
        ("EURUSD=X_to_2008.csv", 3, "the low is above the open or the close"),
        ("SI=F_to_2011.csv", 3, "the low is above the open or the close (115 such bars"),
        ("lean_goog_to_2010.csv", 2, "has no header"),
        ("lean_qqq.csv", 2, "has no header"),
        ("yahoo_multiheader_BIL_prefix.csv", 2, "has 4 header lines"),
        ("CORN_carrydata.csv", 2, "has no column open, high, low, close"),
        ("CORN_price.csv", 2, "has no column open, high, low, close"),
        ("GAS_US_carrydata.csv", 2, "has no column open, high, low, close"),
        ("GAS_US_price.csv", 2, "has no column open, high, low, close"),
    ],
)
def test_every_dirty_file_is_refused_or_held_back(run: Run, name: str, code: int, sentence: str) -> None:
    ended = run("import", SHARED / "dirty" / name, "--symbol", "X", "--json")
    assert ended.code == code
    assert sentence in ended.failure
    assert run("bars", "--json").answer["published"] == []


@needs_real
@pytest.mark.parametrize(
    ("name", "dates"),
    [("lean_goog_to_2010.csv", ["2007-12-18", "2008-09-30"]), ("lean_qqq.csv", ["2004-12-01"])],
)
def test_with_a_header_the_faults_of_a_dirty_file_are_found(
    run: Run, tmp_path: Path, name: str, dates: list[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(b"date,open,high,low,close,volume\n" + (SHARED / "dirty" / name).read_bytes())
    assert run("import", path, "--symbol", "X", "--json").code == 3
    assert [row["date"] for row in run("bars", "--json").answer["quarantined"]] == dates


@needs_real
def test_the_whole_record_imports_and_its_known_faults_are_held_back(run: Run) -> None:
    answer = run("import", REAL, "--json").answer
    held: dict[str, list[Any]] = {}
    for row in answer["quarantined"]:
        held.setdefault(row["symbol"], []).append(row["date"])
    assert not set(held) & set(answer["published"])
    assert len(held) + len(answer["published"]) == 56
    assert {"SPY", "BTCUSDT", "TLT", "QQQ", "ETHUSDT"} <= set(answer["published"])
    assert {"ETHUSD", "GC=F", "GOOGL", "AAPL"} <= set(held)
    assert "2008-09-30" in held["GOOGL"]
    assert "2009-09-21" in held["AAPL"]
    released = [part for day in held["GOOGL"] for part in ("--accept", f"GOOGL:{day}")]
    one = run("import", REAL, "--symbol", "GOOGL", *released[:-2], "--reason", "known trades", "--json")
    assert one.code == 3
    both = run("import", REAL, "--symbol", "GOOGL", *released, "--reason", "known trades", "--json").answer
    assert (both["published"], both["quarantined"]) == ({"GOOGL": 4183}, [])


@needs_real
def test_hold_on_spy_earns_its_adjusted_return(run: Run) -> None:
    window = ("--start-date", "2015-01-01", "--end-date", "2020-12-31")
    options = ("--symbol", "SPY", "--source", f"file:{REAL}", *window, "--capital", "10000", "--strategy", "rules")
    answer = run("backtest", *options, "--json").answer
    bars = pd.read_parquet(REAL)
    bars["date"] = pd.to_datetime(bars["date"])
    bars = bars[(bars["symbol"] == "SPY") & bars["date"].between("2015-01-01", "2020-12-31")].reset_index(drop=True)
    paid = bars["open"][1] / bars["close"][0] * (1 + 2e-4)
    held = bars["adj_close"].iloc[-1] / bars["adj_close"][0]
    assert answer["benchmarks"]["hold"]["net"]["total_return"] == pytest.approx(held - paid, abs=1e-5)
    assert (answer["start"], answer["end"], answer["bars"]) == ("2015-01-02", "2020-12-31", len(bars))
    assert Decimal(answer["config"]["capital"]) == 10_000


# --- plan


def test_a_record_that_is_written_during_the_session_is_traded_up_to_the_last_closed_bar(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(
        "symbol,date,open,high,low,close\n"
        + "".join(f"SPY,{day},10,11,9,10\n" for day in ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"))
    )
    settings = load({"home": tmp_path / "home", "source": f"file:{path}"})
    ten_in_new_york = datetime(2026, 1, 8, 15, tzinfo=UTC)
    job = plan(settings, open_source(settings), Request(account="daily", as_of=None, clock=ten_in_new_york))
    assert (job.as_of, job.now) == (date(2026, 1, 7), datetime(2026, 1, 7, 21, tzinfo=UTC))
    with pytest.raises(RequestRefused, match="--as-of is 2026-01-08, after the last closed bar of file:"):
        plan(
            settings,
            open_source(settings),
            Request(account="daily", as_of=date(2026, 1, 8), clock=ten_in_new_york),
        )


@pytest.mark.parametrize("later", [0, 1, 4000])
@pytest.mark.parametrize(
    "command", [("backtest",), ("backtest", "--grid"), ("audit", "lookahead", "--days", "2")], ids=" ".join
)
def test_a_window_that_reaches_today_ends_with_the_last_closed_bar(
    run: Run, tmp_path: Path, command: tuple[str, ...], later: int
) -> None:
    path, grid, today = tmp_path / "bars.csv", tmp_path / "grid.toml", datetime.now(tz=UTC).date()
    first = today - timedelta(days=400)
    write_bars(path, Listing(symbol="COIN", calendar=Calendar.ALWAYS, first=first, last=today, seed=5))
    grid.write_text("neutral_zone = [0.0, 0.03]\n")
    asked = [*command, grid] if command[-1] == "--grid" else list(command)
    options = ("--source", f"file:{path}", "--strategy", "rules")
    ended = run(*asked, *options, "--end-date", today + timedelta(days=later), "--json")
    assert ended.code == 0, ended.err
    assert ended.answer["end"] == str(today - timedelta(days=1))


# --- models and promote


def registered(home: Path) -> str:
    """The id of a registered model whose file this version cannot read."""
    model_id = model_store.save(home, {"weight": np.zeros(3)}, {})
    record = ModelRecord(
        model_id=model_id,
        source="sample",
        symbols=("^GSPC", "^IXIC"),
        strategy="turbo",
        trained_from=FIRST,
        trained_to=LAST,
        created_at=datetime(2021, 4, 1, tzinfo=UTC),
        seed=7,
        config="{}",
        code_version="test",
        data_sha256="ab",
        validation="{}",
    )
    with connect(home) as store:
        model_store.register(store, record)
    return model_id


def test_models_lists_the_registry_and_the_prior(run: Run, home: Path) -> None:
    model_id = registered(home)
    answer = run("models", "--json").answer
    assert [(one["model_id"], one["state"]) for one in answer["models"]] == [
        (model_id, "challenger"),
        ("prior", "champion"),
    ]
    assert run("models", "--source", "binance", "--symbols", "BTCUSDT", "--json").answer["models"] == [
        {**answer["models"][1], "source": "binance", "symbols": ["BTCUSDT"]}
    ]
    panel, _, listed = run("models").out.splitlines()[:3]
    assert panel == "turbo on ^GSPC, ^IXIC of sample"
    assert listed.split()[:2] == [model_id[:12], "challenger"]


def test_a_model_that_cannot_be_read_is_not_promoted(run: Run, home: Path) -> None:
    model_id = registered(home)
    ended = run("promote", model_id[:8], "--reason", "why", "--json")
    assert ended.code == 6
    assert ended.failure.startswith(f"model {model_id[:12]} was made by another version (it lacks 'config'); run `turb")
    (home / "models" / f"{model_id}.safetensors").unlink()
    assert run("promote", model_id[:8], "--reason", "why").code == 6


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("1234567", "model '1234567' has 7 characters; give at least 8 of its id"),
        ("12345678", "no registered model has an id that begins with 12345678; `turbodmt models --json`"),
    ],
)
def test_an_unknown_model_is_not_promoted(run: Run, model: str, sentence: str) -> None:
    ended = run("promote", model, "--reason", "why", "--json")
    assert (ended.code, ended.failure[: len(sentence)]) == (2, sentence)


def test_promoting_what_trades_already_changes_nothing(run: Run) -> None:
    ended = run("promote", "prior", "--reason", "to be sure")
    assert (ended.code, ended.out) == (
        0,
        "The prior trades ^GSPC, ^IXIC of sample already (nothing was ever promoted); nothing has changed.\n",
    )
    answer = run("promote", "prior", "--reason", "to be sure", "--symbols", "^IXIC", "--json").answer
    assert (answer["symbols"], answer["changed"]) == (["^IXIC"], False)


def test_the_largest_capital_buys_the_cheapest_token(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "cheap.csv"
    bars = record(TOKEN)
    prices = ["open", "high", "low", "close"]
    bars[prices] = (bars[prices] / bars["close"].iloc[0] * 1e-6).map("{:.14f}".format)
    bars.assign(volume=1e20).rename(columns={"open_time": "date"}).to_csv(path, index=False)
    ended = run(
        "backtest",
        "--source",
        f"file:{path}",
        "--strategy",
        "hold",
        "--capital",
        "1000000000000",
        "--start-date",
        START,
        "--json",
    )
    assert ended.code == 0
    assert ended.answer["net"]["turnover_per_year"] > 0
