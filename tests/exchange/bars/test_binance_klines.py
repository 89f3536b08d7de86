from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from exchange.bars import binance_klines as binance_bars
from exchange.bars.binance_klines import BinanceBars
from exchange.brokers.error_codes import Judgement, judge_answer
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused, SourceUnavailable
from strategy.market.instruments import Calendar
from testing.servers.market_data import FakeBinance, Fault, daily_klines, midnight_ms, too_many

NOON = datetime(2021, 1, 10, 12, tzinfo=UTC)
FIRST = date(2021, 1, 1)


def fake(days: int = 10, now: datetime = NOON) -> FakeBinance:
    closes = [100.0 + number for number in range(days)]
    return FakeBinance(klines={"BTCUSDT": daily_klines(FIRST, closes)}, server_time=now)


def request(since: date | None = None, now: datetime = NOON, until: date = date(2021, 1, 31)) -> BarRequest:
    return BarRequest(since={"BTCUSDT": since}, until=until, now=now)


def source(server: FakeBinance, waits: list[float] | None = None) -> BinanceBars:
    return BinanceBars(base_url=server.url, sleep=(waits if waits is not None else []).append)


def test_only_closed_bars_come_back():
    with fake() as server:
        bars = source(server).fetch(request())
    assert tuple(bars.columns) == BAR_COLUMNS
    assert bars["open_time"].dtype == "datetime64[us]"
    assert bars["open_time"].iloc[-1].date() == date(2021, 1, 9)
    assert len(bars) == 9
    assert bars["close"].tolist() == [100.0 + number for number in range(9)]
    assert np.isnan(bars["adj_close"]).all()


def test_a_bar_that_the_exchange_has_not_closed_stays_out_though_our_clock_runs_ahead():
    with fake() as server:
        bars = source(server).fetch(request(now=datetime(2021, 1, 11, 12, tzinfo=UTC)))
    assert bars["open_time"].iloc[-1].date() == date(2021, 1, 9)


def test_a_bar_that_closes_after_now_stays_out_though_the_exchange_has_closed_it():
    with fake() as server:
        bars = source(server).fetch(request(now=datetime(2021, 1, 5, 0, 0, tzinfo=UTC)))
    assert bars["open_time"].iloc[-1].date() == date(2021, 1, 4)


def test_since_and_until_are_both_included():
    with fake() as server:
        bars = source(server).fetch(request(since=date(2021, 1, 3), until=date(2021, 1, 5)))
    assert [str(stamp.date()) for stamp in bars["open_time"]] == ["2021-01-03", "2021-01-04", "2021-01-05"]


def test_nothing_new_is_an_empty_frame_of_the_same_types():
    with fake() as server:
        bars = source(server).fetch(request(since=date(2021, 1, 10)))
        full = source(server).fetch(request())
    assert len(bars) == 0
    assert bars.dtypes.to_dict() == full.dtypes.to_dict()


def test_long_histories_come_in_pages_without_gaps_or_repeats():
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with fake(days=2100, now=now) as server:
        bars = source(server).fetch(request(now=now, until=date(2027, 1, 1)))
        pages = server.asked("/api/v3/klines")
    assert len(bars) == 2100
    assert (np.diff(bars["open_time"].to_numpy()) == np.timedelta64(1, "D")).all()
    assert [int(page["limit"]) for page in pages] == [1000, 1000, 1000]
    assert pages[0]["startTime"] == "0"


def test_klines_that_do_not_advance_end_the_paging():
    now = datetime(2027, 1, 1, tzinfo=UTC)
    with fake(days=1000, now=now) as server:
        server.klines["BTCUSDT"][-1][0] = midnight_ms(FIRST) - 1
        server._page = lambda klines, parameters: (200, klines)
        with pytest.raises(SourceUnavailable, match="do not advance"):
            source(server).fetch(request(since=FIRST, now=now, until=date(2027, 1, 1)))


@pytest.mark.parametrize("status", [429, 418])
def test_retry_after_is_obeyed(status):
    waits = []
    with fake() as server:
        server.faults = [too_many("7", status)]
        bars = source(server, waits).fetch(request())
    assert waits == [7.0]
    assert len(bars) == 9


def test_a_ban_without_a_stated_end_waits_for_one_weight_window():
    waits = []
    with fake() as server:
        server.faults = [too_many(None, 418)]
        source(server, waits).fetch(request())
    assert waits == [60.0]


def test_a_ban_that_is_told_in_words_alone_is_sat_out():
    until = round((datetime.now(UTC) + timedelta(seconds=90)).timestamp() * 1000)
    said = f'{{"code":-1003,"msg":"Way too much request weight used; IP banned until {until}. Please use"}}'
    waits = []
    with fake() as server:
        server.faults = [Fault(status=418, body=said)]
        source(server, waits).fetch(request())
    assert len(waits) == 1
    assert 80 < waits[0] <= 91


@pytest.mark.parametrize(("status", "body"), [(200, "[" * 100_000), (400, "[" * 100_000), (400, "[]"), (400, "7")])
def test_an_answer_of_an_unknown_shape_is_tried_again(status, body):
    waits = []
    with fake() as server:
        # The fake tells well what it answers with 200; 201 is as good an answer.
        server.faults = [Fault(status=201 if status == 200 else status, body=body)]
        assert len(source(server, waits).fetch(request())) == 9
    assert waits == [1.0]


def test_a_wait_beyond_the_limit_ends_the_run():
    waits = []
    with fake() as server:
        server.faults = [too_many("3600", 418)]
        with pytest.raises(SourceUnavailable, match="wait 3600 s"):
            source(server, waits).fetch(request())
    assert waits == []


def test_bad_gateways_and_cut_connections_are_tried_again():
    waits = []
    with fake() as server:
        server.faults = [Fault(status=502), Fault(), None, Fault(status=503)]
        bars = source(server, waits).fetch(request())
    assert len(bars) == 9
    assert waits == [1.0, 2.0, 1.0]


def test_tries_are_bounded():
    waits = []
    with fake() as server:
        server.faults = [Fault(status=502)] * 9
        with pytest.raises(SourceUnavailable, match=r"within 5 tries \(last: HTTP 502"):
            source(server, waits).fetch(request())
        assert len(server.requests) == 5
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_slow_answer_runs_into_the_time_out_and_is_tried_again(monkeypatch):
    monkeypatch.setattr(binance_bars, "_TIMEOUT_S", 0.2)
    waits = []
    with fake() as server:
        server.faults = [Fault(status=200, delay_s=0.5)]
        bars = source(server, waits).fetch(request())
    assert len(bars) == 9
    assert waits == [1.0]


def test_html_in_a_good_answer_is_tried_again():
    waits = []
    with fake() as server:
        server.faults = [Fault(status=203, body="<html>maintenance</html>")] * 5
        with pytest.raises(SourceUnavailable, match="not JSON"):
            source(server, waits).fetch(request())
    assert len(waits) == 4


def test_an_answer_without_the_time_is_an_unavailable_source():
    with fake() as server:
        server._answer = lambda path, parameters: (200, {})
        with pytest.raises(SourceUnavailable, match="where its time belongs"):
            source(server).fetch(request())


def test_klines_of_another_shape_are_an_unavailable_source():
    with fake() as server:
        server._page = lambda klines, parameters: (200, [["1", "2"] * 6])
        with pytest.raises(SourceUnavailable, match="where a list of klines of BTCUSDT belongs"):
            source(server).fetch(request())


def test_nobody_listening_is_an_unavailable_source():
    with fake() as server:
        url = server.url
    with pytest.raises(SourceUnavailable, match="ConnectionError"):
        BinanceBars(base_url=url, sleep=lambda wait_s: None).fetch(request())


def test_an_unknown_symbol_is_refused_at_once():
    waits = []
    with fake() as server:
        bars = source(server, waits)
        with pytest.raises(SourceRefused, match="no symbol BTCUSD; check the spelling"):
            bars.fetch(BarRequest(since={"BTCUSD": None}, until=FIRST, now=NOON))
        with pytest.raises(SourceRefused, match="no symbol BTCUSD"):
            bars.instruments(("BTCUSD",))
    assert waits == []


def test_a_restricted_place_is_unavailable_without_tries():
    waits = []
    with fake() as server:
        server.faults = [Fault(status=451, body='{"code":0,"msg":"Service unavailable from a restricted location"}')]
        with pytest.raises(SourceUnavailable, match="refuses this address"):
            source(server, waits).fetch(request())
    assert waits == []


@pytest.mark.parametrize("status", [400, 408, 409, 500, 503])
@pytest.mark.parametrize("code", [0, -1001, -1003, -1008, -1015, -1100, -1121, -2013])
def test_a_question_is_asked_again_exactly_where_an_order_of_that_answer_would_be_open(status, code):
    waits: list[float] = []
    with fake() as server:
        server.faults = [None, Fault(status=status, body=f'{{"code":{code},"msg":"so"}}')]
        try:
            source(server, waits).fetch(request())
        except SourceRefused:
            assert judge_answer(status, code, "so") is Judgement.REFUSED
        else:
            assert judge_answer(status, code, "so") in (Judgement.OPEN, Judgement.LIMITED)
    assert waits == {-1003: [60.0], -1015: [60.0]}.get(code, waits[:1])


def test_other_client_errors_are_refused_with_code_and_message():
    with fake() as server:
        server.faults = [None, Fault(status=400, body='{"code":-1100,"msg":"Illegal characters"}')]
        with pytest.raises(SourceRefused, match="code -1100: Illegal characters"):
            source(server).fetch(request())


def test_it_pauses_a_minute_near_the_weight_limit():
    waits = []
    with fake() as server:
        server.used_weight = 4_800
        source(server, waits).fetch(request())
    assert waits == [60.0, 60.0]


def test_the_last_session_is_the_last_day_that_is_over_by_both_clocks():
    with fake() as server:
        bars = source(server)
        assert bars.last_session(("BTCUSDT",), NOON) == date(2021, 1, 9)
        assert bars.last_session(("BTCUSDT",), datetime(2021, 1, 12, tzinfo=UTC)) == date(2021, 1, 9)
        assert bars.last_session(("BTCUSDT",), datetime(2021, 1, 8, tzinfo=UTC)) == date(2021, 1, 7)


def test_instruments_carry_the_exchange_s_lot_and_tick():
    with fake() as server:
        (instrument,) = source(server).instruments(("BTCUSDT",))
    assert instrument.calendar is Calendar.ALWAYS
    assert (instrument.lot, instrument.tick) == (Decimal("0.00001"), Decimal("0.01"))


def test_it_asks_the_main_site_unless_told_a_loopback_address():
    assert BinanceBars()._client.API_URL == "https://api.binance.com/api"
    with pytest.raises(ValueError, match=r"leads to api\.binance\.us; it must be on loopback"):
        BinanceBars(base_url="https://api.binance.us")


def test_no_key_is_sent():
    headers = BinanceBars()._client.session.headers
    assert "X-MBX-APIKEY" not in headers
