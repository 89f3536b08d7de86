from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exchange.bars.cells import stamps
from exchange.bars.file_rows import READING
from exchange.bars.files import INFERRING, FileBars
from exchange.ports import BAR_COLUMNS, MOVED, BarRequest, SourceRefused
from strategy.market.instruments import Calendar
from strategy.work_progress import listening

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATA = Path(__file__).parents[4] / "shared" / "data"
PLAIN = "symbol,date,open,high,low,close,volume,adj_close\nSPY,2020-01-02,1,4,0.5,2,100,1.5\nSPY,2020-01-03,2,3,1,2,,\n"


def written(folder: Path, text: str | bytes, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def parquet(folder: Path, columns: dict[str, object], name: str = "bars.parquet") -> Path:
    path = folder / name
    pq.write_table(pa.table(columns), path)
    return path


def everything(source: FileBars, *symbols: str) -> pd.DataFrame:
    names = symbols or source.symbols()
    return source.fetch(BarRequest(since=dict.fromkeys(names), until=date(2100, 1, 1), now=NOW))


def prices(rows: int) -> dict[str, list[float]]:
    return {name: [1.0 + row for row in range(rows)] for name in ("open", "high", "low", "close")}


def test_csv_and_parquet_read_alike(tmp_path):
    table = pd.read_csv(written(tmp_path, PLAIN)).assign(date=lambda rows: pd.to_datetime(rows["date"]).dt.date)
    from_csv = FileBars(tmp_path / "bars.csv")
    from_parquet = FileBars(parquet(tmp_path, {name: table[name].to_list() for name in table}))
    pd.testing.assert_frame_equal(everything(from_csv), everything(from_parquet))
    bars = everything(from_csv)
    assert tuple(bars.columns) == BAR_COLUMNS
    assert [str(kind) for kind in bars.dtypes] == ["str", "datetime64[us]"] + ["float64"] * 6
    assert bars["volume"].tolist()[0] == 100.0
    assert np.isnan(bars[["volume", "adj_close"]].iloc[1]).all()
    assert from_csv.name == f"file:{tmp_path / 'bars.csv'}"
    assert from_csv.streaming is False


@pytest.mark.parametrize(
    "header",
    [
        "Date,Open,High,Low,Close,Adj Close,Volume",
        "DATETIME,OPEN,HIGH,LOW,CLOSE,adjusted_close,Vol",
        "timestamp,open,high,low,close,AdjClose,volume",
        " date , open , high , low , close , adj_close , volume ",
        "date,open,high,low,close,adjusted,volume",
        "date,open,high,low,close,Adj. Close*,volume",
        "date,open,high,low,close,Adjusted Closing Price,volume",
        '"Index","SPY.Open","SPY.High","SPY.Low","SPY.Close","SPY.Adjusted","SPY.Volume"',
        '"date","open","high","low","close","adj close","volume"',
    ],
)
def test_usual_spellings_are_understood(tmp_path, header):
    path = written(tmp_path, f"{header}\n2020-01-02,1,4,0.5,2,1.5,100\n")
    bars = everything(FileBars(path, "SPY"))
    assert bars.iloc[0, 2:].tolist() == [1.0, 4.0, 0.5, 2.0, 100.0, 1.5]


@pytest.mark.parametrize(
    "text",
    [
        # R's write.csv and write.table of an xts, and of a frame with numbered rows; pandas with an index of dates.
        '"","SPY.Open","SPY.High","SPY.Low","SPY.Close","SPY.Volume"\n"2020-01-02",1,4,0.5,2,100\n',
        '"SPY.Open","SPY.High","SPY.Low","SPY.Close","SPY.Volume"\n"2020-01-02",1,4,0.5,2,100\n',
        '"","date","open","high","low","close","volume"\n"1","2020-01-02",1,4,0.5,2,100\n',
        '"date","open","high","low","close","volume"\n"1","2020-01-02",1,4,0.5,2,100\n',
        ",open,high,low,close,volume\n2020-01-02 00:00:00+00:00,1,4,0.5,2,100\n",
    ],
)
def test_names_of_rows_have_no_name_above_them(tmp_path, text):
    bars = everything(FileBars(written(tmp_path, text), "SPY"))
    assert bars["open_time"].tolist() == [pd.Timestamp("2020-01-02")]
    assert bars.iloc[0, 2:7].tolist() == [1.0, 4.0, 0.5, 2.0, 100.0]


@pytest.mark.parametrize("data", [PLAIN.encode("utf-16"), b"\xfe\xff" + PLAIN.replace(",", "\t").encode("utf-16-be")])
def test_utf_16_with_its_mark_is_read(tmp_path, data):
    bars = everything(FileBars(written(tmp_path, data)))
    pd.testing.assert_frame_equal(bars, everything(FileBars(written(tmp_path, PLAIN, "plain.csv"))))


def test_volume_and_adjusted_close_may_be_missing_and_other_columns_are_ignored(tmp_path):
    path = written(tmp_path, "date,source,open,high,low,close,52w high\n2020-01-02,real,1,4,0.5,2,9\n")
    bars = everything(FileBars(path, "SPY"))
    assert np.isnan(bars[["volume", "adj_close"]].to_numpy(dtype=float)).all()
    assert bars["close"].tolist() == [2.0]


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-02",
        "2020-01-02 00:00:00",
        "2020-01-02T16:00:00.123456",
        "2020-01-02T00:00:00Z",
        "2020-01-02 00:00:00-05:00",
        "2020-01-02 00:00:00+0900",
        "2020-01-02 00:00:00+00",
        "2020-01-02 16:00-05",
        "2020-01-02 00:00:00+05:53:28",
        "2020-01-02 00:00:00 UTC",
        "2020-01-02Z",
        "2020-01-02-05:00",
        "20200102",
        "20200102 00:00",
    ],
)
def test_the_day_as_written_is_the_session(tmp_path, text):
    path = written(tmp_path, f"date,open,high,low,close\n{text},1,1,1,1\n")
    assert everything(FileBars(path, "X"))["open_time"].tolist() == [pd.Timestamp("2020-01-02")]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([date(2020, 1, 2)], pa.date32()),
        pa.array([pd.Timestamp("2020-01-02 16:00")], pa.timestamp("ns")),
        pa.array([datetime(2020, 1, 2, 5, tzinfo=UTC)], pa.timestamp("us", "America/New_York")),
        pa.array(["2020-01-02"]),
        pa.array([20200102]),
        pa.array(["2020-01-02"], pa.string_view()),
        pa.array(["2020-01-02"]).dictionary_encode(),
    ],
)
def test_parquet_dates_of_every_kind_are_the_same_session(tmp_path, column):
    bars = everything(FileBars(parquet(tmp_path, {"date": column} | prices(1)), "X"))
    assert bars["open_time"].tolist() == [pd.Timestamp("2020-01-02")]
    assert bars["open_time"].dtype == "datetime64[us]"


def test_rows_out_of_order_are_sorted_and_say_where_they_stood(tmp_path):
    days = ("2020-01-02", "2020-01-07", "2020-01-03", "2020-01-06", "2020-01-08")
    rows = [f"{symbol},{day},1,2,0.5,{row}" for row, day in enumerate(days, 1) for symbol in ("X", "Y")]
    source = FileBars(
        written(tmp_path, "\n".join(["symbol,date,open,high,low,close", *rows, "Z,2020-01-02,1,2,0.5,1"]))
    )
    bars = everything(source)
    x = bars[bars["symbol"] == "X"]
    assert x["open_time"].dt.strftime("%m%d").tolist() == ["0102", "0103", "0106", "0107", "0108"]
    assert x["close"].tolist() == [1.0, 3.0, 4.0, 2.0, 5.0]
    assert x[MOVED].tolist() == [0, 3, 4, 0, 0]
    assert bars[MOVED].tolist() == [0, 3, 4, 0, 0] * 2 + [0]
    assert MOVED not in everything(source, "Z").columns


def test_order_duplicates_and_bad_prices_stay_for_the_gate(tmp_path):
    lines = ["2020-01-03,1,1,1,1", "2020-01-02,n/a,,-1,1e3", "2020-01-02,n/a,,-1,1e3", ",1,1,1,inf"]
    bars = everything(FileBars(written(tmp_path, "\n".join(["date,open,high,low,close", *lines])), "X"))
    assert bars["open_time"].tolist()[:3] == [pd.Timestamp(f"2020-01-0{day}") for day in (3, 2, 2)]
    assert pd.isna(bars["open_time"].iloc[3])
    assert bars["open"].isna().tolist() == [False, True, True, False]
    assert bars["close"].tolist() == [1.0, 1000.0, 1000.0, np.inf]


def test_a_row_without_a_date_is_always_in_what_is_asked_for(tmp_path):
    source = FileBars(written(tmp_path, "date,open,high,low,close\n2020-01-02,1,1,1,1\n,1,1,1,1\n"), "X")
    bars = source.fetch(BarRequest(since={"X": date(2021, 1, 1)}, until=date(2021, 1, 1), now=NOW))
    assert len(bars) == 1


def test_prices_of_other_types_are_numbers_or_nan(tmp_path):
    columns = {"date": ["2020-01-02"], "open": [1], "high": pa.array(["2.5"]), "low": [True], "close": [[1.0]]}
    bars = everything(FileBars(parquet(tmp_path, columns), "X"))
    assert bars[["open", "high"]].iloc[0].tolist() == [1.0, 2.5]
    assert bars[["low", "close"]].isna().all(axis=None)


def test_a_symbol_called_na_is_a_symbol(tmp_path):
    path = written(tmp_path, "ticker,date,open,high,low,close\nNA,2020-01-02,1,1,1,1\nTRUE,2020-01-02,1,1,1,1\n")
    assert FileBars(path).symbols() == ("NA", "TRUE")
    assert len(everything(FileBars(path), "NA")) == 1


def test_one_symbol_of_a_file_can_be_picked(tmp_path):
    path = written(tmp_path, PLAIN + "TLT,2020-01-02,1,1,1,1,,\n")
    assert FileBars(path).symbols() == ("SPY", "TLT")
    assert FileBars(path, "TLT").symbols() == ("TLT",)
    with pytest.raises(SourceRefused, match="has no bars of SPY"):
        everything(FileBars(path, "TLT"), "SPY")


def test_dictionary_encoded_symbols_are_read(tmp_path):
    symbols = pa.array(["SPY", "TLT"]).dictionary_encode()
    source = FileBars(parquet(tmp_path, {"symbol": symbols, "date": ["2020-01-02"] * 2} | prices(2)))
    assert source.symbols() == ("SPY", "TLT")
    assert everything(source, "TLT")["open"].tolist() == [2.0]


def test_a_folder_s_name_adds_no_column(tmp_path):
    folder = tmp_path / "symbol=TLT"
    folder.mkdir()
    source = FileBars(parquet(folder, {"symbol": ["SPY"], "date": ["2020-01-02"]} | prices(1)))
    assert everything(source)["symbol"].tolist() == ["SPY"]


def test_the_last_session_is_the_newest_date_that_is_not_in_the_future(tmp_path):
    source = FileBars(written(tmp_path, PLAIN))
    assert source.last_session(("SPY",), NOW) == date(2020, 1, 3)
    assert source.last_session(("SPY",), datetime(2020, 1, 2, 1, tzinfo=UTC)) == date(2020, 1, 2)
    with pytest.raises(SourceRefused, match="is dated 2019-01-01 or earlier"):
        source.last_session(("SPY",), datetime(2019, 1, 1, tzinfo=UTC))


def test_calendars_are_inferred_from_the_dates(tmp_path):
    days = pd.date_range("2020-01-01", "2020-03-31").strftime("%Y-%m-%d").to_list()
    source = FileBars(parquet(tmp_path, {"date": days} | prices(len(days))), "X")
    (instrument,) = source.instruments(("X",))
    assert (instrument.symbol, instrument.calendar) == ("X", Calendar.ALWAYS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "no text"),
        ("date,open,high,low,close\n", "a header and no row"),
        ("2020-01-02,1,1,1,1\n", r"has no header: its first line is '2020-01-02,1,1,1,1'"),
        ("a,b\n1,2\n", r"has no column date, open, high, low, close: .* it has a, b"),
        ("date,open,close\n2020-01-02,1,1\n", "has no column high, low"),
        ("date,open,high,low,close,Close\n2020-01-02,1,1,1,1,1\n", "2 columns that read as close"),
        ("Price,Close,High,Low,Open\nTicker,X,X,X,X\nDate,,,,\n2020-01-02,1,1,1,1\n", "has 3 header lines"),
        ("date,open,high,low,close\n2020-01-02,1,1,1,1\nsoon,1,1,1,1\n", "the date in row 2 of X is 'soon'"),
        ("date,open,high,low,close\n1/2/2020,1,1,1,1\n", "the date in row 1 of X is '1/2/2020'"),
        (
            "date,open,high,low,close\n1577923200000,1,1,1,1\n",
            "row 1 of X is '1577923200000', a count of seconds or parts",
        ),
        ("date,open,high,low,close\n2020-13-45,1,1,1,1\n", "the date in row 1 of X is '2020-13-45'"),
        (
            "date,open,high,low,close\n2020-01-02 10:00,1,1,1,1\n2020-01-02 11:00,1,1,1,1\n",
            "X has 2 bars of different times on 2020-01-02",
        ),
        ("date,open,high,low,close\n2020-01-02,1,1\n", "cannot be read"),
        (b"date,open,high,low,close\n\xff\xfe,1,1,1,1\n", r"cannot be read as csv .*; save it as UTF-8"),
        (PLAIN.encode("utf-16-le"), r"zero bytes, as UTF-16 without its mark does\); save it as UTF-8"),
        (PLAIN.encode("utf-16")[:-1], "save it as UTF-8"),
        (",open,high,low,close\n1,1,4,0.5,2\n", r"no column date: .* it has \(unnamed\), open"),
        ("date,open,high,low,close,volume\n2020-01-02,1,4,0.5,2,1,234\n", "Expected 6 columns, got 7"),
        (
            '"Date","Price","Open","High","Low","Vol.","Change %"\n"12/31/2018","2","1","4","0.5","0.46M","0.8%"\n',
            r"columns of Investing.com, Date, Price, .*; name Price Close, write dates like 2020-12-31",
        ),
        (b"PK\x03\x04\x00\x00\xc4\xd6" * 50, "cannot be read as csv|has no column"),
    ],
)
def test_a_csv_that_is_no_table_of_daily_bars_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(SourceRefused, match=message):
        everything(FileBars(path, "X"), "X")


def test_parquet_that_is_none_is_refused(tmp_path):
    for content in (b"", b"PAR1", b"garbage" * 100):
        with pytest.raises(SourceRefused, match=r"is empty|cannot be read as parquet"):
            FileBars(written(tmp_path, content, "bars.parquet"))


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_columns_may_stand_between_other_separators(tmp_path, separator):
    text = (PLAIN + '"TLT",2020-01-02,1,1,1,1,5,1\n').replace(",", separator)
    bars = everything(FileBars(written(tmp_path, "\n" + text)))
    assert bars["symbol"].tolist() == ["SPY", "SPY", "TLT"]
    assert bars["volume"].tolist()[::2] == [100.0, 5.0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("open", "$99.98"),
        ("high", "99,98"),
        ("low", "4,000.12"),
        ("close", "abc"),
        ("volume", "0.46M"),
        ("volume", "1,234"),
        ("adj_close", "99.98 USD"),
    ],
)
def test_text_that_is_no_number_is_shown(tmp_path, name, text):
    columns = {"date": "2020-01-02"} | dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), "1")
    lines = [",".join(f'"{value}"' for value in row.values()) for row in (columns, columns | {name: text})]
    bars = everything(FileBars(written(tmp_path, "\n".join([",".join(columns), *lines])), "SPY"))
    assert bars[name].isna().tolist() == [False, True]
    assert bars["unread"].tolist() == ["", f"{name} {text!r}"]


def test_a_number_that_is_said_to_be_unknown_is_unknown(tmp_path):
    source = FileBars(written(tmp_path, "date,open,high,low,close,volume\n2020-01-02, 1.5 ,NULL,#N/A,-,n/a\n"), "X")
    assert everything(source).iloc[0, 2:7].isna().tolist() == [False, True, True, True, True]


def test_files_of_polars_are_read(tmp_path):
    symbols = pa.array(["SPY", "TLT"], pa.string_view())
    closes = prices(2) | {"volume": pa.array(["7", "8"], pa.string_view())}
    source = FileBars(parquet(tmp_path, {"symbol": symbols, "date": pa.array(["2020-01-02"] * 2)} | closes))
    assert source.symbols() == ("SPY", "TLT")
    assert everything(source, "TLT")[["open", "volume"]].iloc[0].tolist() == [2.0, 8.0]


@pytest.mark.parametrize(("unit", "count"), [("ms", 1_577_923_200_000_000), ("us", -(10**17))])
def test_instants_read_in_the_wrong_unit_are_refused(tmp_path, unit, count):
    dates = pa.array([1_000_000, count], pa.int64()).cast(pa.timestamp(unit))
    source = FileBars(parquet(tmp_path, {"date": dates} | prices(2)), "X")
    with pytest.raises(SourceRefused, match=rf"row 2 of X lies outside the years 1 to 9999: it is {count} .* {unit}"):
        everything(source)


def test_a_link_keeps_its_own_name_whatever_it_points_to(tmp_path):
    day, link = written(tmp_path, PLAIN, "day1.csv"), tmp_path / "latest.csv"
    link.symlink_to(day)
    assert FileBars(link).name == f"file:{link}"
    link.unlink()
    link.symlink_to(written(tmp_path, PLAIN, "day2.csv"))
    assert FileBars(link).name == f"file:{link}"


def test_dates_that_are_lists_are_refused(tmp_path):
    with pytest.raises(SourceRefused, match="where text or dates belong"):
        everything(FileBars(parquet(tmp_path, {"date": [[1]]} | prices(1)), "X"))


def test_paths_that_are_no_file_are_refused(tmp_path):
    with pytest.raises(SourceRefused, match="there is no file"):
        FileBars(tmp_path / "none.csv")
    with pytest.raises(SourceRefused, match="is a folder"):
        FileBars(tmp_path)
    with pytest.raises(SourceRefused, match=r"ends in '\.xlsx'"):
        FileBars(written(tmp_path, PLAIN, "bars.xlsx"))


def test_a_file_without_symbols_needs_a_name(tmp_path):
    source = FileBars(written(tmp_path, "date,open,high,low,close\n2020-01-02,1,1,1,1\n"))
    with pytest.raises(SourceRefused, match="no symbol column; name their symbol with --symbol"):
        source.symbols()


def test_a_row_without_a_symbol_is_refused(tmp_path):
    source = FileBars(written(tmp_path, PLAIN + ",2020-01-06,1,1,1,1,,\n"))
    with pytest.raises(SourceRefused, match="names no symbol in row 3"):
        source.symbols()


def test_a_symbol_that_is_not_there_meets_the_closest(tmp_path):
    source = FileBars(written(tmp_path, PLAIN + "TLT,2020-01-02,1,1,1,1,,\n"))
    with pytest.raises(SourceRefused, match=r"no bars of spy; it holds 2: SPY, TLT; did you mean SPY\?"):
        everything(source, "spy")
    with pytest.raises(SourceRefused, match="no bars of EURUSD; it holds 2: SPY, TLT; name one of these"):
        source.instruments(("EURUSD",))


def test_a_file_may_change_later_without_changing_what_was_read(tmp_path):
    path = written(tmp_path, PLAIN)
    source = FileBars(path)
    before = everything(source)
    path.unlink()
    pd.testing.assert_frame_equal(everything(source), before)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the development data is not at {DATA}")
def test_the_real_file_reads_as_it_is():
    source = FileBars(DATA / "ohlcv_daily.parquet")
    assert len(source.symbols()) == 56
    bars = everything(source, "SPY", "BTCUSDT")
    assert bars.groupby("symbol", sort=False).size().to_dict() == {"SPY": 7285, "BTCUSDT": 1598}


def test_a_column_of_currencies_is_that_of_the_symbol(tmp_path: Path) -> None:
    head = "symbol,date,open,high,low,close,Currency\n"
    rows = "A,2020-01-02,1,1,1,1,GBX\nA,2020-01-03,1,1,1,1,GBp\nB,2020-01-02,1,1,1,1,GBP\nC,2020-01-02,1,1,1,1,\n"
    source = FileBars(written(tmp_path, head + rows))
    assert [instrument.currency for instrument in source.instruments(("A", "B", "C"))] == ["GBp", "GBP", None]
    mixed = FileBars(written(tmp_path, head + rows + "B,2020-01-03,1,1,1,1,EUR\n", "mixed.csv"))
    with pytest.raises(SourceRefused, match="the prices of B are in EUR, GBP; one series has one currency"):
        mixed.instruments(("B",))


OWN_TEXT = (
    "symbol,date,open,high,low,close,eps,Sector,Net sales,note\n"
    "A,2020-01-02,1,4,0.5,2,1.5,tech,,\nA,2020-01-03,2,3,1,2,n/a,tech,20,3\nA,2020-01-06,2,3,1,2,?!,tech,,x\n"
    "B,2020-01-02,1,4,0.5,2,,banks,,\n"
)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_beside_the_bars_are_columns_of_the_users_own(tmp_path, kind):
    path = written(tmp_path, OWN_TEXT)
    if kind == "parquet":
        table = pd.read_csv(path, dtype={"eps": "str", "note": "str"}, keep_default_na=False, na_values=[""])
        path = tmp_path / "bars.parquet"
        table.to_parquet(path)
    bars = everything(FileBars(path))
    assert tuple(bars.columns) == (*BAR_COLUMNS, "own:eps", "own:Net sales", "own:note")
    nan, inf = float("nan"), float("inf")
    assert bars["own:eps"].tolist() == pytest.approx([1.5, nan, inf, nan], nan_ok=True)
    assert bars["own:Net sales"].tolist() == pytest.approx([nan, 20.0, nan, nan], nan_ok=True)


def test_columns_of_equal_names_dates_and_lists_are_left_out(tmp_path):
    columns = {**prices(2), "date": [date(2020, 1, 2), date(2020, 1, 3)], "symbol": ["A", "A"], "a.b": [1.0, 2.0]}
    odd = {
        "lists": [[1.0], [2.0]],
        "flag": [True, False],
        "paid": [date(2020, 1, 1), None],
        "__index_level_0__": [0, 1],
    }
    bars = everything(FileBars(parquet(tmp_path, {**columns, **odd, "rank": [3, 4]})))
    assert tuple(bars.columns) == (*BAR_COLUMNS, "own:rank")
    twice = written(tmp_path, "date,open,high,low,close,eps,eps\n2020-01-02,1,4,0.5,2,3,4\n")
    assert tuple(everything(FileBars(twice, "A")).columns) == BAR_COLUMNS


def test_the_last_session_of_a_delisted_symbol_is_read(tmp_path):
    rows = "symbol,date,open,high,low,close,listed_to\n"
    bars = "A,2020-01-02,1,1,1,1,{0}\nA,2020-01-03,1,1,1,1,{0}\nB,2020-01-02,1,1,1,1,\n"
    source = FileBars(written(tmp_path, rows + bars.format("2020-01-06")))
    ends = {instrument.symbol: instrument.listed_to for instrument in source.instruments(("A", "B"))}
    assert ends == {"A": date(2020, 1, 6), "B": None}
    assert tuple(everything(source, "A").columns) == BAR_COLUMNS
    for text in ("2020-01-02", "2020-01-06\nA,2020-01-07,1,1,1,1,2020-01-07"):
        wrong = FileBars(written(tmp_path, rows + bars.format(text)))
        with pytest.raises(SourceRefused, match=r"listed_to of A is 2020-01-0.*and its last bar is of 2020-01-0"):
            wrong.instruments(("A",))


def many(folder: Path, fault: dict[str, object], name: str) -> Path:
    """Write a file of three symbols, interleaved, with a column of the user's own, and one cell changed."""
    days = [f"2020-01-{day:02}" for day in (6, 7, 8, 9, 10)]
    rows = pd.DataFrame(
        [
            {"symbol": symbol, "date": day, **dict.fromkeys(("open", "high", "low", "close"), 10.0 + number + at)}
            for at, day in enumerate(days)
            for number, symbol in enumerate(("B", "A", "C"))
        ]
    ).assign(volume=100.0, mine=np.arange(15.0), words="text")
    rows.loc[rows["symbol"] == "C", "mine"] = np.nan
    rows = rows.astype(dict.fromkeys(fault, object))
    for column, value in fault.items():
        rows.loc[4, column] = value
    path = folder / name
    if name.endswith("csv"):
        rows.to_csv(path, index=False)
    else:
        rows.astype(dict.fromkeys(fault, "str")).to_parquet(path)
    return path


@pytest.mark.parametrize("name", ["bars.csv", "bars.parquet"])
@pytest.mark.parametrize(
    "fault",
    [
        *({}, {"close": "n/a"}, {"close": " 12 "}, {"volume": "many"}, {"mine": "x"}, {"date": ""}),
        *({"date": "2020-01-02"}, {"date": "2020-01-07 16:00:00"}),
    ],
)
def test_symbols_read_together_are_as_each_read_by_itself(tmp_path, fault, name):
    path = many(tmp_path, fault, name)
    together = FileBars(path)
    assert together.symbols() == ("B", "A", "C")
    for symbol in together.symbols():
        alone = everything(FileBars(many(tmp_path, fault, f"{symbol}-{name}")), symbol)
        read = together._bars(together.symbols())[symbol]
        pd.testing.assert_frame_equal(read[alone.columns], alone)
        assert set(read.columns) == set(alone.columns)


def test_a_clean_file_of_many_symbols_is_read_a_column_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("exchange.bars.file_rows._frame", None)
    assert len(everything(FileBars(many(tmp_path, {"mine": "x"}, "bars.csv")))) == 15
    with pytest.raises(TypeError, match="not callable"):
        everything(FileBars(many(tmp_path, {"volume": "many"}, "faulty.csv")))


def test_what_is_wrong_with_one_of_many_symbols_names_it(tmp_path):
    with pytest.raises(SourceRefused, match="the date in row 2 of A is 'soon'"):
        everything(FileBars(many(tmp_path, {"date": "soon"}, "bars.csv")))


def test_plain_days_are_read_as_any_other_dates_are(tmp_path):
    days = ["2020-02-29", "1900-01-01", "", "9999-12-31", "0001-01-01", "0000-01-01", "1969-12-31"]
    plain = stamps(tmp_path, "A", pa.chunked_array([days]))
    # A blank after one of them takes the way of all spellings.
    spelled = stamps(tmp_path, "A", pa.chunked_array([[f"{days[0]} ", *days[1:]]]))
    pd.testing.assert_series_equal(plain, spelled, check_names=False)
    for wrong in ("2020-02-30", "20-01-01", "2020-1-1"):
        with pytest.raises(SourceRefused, match="the date in row 2 of A is"):
            stamps(tmp_path, "A", pa.chunked_array([["2020-02-29", wrong]]))


def test_the_reading_of_many_symbols_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("exchange.bars.file_rows._AT_ONCE", 2)
    source, steps = FileBars(many(tmp_path, {}, "bars.csv")), []
    with listening(steps.append):
        first = source.instruments(source.symbols())
        again = source.instruments(source.symbols())
    assert again == first
    assert [(step.work, step.done, step.total) for step in steps] == [
        *((READING, done, 3) for done in (0, 2, 3)),
        *((INFERRING, done, 3) for done in (0, 1, 2, 3)),
    ]
