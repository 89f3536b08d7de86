import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest

from exchange.bars.sample import SampleBars
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused
from strategy.market.instruments import Calendar

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_sample_is_a_record_of_two_new_york_indices():
    source = SampleBars()
    assert (source.name, source.streaming, source.symbols()) == ("sample", False, ("^GSPC", "^IXIC"))
    assert {instrument.calendar for instrument in source.instruments(source.symbols())} == {Calendar.XNYS}


def test_its_bars_are_those_of_the_file():
    source = SampleBars()
    bars = source.fetch(BarRequest(since={"^GSPC": None}, until=date(2030, 1, 1), now=NOW))
    assert tuple(bars.columns) == BAR_COLUMNS
    assert len(bars) == 5031
    first = bars.iloc[0]
    assert (str(first["open_time"].date()), first["open"], first["close"]) == ("1999-01-04", 1229.22998, 1228.099976)
    assert first["volume"] == 877_000_000.0
    assert np.array_equal(bars["adj_close"], bars["close"])


def test_since_and_until_bound_each_symbol_by_itself():
    request = BarRequest(since={"^IXIC": date(2018, 12, 28), "^GSPC": None}, until=date(2018, 12, 30), now=NOW)
    bars = SampleBars().fetch(request)
    assert bars[bars["symbol"] == "^IXIC"]["open_time"].tolist() == [np.datetime64("2018-12-28")]
    assert bars["open_time"].max() == np.datetime64("2018-12-28")


def test_the_last_session_follows_now():
    source = SampleBars()
    assert source.last_session(source.symbols(), NOW) == date(2018, 12, 31)
    assert source.last_session(("^GSPC",), datetime(2010, 1, 2, 12, tzinfo=UTC)) == date(2009, 12, 31)
    with pytest.raises(SourceRefused, match="is dated 1990-01-01 or earlier"):
        source.last_session(("^GSPC",), datetime(1990, 1, 1, tzinfo=UTC))


def test_other_symbols_are_refused():
    source = SampleBars()
    with pytest.raises(SourceRefused, match=r"no SPY; it holds \^GSPC and \^IXIC"):
        source.instruments(("SPY",))
    with pytest.raises(SourceRefused, match="no SPY"):
        source.fetch(BarRequest(since={"SPY": None}, until=date(2018, 1, 1), now=NOW))


def test_reading_it_does_not_import_arch():
    code = (
        "import sys; from datetime import UTC, datetime; from exchange.bars.sample import SampleBars; "
        "SampleBars().last_session(('^GSPC',), datetime(2020, 1, 1, tzinfo=UTC)); assert 'arch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
