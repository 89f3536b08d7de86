from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from exchange.bars.sample import SampleBars
from exchange.ports import BarRequest
from flows.config.settings import load
from flows.planning.adapters import open_source
from flows.planning.plan import MOST_SYMBOLS, RequestRefused, wanted_symbols
from storage.database import connect
from testing.markets.deliveries import deliver, delivery

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BARS = "date,open,high,low,close\n2020-01-02,1,1,1,1\n"


@pytest.mark.parametrize("text", ["{}", "file:{}"])
def test_a_path_needs_no_file_before_it(home: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    assert open_source(load({"source": text.format(path), "symbols": "X"})).name == f"file:{path}"


def test_a_file_behind_a_linked_folder_goes_on_under_the_name_that_the_store_knows(home: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "bars.csv").write_text(BARS)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    named, led_to = f"file:{tmp_path}/linked/bars.csv", f"file:{tmp_path}/real/bars.csv"
    assert open_source(load({"source": named, "symbols": "X"})).name == named
    with connect(home) as store:
        deliver(store, delivery("X", "2020-01-01", [10.0]), source=led_to)
    assert open_source(load({"source": named, "symbols": "X"})).name == led_to
    with connect(home) as store:
        deliver(store, delivery("X", "2020-01-01", [10.0]), source=named)
    assert open_source(load({"source": named, "symbols": "X"})).name == named


def test_a_source_of_more_symbols_than_a_run_takes_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SampleBars()
    monkeypatch.setattr(source, "symbols", lambda: tuple(f"S{number}" for number in range(MOST_SYMBOLS + 1)))
    with pytest.raises(RequestRefused, match="sample holds 5,001 symbols, of which one run takes 5,000 at most"):
        wanted_symbols(load({}), source)


def test_a_file_is_read_once_by_a_run_and_again_once_it_has_changed(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    settings = load({"source": str(path), "symbols": "X"})
    assert open_source(settings) is open_source(settings)
    path.write_text(BARS + "2020-01-03,2,2,2,2\n")
    assert len(open_source(settings).fetch(BarRequest(since={"X": None}, until=date(2021, 1, 1), now=NOW))) == 2
