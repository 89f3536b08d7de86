from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.ports import SourceRefused
from exchange.rates import funding_files
from exchange.rates.funding_files import funding_in
from strategy.market.funding_rates import FundingRate

D = Decimal
MIDNIGHT, EIGHT = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 2, 8, tzinfo=UTC)


def written(folder: Path, text: str) -> Path:
    path = folder / "funding.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_its_payments_as_they_stand(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "\ufeffSymbol,note,Time, Rate ,mark\nBTCUSDT,a,2024-01-02T08:00:00Z,-0.0001,42000.5\n"
        "ETHUSDT,b,2024-01-02 09:00+01:00,0.0002\n\nBTCUSDT,c,1704153600000,0.00010000,\nOTHER,d,x,y,z\n",
    )
    assert funding_in(path, ("BTCUSDT", "ETHUSDT")) == {
        "BTCUSDT": (
            FundingRate(at=EIGHT, rate=D("-0.0001"), mark=D("42000.5")),
            FundingRate(at=MIDNIGHT, rate=D("0.0001")),
        ),
        "ETHUSDT": (FundingRate(at=EIGHT, rate=D("0.0002")),),
    }
    assert len(funding_in(written(tmp_path, "symbol,time,rate\nA,2024-01-02 08:00,0\n"), ("A",))["A"]) == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has the columns none; a file of funding rates has symbol, time, rate and, where it is known, mark"),
        ("symbol,date,rate\n", "has the columns symbol, date, rate; a file"),
        ("symbol,time,rate,Rate\n", "has the column rate 2 times; keep one of them"),
        ("symbol,time,rate\n", "has no funding rate of A; it holds no row; add its rows"),
        ("symbol,time,rate\nB,2024-01-02,0\n", "has no funding rate of A; it holds B; add its rows, or state"),
        ("symbol,time,rate\nA,2024-01-02,0.01%\n", r"line 2: rate is '0\.01%'; write a fraction such as 0\.0001"),
        ("symbol,time,rate\nA,2024-01-02,inf\n", "line 2: rate is 'inf'"),
        ("symbol,time,rate,mark\nA,2024-01-02,0,x\n", "line 2: mark is 'x'; write the price"),
        ("symbol,time,rate\nA,2/1/2024,0\n", "line 2: time is '2/1/2024'; write an instant in UTC such as 2024-01-02T"),
        ("symbol,time,rate\nA,\n", "line 2: rate is ''"),
    ],
)
def test_what_is_no_payment_is_refused_with_its_line(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(SourceRefused, match=match):
        funding_in(written(tmp_path, text), ("A",))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceRefused, match="cannot be read: No such file or directory; name a readable file"):
        funding_in(tmp_path / "none.csv", ("A",))
    (tmp_path / "latin.csv").write_bytes(b"symbol,time,rate\n\xe9,1,1\n")
    with pytest.raises(SourceRefused, match="is not text in UTF-8"):
        funding_in(tmp_path / "latin.csv", ("A",))
    monkeypatch.setattr(funding_files, "MOST_BYTES", 3)
    with pytest.raises(SourceRefused, match="holds 17 bytes; a file of funding rates may hold 3"):
        funding_in(written(tmp_path, "symbol,time,rate\n"), ("A",))
