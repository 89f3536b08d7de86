from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from storage.bars import instruments
from storage.database import connect
from strategy.market.instruments import Calendar, Instrument

BITCOIN = Instrument(
    symbol="BTCUSDT",
    calendar=Calendar.ALWAYS,
    lot=Decimal("0.00001"),
    tick=Decimal("0.01"),
    shortable=False,
    listed_from=date(2017, 8, 17),
)
SPY = Instrument(symbol="SPY", calendar=Calendar.XNYS, listed_to=date(2030, 1, 1))


def test_instruments_come_back_by_source_and_symbol(home: Path) -> None:
    with connect(home) as store:
        instruments.save(store, "binance", [BITCOIN])
        instruments.save(store, "file:x", [SPY])
        assert instruments.load(store, "binance", ["BTCUSDT", "SPY"]) == {"BTCUSDT": BITCOIN}
        assert instruments.find(store, None, ["BTCUSDT", "SPY", "TLT"]) == {"BTCUSDT": BITCOIN, "SPY": SPY}


def test_the_own_source_comes_before_the_first_by_name(home: Path) -> None:
    of_a_file = replace(SPY, calendar=Calendar.WEEKDAYS, listed_to=None)
    with connect(home) as store:
        instruments.save(store, "file:x", [of_a_file, BITCOIN])
        instruments.save(store, "yahoo", [SPY])
        assert instruments.find(store, "yahoo", ["BTCUSDT", "SPY"]) == {"BTCUSDT": BITCOIN, "SPY": SPY}
        assert (
            instruments.find(store, "binance", ["SPY"]) == instruments.find(store, None, ["SPY"]) == {"SPY": of_a_file}
        )


def test_a_later_word_replaces_the_earlier_one(home: Path) -> None:
    with connect(home) as store:
        instruments.save(store, "file:x", [SPY])
        instruments.save(store, "file:x", [replace(SPY, shortable=False)])
        assert instruments.load(store, "file:x", ["SPY"]) == {"SPY": replace(SPY, shortable=False)}


def test_the_currency_is_kept(home: Path) -> None:
    with connect(home) as store:
        instruments.save(store, "yahoo", [SPY, replace(SPY, symbol="BARC.L", currency="GBp")])
        known = instruments.load(store, "yahoo", ["SPY", "BARC.L"])
        assert {symbol: instrument.currency for symbol, instrument in known.items()} == {"SPY": None, "BARC.L": "GBp"}
