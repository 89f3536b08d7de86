from datetime import date
from pathlib import Path

from storage.bars import instruments, universe
from storage.database import connect
from strategy.market.instruments import Calendar, Instrument, Membership

SHARE = Instrument(symbol="SPY", calendar=Calendar.XNYS)
SPANS = (Membership(first=date(2018, 1, 1), last=date(2018, 6, 30)), Membership(first=date(2020, 1, 1)))


def test_a_universe_replaces_the_one_before_and_counts_for_its_source_alone(home: Path) -> None:
    with connect(home) as store:
        assert universe.load(store, "file:x") is None
        universe.replace(store, "file:x", {"SPY": SPANS, "TLT": SPANS[:1]})
        universe.replace(store, "file:x", {"SPY": SPANS})
        assert universe.load(store, "file:x") == {"SPY": SPANS}
        assert universe.load(store, "binance") is None
        universe.replace(store, "file:x", {})
        assert universe.load(store, "file:x") is None


def test_an_instrument_knows_when_it_belonged(home: Path) -> None:
    with connect(home) as store:
        instruments.save(store, "file:x", [SHARE, Instrument(symbol="TLT", calendar=Calendar.XNYS)])
        assert instruments.load(store, "file:x", ["SPY"])["SPY"].memberships is None
        universe.replace(store, "file:x", {"SPY": SPANS})
        known = instruments.load(store, "file:x", ["SPY", "TLT"])
    assert known["SPY"].memberships == SPANS
    assert not known["TLT"].member(date(2020, 1, 1))
