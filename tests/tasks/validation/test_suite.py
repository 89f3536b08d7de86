import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange.bars.files import FileBars
from exchange.bars.sample import SampleBars
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar
from strategy.work_progress import listening
from tasks.validation.measures import measure
from tasks.validation.suite import BAR_CHECKS, MOST_FINDINGS, SHAPE_CHECKS, Context, Verdict, _gate, judge, judge_all

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the development data is not at {DATA}")

FIRST = date(2020, 1, 1)
ROWS = 120
LAST = FIRST + timedelta(days=ROWS - 1)
NOW = datetime(2020, 12, 31, tzinfo=UTC)
CONTEXT = Context(symbol="X", calendar=Calendar.ALWAYS, as_of=LAST, now=NOW)


def test_great_expectations_reports_to_nobody_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    _gate.cache_clear()
    _gate()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def window(rows: int = ROWS, first: date = FIRST) -> pd.DataFrame:
    """Clean bars around the clock: a wavy close, each bar 1 % wide on both sides."""
    close = 100.0 + 5.0 * np.sin(np.arange(rows))
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "symbol": pd.Series(["X"] * rows, dtype="str"),
            "open_time": pd.date_range(str(first), periods=rows, unit="us"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
            "volume": 1000.0,
            "adj_close": np.nan,
        }
    )[list(BAR_COLUMNS)]


def spoiled(row: int, **values: object) -> pd.DataFrame:
    bars = window()
    for name, value in values.items():
        bars.loc[row, name] = value
    return bars


def breaks(*windows: tuple[pd.DataFrame, Context]) -> list[set[str]]:
    """Return which expectations hold each window back."""
    return [broken(verdict) for verdict in judge_all(windows)]


def broken(verdict: Verdict) -> set[str]:
    return {finding.expectation for finding in verdict.findings}


def day(row: int) -> date:
    return FIRST + timedelta(days=row)


def test_clean_bars_pass_without_a_word():
    verdict = judge(window(), CONTEXT)
    assert verdict.passed
    assert verdict.findings == verdict.warnings == ()
    assert set(verdict.checks) == {check.name for check in SHAPE_CHECKS + BAR_CHECKS}
    assert all(verdict.checks.values())


def test_one_bad_bar_is_named_with_date_value_and_limit():
    cases = [
        ({"close": np.nan}, "prices_known", "close nan", "4 prices"),
        ({"open": 0.0}, "prices_positive", "open 0", "above 0"),
        ({"low": -5.0}, "prices_positive", "low -5", "above 0"),
        ({"high": np.inf}, "prices_positive", "high inf", "finite"),
        ({"low": 110.0}, "low_at_most_open_close", "low 110", "at most open"),
        ({"high": 90.0}, "high_at_least_open_close", "high 90", "at least open"),
        ({"volume": -1.0}, "volume_not_negative", "volume -1", "0 or more"),
        ({"low": 1.0}, "low_near_open_close", "low 1 under open", "or more"),
        ({"high": 9_000.0}, "high_near_open_close", "high 9000 over open", "or less"),
    ]
    verdicts = judge_all([(spoiled(60, **values), CONTEXT) for values, *_ in cases])
    for (_, expectation, value, limit), verdict in zip(cases, verdicts, strict=True):
        (found,) = verdict.findings
        assert (found.symbol, found.expectation, found.open_time) == ("X", expectation, day(60))
        assert value in found.value
        assert limit in found.limit
        assert not verdict.checks[expectation]


def test_a_bar_dated_before_the_row_above_is_out_of_place():
    verdict = judge(spoiled(60, open_time=pd.Timestamp("2020-02-10")), CONTEXT)
    assert broken(verdict) == {"dates_increasing", "dates_unique", "sessions_complete"}
    (found,) = [finding for finding in verdict.findings if finding.expectation == "dates_increasing"]
    assert (found.open_time, found.value) == (date(2020, 2, 10), "-19 days after the row before")


def test_a_date_that_cannot_be_placed_has_no_date_in_the_finding():
    verdict = judge(spoiled(60, open_time=pd.NaT), CONTEXT)
    found = {finding.expectation: finding for finding in verdict.findings}
    assert found["date_known"].open_time is None
    assert found["sessions_complete"].open_time == day(60)


def test_several_bars_of_one_date_are_all_named():
    bars = pd.concat([window().iloc[:61], window().iloc[60:]], ignore_index=True)
    verdict = judge(bars, CONTEXT)
    assert broken(verdict) == {"dates_unique"}
    assert [finding.open_time for finding in verdict.findings] == [day(60), day(60)]


def test_the_same_date_in_two_symbols_is_no_duplicate():
    other = window().assign(symbol="Y")
    verdicts = judge_all([(window(), CONTEXT), (other, replace(CONTEXT, symbol="Y"))])
    assert [verdict.passed for verdict in verdicts] == [True, True]


def test_good_symbols_go_on_beside_bad_ones():
    windows = [
        (window(), CONTEXT),
        (spoiled(3, low=np.nan), CONTEXT),
        (window().drop(columns="low"), CONTEXT),
        (window().iloc[:0], CONTEXT),
        (window(), CONTEXT),
    ]
    verdicts = judge_all(windows)
    assert [broken(verdict) for verdict in verdicts] == [
        set(),
        {"prices_known"},
        {"columns_typed"},
        {"rows_present"},
        set(),
    ]


def test_a_missing_or_mistyped_column_is_named():
    verdict = judge(window().drop(columns="low").assign(close="1.0"), CONTEXT)
    assert [finding.value for finding in verdict.findings] == ["low: missing", "close: str"]
    assert {finding.open_time for finding in verdict.findings} == {None}


def test_dates_with_a_time_zone_are_mistyped():
    bars = window()
    verdict = judge(bars.assign(open_time=bars["open_time"].dt.tz_localize("UTC")), CONTEXT)
    assert broken(verdict) == {"columns_typed"}


def test_rows_of_another_symbol_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="the window of Y holds rows of X"):
        judge(window(), replace(CONTEXT, symbol="Y"))


def test_bars_after_as_of_are_refused():
    verdict = judge(window(), replace(CONTEXT, as_of=day(117)))
    assert [(finding.expectation, finding.open_time) for finding in verdict.findings] == [
        ("bar_closed", day(118)),
        ("bar_closed", day(119)),
    ]


def test_a_bar_whose_session_has_not_ended_is_refused():
    almost = datetime(LAST.year, LAST.month, LAST.day, 23, 59, tzinfo=UTC)
    early, ended = replace(CONTEXT, now=almost), replace(CONTEXT, now=almost + timedelta(minutes=1))
    assert breaks((window(), early), (window(), ended)) == [{"bar_closed"}, set()]


def test_a_missing_session_is_dated_where_it_should_be():
    verdict = judge(window().drop(index=[60, 61]), CONTEXT)
    (finding,) = verdict.findings
    assert (finding.expectation, finding.open_time) == ("sessions_complete", day(60))
    assert finding.value == f"2 sessions missing before the bar of {day(62)}"


def test_sessions_between_since_or_history_and_the_first_bar_are_missed():
    late = window().iloc[63:]
    history = window().iloc[:60]
    assert breaks(
        (late, CONTEXT),
        (late, replace(CONTEXT, since=day(62))),
        (late, replace(CONTEXT, since=day(63))),
        (late, replace(CONTEXT, history=history)),
        (window().iloc[60:], replace(CONTEXT, history=history)),
    ) == [set(), {"sessions_complete"}, set(), {"sessions_complete"}, set()]


def test_new_york_holidays_are_no_holes_and_bars_on_them_are_wrong():
    bars = window()
    bars = bars[np.is_busday(bars["open_time"].to_numpy().astype("datetime64[D]"))]
    context = replace(CONTEXT, calendar=Calendar.XNYS)
    verdict = judge(bars, context)
    assert [(finding.expectation, str(finding.open_time)) for finding in verdict.findings] == [
        ("on_a_session", "2020-01-01"),
        ("on_a_session", "2020-01-20"),
        ("on_a_session", "2020-02-17"),
        ("on_a_session", "2020-04-10"),
    ]
    held = bars[~bars["open_time"].isin(pd.to_datetime([finding.open_time for finding in verdict.findings]))]
    assert breaks((held, context), (held.drop(index=held.index[40]), context)) == [set(), {"sessions_complete"}]


def test_weekday_calendars_leave_room_for_unknown_holidays():
    bars = window()
    bars = bars[np.is_busday(bars["open_time"].to_numpy().astype("datetime64[D]"))].reset_index(drop=True)
    context = replace(CONTEXT, calendar=Calendar.WEEKDAYS)
    assert breaks(
        (bars.drop(index=range(20, 25)), context), (bars.drop(index=range(20, 26)), context), (window(), context)
    ) == [set(), {"sessions_complete"}, {"on_a_session"}]


def test_before_1970_new_york_is_judged_by_weekdays():
    days = pd.bdate_range("1960-01-04", periods=60, unit="us")
    bars = window(60).assign(open_time=days).drop(index=35).reset_index(drop=True)
    context = Context(symbol="X", calendar=Calendar.XNYS, as_of=days[-1].date(), now=NOW)
    assert judge(bars, context).passed


def test_a_series_that_ends_early_is_stale():
    late, fresh = replace(CONTEXT, as_of=day(125), fresh_until=day(121)), replace(CONTEXT, fresh_until=LAST)
    stale, reached = judge_all([(window(), late), (window(), fresh)])
    assert reached.passed
    (finding,) = stale.findings
    assert (finding.expectation, finding.open_time) == ("fresh", LAST)
    assert finding.limit == f"{day(121)} or later"


def test_single_flat_bars_warn_and_a_run_of_five_fails():
    def flattened(rows: range) -> pd.DataFrame:
        bars = window()
        for name in ("open", "high", "low"):
            bars.loc[list(rows), name] = bars.loc[list(rows), "close"]
        return bars

    rows = [range(60, 64), range(60, 65), range(30, 90, 4), range(30, 94, 4)]
    calm, run, spread, crowd = judge_all([(flattened(row), CONTEXT) for row in rows])
    assert calm.passed
    assert {finding.expectation for finding in calm.warnings} == {"no_flat_bar"}
    assert [(finding.expectation, finding.open_time) for finding in run.findings] == [("few_flat_bars", day(64))]
    assert spread.passed
    assert broken(crowd) == {"few_flat_bars"}


def test_copies_of_the_bar_before_warn_and_a_run_of_five_fails():
    def copied(count: int) -> pd.DataFrame:
        bars = window()
        names = ["open", "high", "low", "close", "volume"]
        bars.loc[60 : 59 + count, names] = bars.loc[59, names].to_numpy(dtype=float)
        return bars

    traded = copied(5).assign(volume=np.arange(float(ROWS)))
    four, five, by_volume = judge_all([(bars, CONTEXT) for bars in (copied(4), copied(5), traded)])
    assert four.passed
    assert {finding.expectation for finding in four.warnings} == {"no_repeated_bar"}
    assert broken(five) == {"few_repeated_bars"}
    assert by_volume.warnings == ()


def test_a_split_that_the_adjusted_close_tells_is_no_move():
    bars = window()
    bars["adj_close"] = bars["close"]
    bars.loc[60:, ["open", "high", "low", "close"]] *= 0.25
    assert judge(bars, CONTEXT).warnings == ()


def test_a_large_move_alone_only_warns():
    bars = window()
    bars.loc[60:, ["open", "high", "low", "close"]] *= 0.2
    verdict = judge(bars, CONTEXT)
    assert verdict.passed
    (finding,) = verdict.warnings
    assert (finding.expectation, finding.open_time) == ("usual_move", day(60))
    found, limit = (float(text.partition("%")[0]) for text in (finding.value, finding.limit))
    assert -100 < found < limit < 0


def test_the_verdict_on_a_bar_is_the_same_in_a_short_window_with_history():
    bars = spoiled(118, low=2.0)
    short = replace(CONTEXT, history=bars.iloc[:-6])
    daily, whole = judge_all([(bars.iloc[-6:], short), (bars, CONTEXT)])
    assert daily.findings == whole.findings
    assert len(whole.findings) == 1


def test_overlapping_history_is_not_taken_for_the_past():
    assert judge(window().iloc[-6:], replace(CONTEXT, history=window(), since=day(114))).passed


def test_a_first_bar_is_judged_by_the_widest_limit_alone():
    wide, wild = spoiled(0, low=30.0, high=300.0), spoiled(0, low=9.0)
    assert breaks((wide, CONTEXT), (wild, CONTEXT)) == [set(), {"low_near_open_close"}]


def test_the_wick_limit_follows_the_scale_and_the_width_of_the_series():
    broad = spoiled(60, low=60.0)
    narrow = broad.copy()
    narrow["close"] = 100.0 + 0.01 * np.sin(np.arange(ROWS))
    narrow["open"], narrow["high"], narrow["low"] = 100.0, 100.02, 99.98
    narrow.loc[60, "low"] = 97.0
    tiny = narrow.copy()
    tiny[["open", "high", "low", "close"]] *= 1e-6
    assert breaks((broad, CONTEXT), (narrow, CONTEXT), (tiny, CONTEXT)) == [
        set(),
        {"low_near_open_close"},
        {"low_near_open_close"},
    ]


def test_accepted_dates_are_waived_but_not_what_no_account_could_use():
    accepted = replace(CONTEXT, accepted=frozenset({day(60)}))
    bars = [spoiled(60, low=1.0), spoiled(61, low=1.0), spoiled(60, close=np.nan), window().drop(index=60)]
    waived, other_date, impossible, hole = judge_all([(one, accepted) for one in bars])
    assert waived.passed
    assert [finding.open_time for finding in waived.warnings] == [day(60)]
    assert not waived.checks["low_near_open_close"]
    assert broken(other_date) == {"low_near_open_close"}
    assert broken(impossible) == {"prices_known"}
    assert hole.passed


def test_an_adjusted_close_must_be_a_price_on_every_bar_or_on_none():
    known = window().assign(adj_close=50.0)
    partly = known.copy()
    partly.loc[60, "adj_close"] = np.nan
    assert breaks((known, CONTEXT), (partly, CONTEXT), (spoiled(60, adj_close=0.0), CONTEXT)) == [
        set(),
        {"adjusted_close_positive"},
        {"adjusted_close_positive"},
    ]


def test_the_last_bit_of_an_adjusted_series_is_no_fault():
    bars = window()
    bars["low"] = np.nextafter(bars[["open", "close"]].min(axis=1), np.inf)
    bars["high"] = np.nextafter(bars[["open", "close"]].max(axis=1), 0.0)
    assert judge(bars, CONTEXT).passed


def test_many_findings_are_cut_and_counted():
    verdict = judge(window().assign(volume=-1.0), CONTEXT)
    assert len(verdict.findings) == MOST_FINDINGS
    assert all(
        f"({ROWS} such bars; the first {MOST_FINDINGS} are listed)" in finding.reason for finding in verdict.findings
    )


def random_window(seed: int) -> pd.DataFrame:
    """Bars with a few faults anywhere, of any kind."""
    chance = np.random.default_rng(seed)
    bars = window(40)
    for _ in range(int(chance.integers(0, 4))):
        row, name = (
            int(chance.integers(0, 40)),
            str(chance.choice(["open", "high", "low", "close", "volume", "adj_close"])),
        )
        bars.loc[row, name] = chance.choice([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300, 90.0, 110.0])
    if chance.random() < 0.3:
        stamp = [pd.NaT, pd.Timestamp("1600-01-01"), pd.Timestamp("9999-12-31"), pd.Timestamp("2020-01-10")]
        bars.loc[int(chance.integers(0, 40)), "open_time"] = stamp[int(chance.integers(0, 4))]
    return bars.sample(frac=1.0, random_state=seed) if chance.random() < 0.2 else bars


def test_whatever_is_in_a_bar_the_gate_answers_and_what_passes_makes_bars():
    windows = [random_window(seed) for seed in range(100)]
    verdicts = judge_all([(bars, replace(CONTEXT, as_of=day(39))) for bars in windows])
    passed = 0
    for bars, verdict in zip(windows, verdicts, strict=True):
        assert verdict.passed == (not verdict.findings)
        if verdict.passed:
            passed += 1
            columns = {name: bars[name].to_numpy() for name in ("open_time", "open", "high", "low", "close", "volume")}
            assert len(Bars(symbol="X", factor=np.ones(40), **columns)) == 40
    assert 10 < passed < 90


def test_the_suite_answers_with_the_fields_the_gate_reads():
    definition, suites = _gate()
    rows = pd.concat([window(8), window(8).iloc[-1:]], ignore_index=True).assign(window=0)
    for check in BAR_CHECKS:
        if check.column not in rows.columns:
            rows[check.column] = 0.0
    rows["low_excess"] = [0.0, 1.0, 0.0, np.nan, 1.0, 0.0, 0.0, 0.0, 0.0]
    outcome = definition.get_batch({"dataframe": rows}).validate(
        suites["bars"], result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False}
    )
    answers = {result.expectation_config.meta["check"]: result for result in outcome.results}
    assert answers["low_at_most_open_close"].result["unexpected_index_list"] == [1, 4]
    assert answers["low_at_most_open_close"].success is False
    assert answers["dates_unique"].result["unexpected_index_list"] == [7, 8]
    assert answers["date_known"].success is True
    assert all(result.exception_info["raised_exception"] is False for result in outcome.results)


def from_source(source: SampleBars | FileBars, symbols: tuple[str, ...]) -> list[tuple[pd.DataFrame, Context]]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bars = source.fetch(BarRequest(since=dict.fromkeys(symbols), until=date(2030, 1, 1), now=now))
    return [
        (
            rows,
            Context(
                symbol=instrument.symbol, calendar=instrument.calendar, as_of=rows["open_time"].max().date(), now=now
            ),
        )
        for instrument in source.instruments(symbols)
        for rows in [bars[bars["symbol"] == instrument.symbol]]
    ]


def test_the_sample_passes():
    source = SampleBars()
    assert [verdict.findings for verdict in judge_all(from_source(source, source.symbols()))] == [(), ()]


@needs_data
def test_of_the_real_file_only_known_faults_are_held_back():
    source = FileBars(DATA / "ohlcv_daily.parquet")
    windows = from_source(source, source.symbols())
    verdicts = {verdict.symbol: verdict for verdict in judge_all(windows)}
    assert len(verdicts) == 56
    held = {symbol: broken(verdict) for symbol, verdict in verdicts.items() if not verdict.passed}
    touching = {"low_at_most_open_close", "high_at_least_open_close"}
    calendar = {"on_a_session", "sessions_complete"}
    assert held == {
        "AAPL": {"low_near_open_close"},
        "BIL": {"high_near_open_close"},
        "BTCUSD": touching,
        "ETHUSD": touching | {"high_near_open_close"},
        "GBPUSD=X": touching | {"low_near_open_close"},
        "GC=F": touching | calendar | {"few_flat_bars"},
        "GOOGL": {"low_near_open_close"},
        "SI=F": touching | calendar | {"few_flat_bars"},
        "VTI": {"low_near_open_close"},
        "^GSPC": {"few_flat_bars"},
        "^VIX": {"few_flat_bars"},
    }
    assert [str(finding.open_time) for finding in verdicts["GOOGL"].findings] == ["2007-12-18", "2008-09-30"]
    assert [str(finding.open_time) for finding in verdicts["AAPL"].findings] == [
        "2009-09-21",
        "2010-08-31",
        "2011-01-03",
    ]
    assert "usual_move" in {finding.expectation for finding in verdicts["SPY"].warnings}
    wicks = {
        context.symbol: float(measure(bars, context)[["low_wick", "high_wick"]].max(axis=None))
        for bars, context in windows
    }
    assert max(wick for symbol, wick in wicks.items() if symbol not in held) < 0.7
    assert min(wicks[symbol] for symbol in ("AAPL", "BIL", "GOOGL", "VTI")) > 2.0


@needs_data
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BTCUSDT_1m_20250401_20250405.csv", "a daily file has one a day"),
        ("CORN_carrydata.csv", "has no column open, high, low, close"),
        ("CORN_price.csv", "has no column open, high, low, close"),
        ("GAS_US_carrydata.csv", "has no column open, high, low, close"),
        ("GAS_US_price.csv", "has no column open, high, low, close"),
        ("lean_goog_to_2010.csv", "has no header"),
        ("lean_qqq.csv", "has no header"),
        ("yahoo_multiheader_BIL_prefix.csv", "has 4 header lines"),
    ],
)
def test_dirty_files_that_are_no_daily_bars_are_refused(name, reason):
    with pytest.raises(SourceRefused, match=reason):
        from_source(FileBars(DATA / "dirty" / name, "X"), ("X",))


@needs_data
def test_dirty_files_with_bad_bars_are_held_back():
    cases = {
        "eth_prefix.csv": {"prices_positive", "high_at_least_open_close"},
        "EURUSD=X_to_2008.csv": {"sessions_complete", "low_near_open_close"},
        "SI=F_to_2011.csv": {"high_at_least_open_close", "few_flat_bars"},
    }
    windows = [from_source(FileBars(DATA / "dirty" / name, "X"), ("X",))[0] for name in cases]
    for expected, found in zip(cases.values(), breaks(*windows), strict=True):
        assert expected <= found


def test_text_that_is_no_number_is_shown_where_it_holds_a_bar_back() -> None:
    bars = window().assign(unread="")
    bars.loc[40, "unread"] = "open '$99.98'; volume '1,234'"
    bars.loc[40, "open"] = np.nan
    bars.loc[41, "unread"] = "volume '0.46M'"
    found = {(finding.expectation, finding.open_time): finding.value for finding in judge(bars, CONTEXT).findings}
    assert found["prices_known", day(40)].startswith("open '$99.98', high 10")
    assert found["cells_read", day(40)] == "volume '1,234'"
    assert found["cells_read", day(41)] == "volume '0.46M'"


def test_windows_judged_in_parts_get_the_verdicts_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = [
        window(),
        spoiled(50, high=1e6),
        window().iloc[:0],
        window().drop(columns="close"),
        spoiled(7, close=-1.0),
    ]
    windows = [(rows, replace(CONTEXT, accepted=frozenset({day(7)}))) for rows in spoilt]
    together = judge_all(windows)
    steps: list[int] = []
    for rows_at_once in (1, ROWS + 1):
        monkeypatch.setattr("tasks.validation.suite.ROWS_AT_ONCE", rows_at_once)
        with listening(lambda step: steps.append(step.done)):
            assert judge_all(windows) == together
        assert steps[-1] == len(windows)
