from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from exchange.ports import BarRequest
from exchange.sessions.known_delistings import KnownDelistings
from strategy.market.instruments import Calendar, Instrument
from testing.markets.bars import PAIR, TOKEN, FakeBars

GONE = Instrument(symbol="GONE", calendar=Calendar.XNYS, listed_to=date(2020, 6, 10), last_price=Decimal(5))
#: Saturday noon.
NOW = datetime(2020, 6, 20, 12, tzinfo=UTC)
LIVE = KnownDelistings(behind=FakeBars(listings=(TOKEN,), streaming=True), delisted={"GONE": GONE})


def test_the_source_is_not_asked_about_what_it_serves_no_longer() -> None:
    assert LIVE.instruments(("TOKEN", "GONE")) == (TOKEN.instrument, GONE)
    assert LIVE.instruments(("GONE",)) == (GONE,)
    assert (LIVE.name, LIVE.streaming, LIVE.symbols()) == ("fake", True, ("TOKEN",))
    assert len(LIVE.fetch(BarRequest(since={"TOKEN": date(2020, 6, 18)}, until=date(2020, 6, 19), now=NOW))) == 2


def test_without_a_listed_symbol_the_last_session_is_that_of_the_calendars() -> None:
    assert LIVE.last_session(("GONE",), NOW) == date(2020, 6, 19)
    assert LIVE.last_session(("GONE", "TOKEN"), NOW) == date(2020, 6, 20)


def test_a_record_ends_where_its_bars_end() -> None:
    ended = KnownDelistings(behind=PAIR, delisted={"SHARE": replace(GONE, symbol="SHARE")})
    assert ended.last_session(("SHARE",), datetime(2026, 1, 1, tzinfo=UTC)) == date(2020, 12, 31)
