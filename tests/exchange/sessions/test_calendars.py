from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from exchange.bars.files import FileBars
from exchange.bars.sample import SampleBars
from exchange.sessions.calendars import infer_calendar, sessions
from exchange.sessions.closing_times import closed_by, last_closed
from strategy.market.instruments import Calendar

DATA = Path(__file__).parents[4] / "shared" / "data"


def texts(calendar: Calendar, first: date, last: date) -> list[str]:
    return sessions(calendar, first, last).astype(str).tolist()


def test_around_the_clock_every_day_is_a_session():
    assert len(sessions(Calendar.ALWAYS, date(2020, 1, 1), date(2020, 12, 31))) == 366


def test_weekdays_have_no_holidays():
    assert texts(Calendar.WEEKDAYS, date(2020, 12, 24), date(2020, 12, 28)) == [
        "2020-12-24",
        "2020-12-25",
        "2020-12-28",
    ]


def test_new_york_keeps_its_holidays_and_special_closings():
    assert texts(Calendar.XNYS, date(2020, 12, 24), date(2020, 12, 28)) == ["2020-12-24", "2020-12-28"]
    assert texts(Calendar.XNYS, date(2001, 9, 10), date(2001, 9, 17)) == ["2001-09-10", "2001-09-17"]
    assert texts(Calendar.XNYS, date(2012, 10, 26), date(2012, 10, 31)) == ["2012-10-26", "2012-10-31"]


def test_a_backward_span_holds_no_session():
    for calendar in Calendar:
        assert len(sessions(calendar, date(2020, 1, 3), date(2020, 1, 2))) == 0


def test_before_1970_new_york_is_weekdays_less_special_closings_without_saturdays():
    assert texts(Calendar.XNYS, date(1960, 7, 1), date(1960, 7, 5)) == ["1960-07-01", "1960-07-04", "1960-07-05"]
    assert texts(Calendar.XNYS, date(1933, 3, 3), date(1933, 3, 15)) == ["1933-03-03", "1933-03-15"]
    assert texts(Calendar.XNYS, date(1880, 7, 2), date(1880, 7, 6)) == ["1880-07-02", "1880-07-05", "1880-07-06"]


def test_spans_across_the_ends_of_the_known_calendar_have_no_seam():
    across = sessions(Calendar.XNYS, date(1884, 12, 1), date(1885, 1, 31))
    assert (np.diff(across).astype(int) <= 4).all()
    beyond = sessions(Calendar.XNYS, date(2199, 12, 20), date(2200, 1, 10))
    assert beyond[0] == np.datetime64("2199-12-20")
    assert beyond[-1] == np.datetime64("2200-01-10")


@pytest.mark.parametrize(
    ("session", "close"),
    [
        (date(2021, 7, 6), "2021-07-06T20:00:00+00:00"),
        (date(2021, 1, 6), "2021-01-06T21:00:00+00:00"),
        (date(2021, 11, 26), "2021-11-26T18:00:00+00:00"),
        (date(1999, 1, 4), "1999-01-04T21:00:00+00:00"),
        (date(2021, 7, 5), "2021-07-05T20:00:00+00:00"),
        (date(1870, 1, 4), "1870-01-04T20:56:02+00:00"),
    ],
)
def test_new_york_closes_by_its_own_clock(session, close):
    assert closed_by(Calendar.XNYS, session).isoformat() == close


@pytest.mark.parametrize("calendar", [Calendar.ALWAYS, Calendar.WEEKDAYS])
def test_other_bars_close_at_the_next_midnight(calendar):
    assert closed_by(calendar, date(2020, 12, 31)) == datetime(2021, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("calendar", list(Calendar))
def test_the_last_closed_session_is_the_newest_whose_close_has_come(calendar):
    for step in range(0, 24 * 14, 5):
        now = datetime(2021, 11, 20, tzinfo=UTC) + timedelta(hours=step)
        last = last_closed(calendar, now)
        later = sessions(calendar, last + timedelta(days=1), now.date() + timedelta(days=7))
        assert closed_by(calendar, last) <= now
        assert closed_by(calendar, later[0].astype(object)) > now


def test_the_last_closed_session_does_not_depend_on_the_zone_of_now():
    now = datetime(2021, 7, 6, 16, 0, tzinfo=timezone(timedelta(hours=-4)))
    assert last_closed(Calendar.XNYS, now) == date(2021, 7, 6)
    with pytest.raises(ValueError, match="must carry a time zone"):
        last_closed(Calendar.XNYS, datetime(2021, 7, 6))  # noqa: DTZ001


def test_calendars_are_inferred_from_their_own_sessions():
    for calendar in Calendar:
        dates = sessions(calendar, date(2018, 1, 1), date(2020, 12, 31))
        assert infer_calendar("X", dates) is calendar


def test_single_wrong_dates_do_not_change_the_calendar():
    dates = sessions(Calendar.XNYS, date(2018, 1, 1), date(2020, 12, 31))
    wrong = np.append(dates, [np.datetime64("2018-07-04"), np.datetime64("2019-06-01"), np.datetime64("NaT")])
    assert infer_calendar("X", np.delete(wrong, slice(100, 300))) is Calendar.XNYS


def test_without_a_date_there_is_no_calendar():
    with pytest.raises(ValueError, match="X: there is no date"):
        infer_calendar("X", np.array(["NaT"], dtype="datetime64[us]"))


def test_the_sample_has_exactly_the_sessions_of_new_york():
    source = SampleBars()
    for symbol, bars in source._bars.items():
        days = bars["open_time"].to_numpy().astype("datetime64[D]")
        expected = sessions(Calendar.XNYS, days[0].astype(object), days[-1].astype(object))
        assert np.array_equal(days, expected), symbol


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the development data is not at {DATA}")
def test_real_series_show_their_calendars():
    source = FileBars(DATA / "ohlcv_daily.parquet")
    wanted = {"SPY": "XNYS", "^GSPC": "XNYS", "BTCUSDT": "24/7", "EURGBP": "weekdays", "XAUUSD": "weekdays"}
    assert {instrument.symbol: str(instrument.calendar) for instrument in source.instruments(tuple(wanted))} == wanted
