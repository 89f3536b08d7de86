from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange import ports
from storage.bars import published as bars
from storage.bars import quarantine, staging
from storage.database import DATABASE_NAME, connect
from storage.errors import StoreError
from strategy.market.findings import Finding
from testing.markets.deliveries import AT, END, deliver, delivery

LATER = datetime(2020, 2, 2, tzinfo=UTC)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "ohlcv_daily.parquet"


def test_both_floors_speak_of_the_same_columns() -> None:
    assert staging.BAR_COLUMNS == ports.BAR_COLUMNS


def test_published_bars_come_back_as_they_were_delivered(home: Path) -> None:
    with connect(home) as store:
        assert deliver(store, delivery("A", "2020-01-01", [10.0, 11.0])) == 2
        loaded = bars.load(store, "test", ["A", "B"], until=END)
    assert list(loaded) == ["A"]
    assert loaded["A"].open_time.tolist() == [datetime(2020, 1, 1), datetime(2020, 1, 2)]  # noqa: DTZ001 - numpy's UTC
    assert loaded["A"].open_time.dtype == np.dtype("datetime64[us]")
    assert loaded["A"].close.tolist() == [10.0, 11.0]
    assert loaded["A"].high.tolist() == [11.0, 12.0]
    assert loaded["A"].factor.tolist() == [1.0, 1.0]
    assert type(loaded["A"].volume) is np.ndarray
    assert np.isnan(loaded["A"].volume).all()


def test_a_second_delivery_of_the_same_bars_is_no_news(home: Path) -> None:
    frame = delivery("A", "2020-01-01", [10.0, 11.0])
    with connect(home) as store:
        deliver(store, frame)
        assert staging.stage(store, "test", frame, ingested_at=LATER) == {"A": 0}
        assert staging.staged_symbols(store, "test") == ()
        assert bars.publish(store, "test", "A", ingested_at=LATER) == 0


def test_staged_rows_keep_order_and_faults(home: Path) -> None:
    frame = delivery("A", "2020-01-01", [10.0, 11.0, 12.0]).iloc[[2, 0, 0, 1]].reset_index(drop=True)
    frame.loc[3, ["open_time", "close"]] = [pd.NaT, np.nan]
    with connect(home) as store:
        assert staging.stage(store, "test", frame, ingested_at=AT) == {"A": 4}
        staged = staging.staged(store, "test", "A")
    assert tuple(staged.columns) == staging.BAR_COLUMNS
    pd.testing.assert_frame_equal(staged, frame, check_dtype=False)


def test_a_new_bar_is_staged_with_five_bars_before_it(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [float(i) for i in range(10, 20)]))
        longer = delivery("A", "2020-01-01", [float(i) for i in range(10, 21)])
        assert staging.stage(store, "test", longer, ingested_at=LATER) == {"A": 6}
        assert staging.staged(store, "test", "A")["close"].tolist() == [15.0, 16.0, 17.0, 18.0, 19.0, 20.0]
        assert bars.publish(store, "test", "A", ingested_at=LATER) == 1
        assert bars.last_published(store, "test", ["A", "B"]) == {"A": date(2020, 1, 11)}


def test_a_new_delivery_replaces_what_was_staged(home: Path) -> None:
    with connect(home) as store:
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0, 11.0, 12.0]), ingested_at=AT)
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0, 11.0]), ingested_at=LATER)
        assert len(staging.staged(store, "test", "A")) == 2


def test_a_changed_bar_is_a_new_revision_and_the_old_one_is_kept(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [10.0, 11.0, 12.0]))
        assert deliver(store, delivery("A", "2020-01-01", [10.0, 11.5, 12.0]), LATER) == 1
        assert bars.load(store, "test", ["A"], until=END)["A"].close.tolist() == [10.0, 11.5, 12.0]
        kept = store.execute("SELECT revision, close FROM bars WHERE open_time = '2020-01-02' ORDER BY revision")
        assert kept.fetchall() == [(0, 11.0), (1, 11.5)]
        assert [(row.rows, row.revisions) for row in bars.published_counts(store)] == [(3, 1)]


def test_a_bar_that_changed_twice_stands_in_its_last_form(home: Path) -> None:
    with connect(home) as store:
        for close in (11.0, 11.5, 11.0):
            deliver(store, delivery("A", "2020-01-01", [10.0, close]))
        assert bars.load(store, "test", ["A"], until=END)["A"].close.tolist() == [10.0, 11.0]
        assert store.execute("SELECT max(revision) FROM bars").fetchone() == (2,)


def test_older_history_is_published_around_what_stands(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-03", [12.0, 13.0], [6.0, 13.0]))
        assert deliver(store, delivery("A", "2020-01-01", [10.0, 11.0, 12.0, 13.0], [2.5, 2.75, 6.0, 13.0])) == 2
        assert bars.load(store, "test", ["A"], until=END)["A"].factor.tolist() == [0.5, 0.5, 1.0, 2.0]


def test_a_bar_the_source_no_longer_has_stays(home: Path) -> None:
    with connect(home) as store:
        frame = delivery("A", "2020-01-01", [10.0, 11.0, 12.0])
        deliver(store, frame)
        assert staging.stage(store, "test", frame.drop(index=1), ingested_at=LATER) == {"A": 0}
        assert len(bars.load(store, "test", ["A"], until=END)["A"]) == 3


def test_bars_day_by_day_are_the_bars_at_once(home: Path, tmp_path: Path) -> None:
    close = [100.0, 102.0, 51.5, 52.0, 53.0, 54.0, 53.5, 52.0]
    adjusted = [49.0, 50.0, 51.0, 51.5, 52.0, 54.0, 53.5, 52.0]
    whole = delivery("A", "2020-01-01", close, adjusted)
    with connect(tmp_path / "once") as store:
        deliver(store, whole)
        once = bars.load(store, "test", ["A"], until=END)["A"]
    with connect(home) as store:
        for day in range(1, len(close) + 1):
            assert deliver(store, whole.iloc[max(0, day - 3) : day]) == 1
        daily = bars.load(store, "test", ["A"], until=END)["A"]
    assert daily.factor.tolist() == once.factor.tolist()
    assert daily.close.tolist() == once.close.tolist()


def test_a_rebase_by_a_dividend_changes_nothing_published(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [100.0, 101.0, 102.0], [100.0, 101.0, 102.0]))
        # On the fourth day a dividend of 2 % is paid: the source scales all earlier adjusted closes.
        rebased = delivery("A", "2020-01-01", [100.0, 101.0, 102.0, 100.0], [98.0, 98.98, 99.96, 100.0])
        assert deliver(store, rebased, LATER) == 1
        factor = bars.load(store, "test", ["A"], until=END)["A"].factor
    assert factor.tolist() == pytest.approx([1.0, 1.0, 1.0, 1 / 0.98], rel=1e-12)
    assert factor[:3].tolist() == [1.0, 1.0, 1.0]


def test_a_rebase_alone_is_no_change(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [100.0, 101.0, 102.0], [100.0, 101.0, 102.0]))
        rebased = delivery("A", "2020-01-01", [100.0, 101.0, 102.0], [25.0, 25.25, 25.5])
        assert staging.stage(store, "test", rebased, ingested_at=LATER) == {"A": 0}


def test_a_restated_adjustment_is_a_revision_from_where_it_breaks(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [100.0, 101.0, 102.0, 103.0], [100.0, 101.0, 102.0, 103.0]))
        # The source had forgotten a dividend that fell on the third day.
        corrected = delivery("A", "2020-01-01", [100.0, 101.0, 102.0, 103.0], [80.0, 80.8, 102.0, 103.0])
        assert deliver(store, corrected, LATER) == 2
        assert bars.load(store, "test", ["A"], until=END)["A"].factor.tolist() == pytest.approx([1.0, 1.0, 1.25, 1.25])
        assert deliver(store, corrected, LATER) == 0


def test_a_row_that_no_bar_can_be_is_unpublishable_and_nothing_is_written(home: Path) -> None:
    for broken, said in (("close", "close on 2020-01-02 is 0.0"), ("open_time", "has no date")):
        frame = delivery("A", "2020-01-01", [10.0, 11.0])
        frame.loc[1, broken] = pd.NaT if broken == "open_time" else 0.0
        with connect(home) as store:
            staging.stage(store, "test", frame, ingested_at=AT)
            with pytest.raises(bars.BarsUnpublishable, match=said):
                bars.publish(store, "test", "A", ingested_at=AT)
            assert bars.last_published(store, "test", ["A"]) == {}
            assert len(staging.staged(store, "test", "A")) == 2


def test_of_a_date_delivered_twice_the_later_row_counts(home: Path) -> None:
    twice = pd.concat([delivery("A", "2020-01-01", [10.0]), delivery("A", "2020-01-01", [10.5])])
    with connect(home) as store:
        assert deliver(store, twice) == 1
        assert bars.load(store, "test", ["A"], until=END)["A"].close.tolist() == [10.5]


def test_publishing_ends_the_quarantine_and_so_does_a_delivery_without_news(home: Path) -> None:
    finding = Finding(
        symbol="A", open_time=date(2020, 1, 3), expectation="low", value="0.01", limit="5", reason="far too low"
    )
    inspection = quarantine.Inspection(run_id="r", source="test", symbol="A", checked_at=AT)
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [10.0, 11.0]))
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0, 11.0, 12.0]), ingested_at=AT)
        quarantine.quarantine(store, inspection, [finding])
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0, 11.0]), ingested_at=LATER)
        assert quarantine.quarantined(store) == ()
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0, 11.0, 12.0]), ingested_at=AT)
        quarantine.quarantine(store, inspection, [finding])
        assert bars.publish(store, "test", "A", ingested_at=LATER) == 1
        assert quarantine.quarantined(store) == ()


def test_a_frame_without_a_column_or_a_symbol_is_refused(home: Path) -> None:
    frame = delivery("A", "2020-01-01", [10.0])
    with connect(home) as store:
        with pytest.raises(ValueError, match="lacks volume"):
            staging.stage(store, "test", frame.drop(columns="volume"), ingested_at=AT)
        with pytest.raises(ValueError, match="lacks its symbol"):
            staging.stage(store, "test", frame.assign(symbol=None), ingested_at=AT)


def test_an_empty_delivery_stages_nothing(home: Path) -> None:
    with connect(home) as store:
        staging.stage(store, "test", delivery("A", "2020-01-01", [10.0]), ingested_at=AT)
        assert staging.stage(store, "test", delivery("A", "2020-01-01", [10.0]).iloc[:0], ingested_at=AT) == {}
        assert staging.staged_symbols(store, "test") == ("A",)


def test_bars_are_cut_at_the_end_and_to_the_newest(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [10.0, 11.0, 12.0, 13.0]))
        deliver(store, delivery("B", "2020-01-03", [20.0]))
        loaded = bars.load(store, "test", ["B", "A"], until=date(2020, 1, 3), last_bars=2)
        assert bars.first_published(store, "test", ["B", "A"]) == date(2020, 1, 1)
        with pytest.raises(ValueError, match="no bar of C from test"):
            bars.first_published(store, "test", ["C"])
    assert {symbol: series.close.tolist() for symbol, series in loaded.items()} == {"B": [20.0], "A": [11.0, 12.0]}
    assert list(loaded) == ["B", "A"]


def test_sources_do_not_mix(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [10.0]))
        assert bars.load(store, "other", ["A"], until=END) == {}
        assert bars.session_dates(store, "other", ["A"], after=date(2019, 1, 1), until=END) == ()


def test_session_dates_are_the_union_after_the_first_and_up_to_the_last(home: Path) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", [10.0, 11.0]))
        deliver(store, delivery("B", "2020-01-02", [20.0, 21.0, 22.0]))
        dates = bars.session_dates(store, "test", ["A", "B"], after=date(2020, 1, 1), until=date(2020, 1, 3))
    assert dates == (date(2020, 1, 2), date(2020, 1, 3))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_every_real_series_is_published_once_and_comes_back(home: Path) -> None:
    frame = pd.read_parquet(SHARED).rename(columns={"date": "open_time"})[list(staging.BAR_COLUMNS)]
    frame["open_time"] = frame["open_time"].astype("datetime64[us]")
    symbols = [str(symbol) for symbol in frame["symbol"].unique()]
    with connect(home) as store:
        staging.stage(store, "file", frame, ingested_at=AT)
        written = {symbol: bars.publish(store, "file", symbol, ingested_at=AT) for symbol in symbols}
        assert sum(staging.stage(store, "file", frame, ingested_at=LATER).values()) == 0
        loaded = bars.load(store, "file", symbols, until=END)
    assert sum(written.values()) == len(frame)
    for symbol, rows in frame.groupby("symbol"):
        stored = loaded[str(symbol)]
        assert stored.close.tolist() == rows["close"].tolist()
        ratio = (rows["adj_close"] / rows["close"]).fillna(1.0).to_numpy()
        assert stored.factor == pytest.approx(ratio / ratio[0], rel=1e-12)


def test_the_factor_goes_on_where_every_bar_is_told_in_another_unit(home: Path) -> None:
    """The delivery begins after a dividend, so that its own first bar has no factor of 1."""
    close = [100.0 + i for i in range(12)]
    raw = [price * (1.0 if t >= 3 else 0.5) for t, price in enumerate(close)]
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", close, raw))
        told = delivery("A", "2020-01-06", [price / 4 for price in close[5:]], [price / 4 for price in raw[5:]])
        told[["high", "low"]] = np.array([[price + 1, price - 1] for price in close[5:]]) / 4
        assert deliver(store, told, LATER) == 12
        stored = bars.load(store, "test", ["A"], until=END)["A"]
        assert deliver(store, told, LATER) == 0
    assert stored.close.tolist() == [price / 4 for price in close]
    assert stored.factor.tolist() == [1.0] * 3 + [2.0] * 9


def test_a_page_that_is_damaged_when_bars_are_published_is_named(home: Path) -> None:
    longer = [float(day % 90 + 10) for day in range(6_000)]
    with connect(home) as store:
        deliver(store, delivery("A", "2000-01-01", longer))
    path = home / DATABASE_NAME
    whole = path.read_bytes()
    for page in range(12_288, len(whole), 16_384):
        path.write_bytes(whole[:page] + bytes(64) + whole[page + 64 :])
        try:
            with connect(home) as store:
                deliver(store, delivery("A", "2000-01-01", [*longer[:-1], 7.0, 8.0]))
        except StoreError:
            return
    raise AssertionError("no page was read when bars were published; damage others")


def test_symbols_published_at_once_are_as_published_one_by_one_and_a_refused_one_stays_staged(home: Path) -> None:
    frames = {name: delivery(name, "2020-01-01", [10.0 + at, 11.0, 12.0 + at]) for at, name in enumerate("ABC")}
    frames["B"].loc[1, "close"] = 0.0
    delivered = pd.concat(frames.values(), ignore_index=True)
    with connect(home) as store:
        for source in ("together", "apart"):
            staging.stage(store, source, delivered, ingested_at=AT)
        done = bars.publish_all(store, "together", ["A", "B", "C", "idle"], ingested_at=AT)
        assert done.rows == {"A": 3, "C": 3, "idle": 0}
        assert list(done.refused) == ["B"]
        assert "close on 2020-01-02 is 0.0" in done.refused["B"]
        assert {name: bars.publish(store, "apart", name, ingested_at=AT) for name in "AC"} == {"A": 3, "C": 3}
        select = "SELECT * EXCLUDE (source) FROM bars WHERE source = ? ORDER BY ALL"
        rows = [store.execute(select, [source]).fetchall() for source in ("together", "apart")]
        assert rows[0] == rows[1]
        assert staging.staged_symbols(store, "together") == staging.staged_symbols(store, "apart") == ("B",)
        windows = staging.staged_windows(store, "together", ["B", "A"])
        pd.testing.assert_frame_equal(windows["B"], staging.staged(store, "apart", "B"))
        assert windows["A"].empty


def test_each_symbol_may_be_loaded_up_to_a_date_of_its_own(home: Path) -> None:
    with connect(home) as store:
        for name in ("A", "B"):
            deliver(store, delivery(name, "2020-01-01", [10.0, 11.0, 12.0, 13.0]))
        until = {"B": date(2020, 1, 2), "none": END, "A": date(2020, 1, 3)}
        loaded = bars.load_until(store, "test", until, last_bars=2)
        assert {name: known.close.tolist() for name, known in loaded.items()} == {"B": [10.0, 11.0], "A": [11.0, 12.0]}


def test_the_newest_bars_of_a_series_with_long_gaps_are_the_newest_of_all(home: Path) -> None:
    every_day = delivery("daily", "2020-01-01", [float(price) for price in range(10, 410)])
    sparse = delivery("sparse", "2020-01-01", [float(price) for price in range(10, 22)])
    sparse["open_time"] += pd.to_timedelta(np.arange(12) * 30, unit="D")
    with connect(home) as store:
        for rows in (every_day, sparse):
            deliver(store, rows)
        until = {"sparse": date(2020, 12, 31), "none": END, "daily": date(2020, 12, 31)}
        for most in (1, 2, 5, 11, 12, 13, 400):
            whole, newest = bars.load_until(store, "test", until), bars.load_until(store, "test", until, last_bars=most)
            assert list(newest) == list(whole) == ["sparse", "daily"]
            for symbol, series in newest.items():
                assert series.open_time.tolist() == whole[symbol].open_time[-most:].tolist()
                assert series.close.tolist() == whole[symbol].close[-most:].tolist()
