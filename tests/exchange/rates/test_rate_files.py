from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.ports import SourceRefused
from exchange.rates.rate_files import rates_in
from strategy.account.dated_rates import DatedRate

D = Decimal


def written(folder: Path, text: str) -> Path:
    path = folder / "rates.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_its_rates_as_they_stand(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffDate,note, Rate \n2016-01-01,a,-0.004\n2015-01-01,b,0.0200\n")
    assert rates_in(path) == (
        DatedRate(day=date(2016, 1, 1), rate=D("-0.004")),
        DatedRate(day=date(2015, 1, 1), rate=D("0.0200")),
    )


def test_a_header_alone_is_no_rate(tmp_path: Path) -> None:
    assert rates_in(written(tmp_path, "date,rate\n")) == ()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has the columns none; a file of rates has date and rate"),
        ("day,rate\n", "has the columns day, rate"),
        ("date,rate,Rate\n2016-01-01,0.01,1\n", "has the column rate 2 times; keep one of them"),
        ("date,rate\n2016-01-01,5%\n", r"line 2: rate is '5%'; write a yearly fraction such as 0\.05"),
        ("date,rate\n2016-01-01,nan\n", "line 2: rate is 'nan'"),
        ("date,rate\n2016-01-01\n", "line 2: rate is ''"),
        ("date,rate\n2016-01-01,0.01\n1/2/2016,0.01\n", "line 3: date is '1/2/2016'; write a date"),
    ],
)
def test_what_is_no_rate_is_refused_with_its_line(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(SourceRefused, match=match):
        rates_in(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="cannot be read: No such file"):
        rates_in(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"date,rate\n\xe9,1\n")
    with pytest.raises(SourceRefused, match="is not text in UTF-8"):
        rates_in(tmp_path / "latin.csv")
