from datetime import date
from pathlib import Path

import pytest

from exchange.bars.universe_csv import read_universe
from exchange.ports import SourceRefused
from strategy.market.instruments import Membership


def written(folder: Path, text: str) -> Path:
    path = folder / "members.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_spans_come_back_by_symbol_oldest_first(tmp_path: Path) -> None:
    file = written(tmp_path, "Symbol,from,to\nB,2019-01-02,\nA,2020-01-01,2020-12-31\nA,2018-01-01,2018-06-30\n")
    assert read_universe(file) == {
        "B": (Membership(first=date(2019, 1, 2)),),
        "A": (
            Membership(first=date(2018, 1, 1), last=date(2018, 6, 30)),
            Membership(first=date(2020, 1, 1), last=date(2020, 12, 31)),
        ),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("symbol,from\nA,2020-01-01\n", "has no column 'to'"),
        ("symbol,from,to\n", "has no row"),
        ("symbol,from,to\n,2020-01-01,\n", "names no symbol in line 2"),
        ("symbol,from,to\nA,1.1.2020,\n", "line 2: Invalid isoformat string"),
        ("symbol,from,to\nA,2020-02-01,2020-01-01\n", "from 2020-02-01 to 2020-01-01 runs backwards"),
        ("symbol,from,to\nA,2020-01-01,\nA,2021-01-01,\n", "A belongs from 2020-01-01 to today and again from 2021"),
    ],
)
def test_a_file_that_is_no_universe_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceRefused, match=told):
        read_universe(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"none\.csv cannot be read \(No such file"):
        read_universe(tmp_path / "none.csv")
