"""Bars from frames, files and sources, in the forms in which people have them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import turbodmt as td
from exchange.ports import SourceRefused
from testing.markets.bars import SHARE, TOKEN, record


@pytest.fixture
def share() -> pd.DataFrame:
    return record(SHARE).rename(columns={"open_time": "date"})


@pytest.fixture
def bars(share: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([share, record(TOKEN).rename(columns={"open_time": "date"})], ignore_index=True)


def hash_of(table: Any, **given: Any) -> str:
    """The hash of the bars that a backtest publishes."""
    return td.backtest(table, "hold", end="2020-06-30", **given).tested.data_sha256


def test_one_table_in_many_forms_is_the_same_bars(share: pd.DataFrame, bars: pd.DataFrame, tmp_path: Path) -> None:
    plain = share.drop(columns="symbol")
    bars.to_csv(tmp_path / "bars.csv", index=False)
    forms: list[tuple[Any, dict[str, Any]]] = [
        (share, {}),
        (bars, {"symbols": "SHARE"}),
        (str(tmp_path / "bars.csv"), {"symbols": ["SHARE"]}),
        (plain, {"symbols": "SHARE"}),
        (plain.set_index("date"), {"symbols": "SHARE"}),
        (plain.set_index("date").rename_axis(None).rename(columns=str.title), {"symbols": "SHARE"}),
        (bars.set_index(["symbol", "date"]), {"symbols": "SHARE"}),
        (share.assign(date=share["date"].dt.date, symbol=share["symbol"].astype("category"), note="x"), {}),
        (share.assign(date=share["date"].dt.tz_localize("America/New_York")), {}),
        (share.iloc[::-1], {}),
        (td.read_bars(bars, "SHARE"), {}),
        (td.read_bars(bars), {"symbols": "SHARE"}),
    ]
    hashes = [hash_of(table, **given) for table, given in forms]
    assert hashes == [hashes[0]] * len(forms)


def test_the_table_can_be_looked_at(bars: pd.DataFrame) -> None:
    table = td.read_bars(bars)
    frame = table.frame
    assert (frame.index.name, len(frame)) == ("date", len(bars))
    assert frame.columns.tolist() == ["symbol", "open", "high", "low", "close", "volume", "adj_close"]
    assert "SHARE" in table._repr_html_()
    assert repr(table) == "BarTable(source='the frame', symbols=None)"


def test_the_callers_frame_stays_as_it_is(share: pd.DataFrame) -> None:
    table, before = td.read_bars(share), share.copy()
    expected = hash_of(table)
    share.loc[:, "close"] *= 2
    assert hash_of(table) == expected
    assert before["close"].iloc[0] * 2 == share["close"].iloc[0]


def test_a_frame_keeps_its_place_in_a_home(share: pd.DataFrame, tmp_path: Path) -> None:
    for _ in range(2):
        hash_of(share, home=tmp_path / "home")
    hash_of(share.assign(volume=1e6), home=tmp_path / "home")
    assert len(list((tmp_path / "home" / "frames").iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "given", "sentence"),
    [
        (lambda share: share.drop(columns="open"), {}, "the frame has no column open: bars need date, open"),
        (
            lambda share: share.drop(columns="symbol"),
            {},
            "the frame has no symbol column; name their symbol with symbols=",
        ),
        (
            lambda share: share,
            {"symbols": "SHARES"},
            "the frame has no bars of SHARES; it holds 1: SHARE; did you mean",
        ),
        (lambda share: share.iloc[:0], {}, "the frame has a header and no row"),
        (lambda share: share.assign(date="yesterday"), {}, "the frame: the date in row 1 of SHARE is 'yesterday'"),
        (
            lambda share: pd.concat({"SPY": share}, axis=1),
            {},
            "the frame has columns of 2 levels; make one row of each",
        ),
        (
            lambda share: share.set_index("date", drop=False),
            {},
            "the frame has date both as index and as column; drop one",
        ),
        (
            lambda share: share.assign(close=[1.0, "a"] * (len(share) // 2) + [Decimal(1)] * (len(share) % 2)),
            {},
            "kept",
        ),
    ],
)
def test_what_is_no_table_of_bars_is_told_in_one_sentence(
    change: Any, given: dict[str, Any], sentence: str, share: pd.DataFrame
) -> None:
    with pytest.raises(SourceRefused, match=sentence):
        td.read_bars(change(share), **given)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=f"there is no file {tmp_path / 'bars.csv'}; check the path"):
        td.read_bars(tmp_path / "bars.csv")
    (tmp_path / "bars.xlsx").write_bytes(b"x")
    with pytest.raises(SourceRefused, match=r"ends in '\.xlsx'; a file of bars ends in \.csv or \.parquet"):
        td.read_bars(tmp_path / "bars.xlsx")


def test_a_bar_that_the_gate_holds_back_is_told(bars: pd.DataFrame) -> None:
    broken = bars.copy()
    broken.loc[(broken["symbol"] == "SHARE") & (broken["date"] == "2020-03-03"), "close"] = -1.0
    tested = td.backtest(broken, "hold", start="2020-02-03", end="2020-06-30")
    assert tested.weights.columns.tolist() == ["TOKEN"]
    assert any("SHARE" in warning and "2020-03-03" in warning for warning in tested.warnings)
