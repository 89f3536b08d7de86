"""A question or a request to a testnet, and what each answer means, in literal words."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from exchange.brokers.error_codes import FUTURES_NOT_TAKEN, Duplicate, Uncertain, VenueRefusal
from exchange.brokers.testnet_session import Endpoint, TestnetSession
from exchange.ports import BrokerRefused, BrokerUnavailable
from testing.exchange.scripted_venue import START, Said, Told, refused
from testing.exchange.testnets import KEYS

SPOT = Endpoint(
    url="https://testnet.binance.vision", server_time=lambda client: client.get_server_time(), weight_limit=100
)
NOWHERE = requests.ConnectionError(MaxRetryError(None, "", NewConnectionError(None, "refused")))  # type: ignore[arg-type]


def a_session(venue: Told) -> TestnetSession:
    return TestnetSession(KEYS, SPOT, venue.wire())


def account(client: Any) -> Any:
    return client.get_account()


def exactly(text: str) -> str:
    """The pattern of this text and no other."""
    return f"^{re.escape(text)}$"


def asking(*answers: Any) -> Told:
    return Told({"GET account": answers})


def test_an_answer_is_handed_over_as_it_came() -> None:
    for call in (TestnetSession.ask, TestnetSession.send):
        venue = asking({"balances": []})
        assert call(a_session(venue), account) == {"balances": []}
        assert (len(venue.asked), venue.waits) == (1, [])


def test_a_session_shows_its_address_and_nothing_else() -> None:
    assert repr(a_session(Told({}))) == "TestnetSession(https://testnet.binance.vision)"


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(milliseconds=-1500)])
def test_the_venues_clock_is_ours_and_the_difference_and_stamps_the_requests(ahead: timedelta) -> None:
    venue = Told({"GET account": {}}, ahead)
    session = a_session(venue)
    assert session.now() == START + ahead
    assert session.now() == START + ahead
    assert len(venue.urls) == 1
    session.ask(account)
    # The library adds it to whole milliseconds.
    assert repr(session._client.timestamp_offset) == repr(ahead // timedelta(milliseconds=1))


def test_the_clocks_are_compared_at_the_middle_of_the_question() -> None:
    venue = Told({"GET time": {"serverTime": round(START.timestamp() * 1000) + 5_000}})
    ticks = iter([START, START + timedelta(seconds=4), START + timedelta(seconds=10)])
    session = TestnetSession(KEYS, SPOT, replace(venue.wire(), clock=lambda: next(ticks)))
    assert session.now() == START + timedelta(seconds=13)


def test_after_a_wait_the_clocks_are_compared_anew() -> None:
    venue = Told({})
    session = a_session(venue)
    session.now()
    session.wait(1.5)
    session.now()
    assert (venue.waits, len(venue.urls)) == ([1.5], 2)


@pytest.mark.parametrize(
    ("first", "wait_s"),
    [
        (refused(-1003, "Too many.", 429, **{"Retry-After": "7"}), 7.0),
        (refused(-1003, "Too many.", 429, **{"Retry-After": "120"}), 120.0),
        (refused(-1003, "Banned.", 418), 60.0),
        (refused(-1021, "Timestamp."), 0.0),
        (refused(-1000, "Unknown."), 1.0),
        (Said(body="<html>", status=502), 1.0),
        (Said(failure=NOWHERE), 1.0),
        (Said(failure=requests.ReadTimeout("stalled")), 1.0),
        (Said(failure=LookupError("odd")), 1.0),
    ],
)
def test_a_question_is_asked_again_after_the_wait_that_its_answer_asks_for(first: Said, wait_s: float) -> None:
    venue = asking(first, {"balances": []})
    assert a_session(venue).ask(account) == {"balances": []}
    assert (len(venue.asked), venue.waits) == (2, [wait_s])


def test_a_skewed_clock_is_measured_again_before_the_question_is_asked_again() -> None:
    venue = asking(refused(-1021, "Timestamp."), {})
    a_session(venue).ask(account)
    assert [url.rsplit("/", 1)[1] for url in venue.urls] == ["time", "account", "time", "account"]


@pytest.mark.parametrize(
    ("answer", "last"),
    [
        (refused(-1000, "Unknown."), "HTTP 400, code -1000: Unknown."),
        (refused(-1000, "x" * 130), "HTTP 400, code -1000: " + "x" * 120),
        (Said(body="<html>", status=502), "HTTP 502, code 0: no JSON"),
        (Said(body={"code": "X12", "msg": "no"}, status=500), "HTTP 500, code 0: no JSON"),
        (Said(body="<html>"), "an answer that is not JSON"),
        (Said(body="[]", status=502), "an answer of an unknown shape"),
        (Said(failure=requests.ReadTimeout("signature=secret")), "ReadTimeout"),
    ],
)
def test_a_question_without_an_answer_is_given_up_after_five_tries_with_the_last_failure(
    answer: Said, last: str
) -> None:
    venue = asking(answer)
    sentence = (
        f"testnet.binance.vision did not answer within 5 tries (last: {last}); check the network or run the same "
        "command again later"
    )
    with pytest.raises(BrokerUnavailable, match=exactly(sentence)):
        a_session(venue).ask(account)
    assert (len(venue.asked), venue.waits) == (5, [1.0, 2.0, 4.0, 8.0])


def test_a_clock_that_stays_skewed_is_measured_before_each_try_and_told() -> None:
    venue = asking(refused(-1021, "Timestamp."))
    sentence = r"did not answer within 5 tries \(last: HTTP 400, code -1021: Timestamp.\); check the network"
    with pytest.raises(BrokerUnavailable, match=sentence):
        a_session(venue).ask(account)
    assert ([url.rsplit("/", 1)[1] for url in venue.urls], venue.waits) == (["time", "account"] * 5, [0.0] * 4)


def test_a_ban_that_is_told_in_words_alone_is_sat_out_by_the_venues_clock() -> None:
    ahead = timedelta(seconds=30)
    until = round((START + ahead + timedelta(seconds=100)).timestamp() * 1000)
    banned = refused(-1003, f"Way too much request weight used; IP banned until {until}. Please use", 418)
    venue = Told({"GET account": (banned, {})}, ahead)
    a_session(venue).ask(account)
    assert venue.waits == [100.0]
    for_days = refused(-1003, f"Way too many requests; IP banned until {until + 86_400_000}.", 418)
    with pytest.raises(BrokerUnavailable, match="asks to wait 86500 s, more than the 120 s"):
        a_session(Told({"GET account": for_days}, ahead)).ask(account)


def test_an_answer_too_deep_to_be_read_leaves_a_request_open_and_a_question_unanswered() -> None:
    deep = Said(body="[" * 100_000)
    with pytest.raises(Uncertain, match="unknown shape"):
        a_session(asking(deep)).send(account)
    with pytest.raises(BrokerUnavailable, match="unknown shape"):
        a_session(asking(Said(body="[" * 100_000, status=400))).ask(account)


def test_a_ban_beyond_the_longest_wait_ends_the_question_at_once() -> None:
    for call in (TestnetSession.ask, TestnetSession.send):
        venue = asking(refused(-1003, "Banned.", 418, **{"Retry-After": "121"}))
        sentence = (
            "testnet.binance.vision asks to wait 121 s, more than the 120 s that a run waits; run the same command "
            "again later"
        )
        with pytest.raises(BrokerUnavailable, match=exactly(sentence)):
            call(a_session(venue), account)
        assert (len(venue.asked), venue.waits) == (1, [])


@pytest.mark.parametrize("call", [TestnetSession.ask, TestnetSession.send])
def test_what_will_never_be_answered_is_refused_at_once_with_its_code(call: Callable[..., Any]) -> None:
    venue = asking(refused(-1121, "Invalid symbol."))
    with pytest.raises(VenueRefusal, match=r"^HTTP 400, code -1121: Invalid symbol.$") as told:
        call(a_session(venue), account)
    assert (told.value.code, len(venue.asked)) == (-1121, 1)


@pytest.mark.parametrize("call", [TestnetSession.ask, TestnetSession.send])
def test_bad_keys_are_refused_at_once_with_the_names_of_their_variables(call: Callable[..., Any]) -> None:
    venue = asking(refused(-2015, "Invalid API-key.", 401))
    sentence = (
        "testnet.binance.vision refuses the keys (HTTP 401, code -2015: Invalid API-key.); check TURBODMT_TESTNET_KEY "
        "and TURBODMT_TESTNET_SECRET, and that they were made there"
    )
    with pytest.raises(BrokerRefused, match=exactly(sentence)):
        call(a_session(venue), account)
    assert len(venue.asked) == 1


@pytest.mark.parametrize(
    ("answer", "said", "wait_s"),
    [
        (refused(-1003, "Too many.", 429, **{"Retry-After": "7"}), "HTTP 429, code -1003: Too many.", 7.0),
        (refused(-1015, "Too many orders."), "HTTP 400, code -1015: Too many orders.", 60.0),
        (refused(-1021, "Timestamp."), "HTTP 400, code -1021: Timestamp.", 0.0),
        (Said(failure=NOWHERE), "ConnectionError", 1.0),
        (Said(failure=requests.ConnectTimeout("slow")), "ConnectTimeout", 1.0),
    ],
)
def test_a_request_that_was_certainly_not_taken_says_so_and_when_to_send_it_again(
    answer: Said, said: str, wait_s: float
) -> None:
    venue = asking(answer)
    sentence = f"testnet.binance.vision did not take the request ({said}); run the same command again later"
    with pytest.raises(BrokerUnavailable, match=exactly(sentence)) as told:
        a_session(venue).send(account)
    assert (told.value.retry_after_s, len(venue.asked), venue.waits) == (wait_s, 1, [])


def test_a_request_refused_for_its_clock_has_it_measured_again_and_no_other_has() -> None:
    def measured(answer: Said) -> int:
        venue = asking(answer)
        session = a_session(venue)
        session.now()
        with pytest.raises(BrokerUnavailable, match="did not take the request"):
            session.send(account)
        session.now()
        return len([url for url in venue.urls if url.endswith("/time")])

    assert measured(refused(-1021, "Timestamp.")) == 2
    assert measured(refused(-1003, "Too many.", 429)) == measured(Said(failure=NOWHERE)) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused(-1007, "Timeout.", 408), "HTTP 408, code -1007: Timeout."),
        (Said(body="<html>"), "an answer that is not JSON"),
        (Said(failure=requests.ReadTimeout("signature=secret")), "ReadTimeout"),
        (Said(failure=requests.ConnectionError("cut")), "ConnectionError"),
        (
            Said(status=302, headers={"location": "https://api.binance.com/"}),
            "testnet.binance.vision answers with a redirect, which is never followed; try again later",
        ),
    ],
)
def test_a_request_that_may_have_been_taken_is_uncertain_and_leaves_once(answer: Said, said: str) -> None:
    venue = asking(answer)
    with pytest.raises(Uncertain, match=exactly(said)):
        a_session(venue).send(account)
    assert (len(venue.asked), venue.waits) == (1, [])


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("Unknown error, please check your request or try again later.", Uncertain),
        ("Internal error; unable to process your request. Please try again.", Uncertain),
        ("Server is currently overloaded with other requests. Please try again in a few minutes.", Uncertain),
        ("Service Unavailable.", BrokerUnavailable),
        ("Request throttled by system-level protection. Reduce-only orders are exempt.", BrokerUnavailable),
    ],
)
def test_of_the_503s_of_futures_two_say_that_the_request_has_failed(said: str, taken: type[Exception]) -> None:
    futures = replace(SPOT, not_taken=FUTURES_NOT_TAKEN)
    with pytest.raises(taken, match=re.escape(said)):
        TestnetSession(KEYS, futures, asking(refused(-1008, said, 503)).wire()).send(account)
    with pytest.raises(Uncertain, match=re.escape(said)):
        a_session(asking(refused(-1008, said, 503))).send(account)
    page = Said(body="<html><h1>503 Service Unavailable.</h1></html>", status=503)
    with pytest.raises(Uncertain, match="no JSON"):
        TestnetSession(KEYS, futures, asking(page).wire()).send(account)


def test_an_order_that_is_there_already_is_a_duplicate() -> None:
    with pytest.raises(Duplicate, match=r"^HTTP 400, code -2010: Duplicate order sent.$"):
        a_session(asking(refused(-2010, "Duplicate order sent."))).send(account)


@pytest.mark.parametrize("call", [TestnetSession.ask, TestnetSession.send])
@pytest.mark.parametrize(("used", "waits"), [("99", []), ("100", [60.0]), (None, [])])
def test_near_the_limit_of_its_weight_it_waits_a_minute(
    call: Callable[..., Any], used: str | None, waits: list[float]
) -> None:
    venue = asking(Said(body={}, headers={"X-MBX-USED-WEIGHT-1M": used} if used else {}))
    assert call(a_session(venue), account) == {}
    assert venue.waits == waits
