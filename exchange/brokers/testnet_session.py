"""Signed calls to Binance's testnets: to one host, by its clock, within its limits, without revealing a secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.error_codes import Duplicate, Judgement, Uncertain, VenueRefusal, judge_answer, judge_failure
from exchange.brokers.testnet_client import Redirected, Wire, testnet_client
from exchange.ports import BrokerRefused, BrokerUnavailable
from exchange.rate_limit import LONGEST_WAIT_S, stated_wait_s, wait_near_limit
from exchange.retries import TRIES, Transient, retried

Answer = TypeVar("Answer")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A testnet: its only address, the call for its time, and the used request weight per minute at which to wait.

    `not_taken` are 503 messages that mean the request has failed, and may be sent again.
    """

    url: str
    server_time: Callable[[Any], Mapping[str, int]]
    weight_limit: int
    not_taken: tuple[str, ...] = ()


class TestnetSession:
    """Calls of python-binance's client, signed with the keys."""

    __test__ = False

    def __init__(self, keys: ApiKeys, endpoint: Endpoint, wire: Wire) -> None:
        self._endpoint, self._wire = endpoint, wire
        self._client = testnet_client(keys, endpoint.url, wire)
        self._measured = False

    def __repr__(self) -> str:
        return f"TestnetSession({self._endpoint.url})"

    def now(self) -> datetime:
        """Return the venue's clock, from ours and the measured difference. Raises BrokerUnavailable."""
        self._demand_clock()
        ahead: int = self._client.timestamp_offset
        return self._wire.clock() + timedelta(milliseconds=ahead)

    def wait(self, seconds: float) -> None:
        """Wait for that many seconds; the clocks are compared again afterwards."""
        self._wire.sleep(seconds)
        self._measured = False

    def ask(self, question: Callable[[Any], Answer]) -> Answer:
        """Return the result of the client's call, tried at most five times.

        Raises VenueRefusal for a request that will never succeed, BrokerRefused for bad keys, and BrokerUnavailable
        otherwise.
        """
        return self._repeated(question, self._demand_clock)

    def _repeated(self, question: Callable[[Any], Answer], prepare: Callable[[], None]) -> Answer:
        try:
            answer = retried(lambda: self._asked(question, prepare), self.wait)
        except Transient as failure:
            raise BrokerUnavailable(
                f"{self._host} did not answer within {TRIES} tries (last: {failure}); check the network or run the "
                "same command again later"
            ) from None
        wait_near_limit(self._client.response.headers, self._endpoint.weight_limit, self.wait)
        return answer

    def send(self, request: Callable[[Any], Answer]) -> Answer:
        """Return the result of the client's call, which is sent once, without waiting.

        Raises VenueRefusal, Duplicate, Uncertain, BrokerRefused, or BrokerUnavailable if it was certainly not accepted.
        """
        try:
            judgement, said, answer = self._call(request)
        except Redirected as error:
            raise Uncertain(str(error)) from None
        if judgement is None:
            wait_near_limit(self._client.response.headers, self._endpoint.weight_limit, self.wait)
            taken: Answer = answer
            return taken
        if judgement is Judgement.DUPLICATE:
            raise Duplicate(said)
        if judgement is Judgement.OPEN:
            raise Uncertain(said)
        wait_s = self._stated_wait_s(said) if judgement is Judgement.LIMITED else 1.0
        if judgement is Judgement.SKEWED:
            self._measured, wait_s = False, 0.0
        raise BrokerUnavailable(
            f"{self._host} did not take the request ({said}); run the same command again later", wait_s
        )

    @property
    def _host(self) -> str:
        return str(urlsplit(self._endpoint.url).hostname)

    def _asked(self, question: Callable[[Any], Answer], prepare: Callable[[], None]) -> Answer:
        prepare()
        judgement, said, answer = self._call(question)
        if judgement is None:
            told: Answer = answer
            return told
        if judgement is Judgement.SKEWED:
            # The wait causes the clocks to be compared again.
            raise Transient(said, 0.0)
        raise Transient(said, self._stated_wait_s(said) if judgement is Judgement.LIMITED else None)

    def _call(self, call: Callable[[Any], Answer]) -> tuple[Judgement | None, str, Any]:
        """Return how the call failed (None: it did not), the failure in words without a secret, and the answer.

        Raises VenueRefusal, BrokerRefused.
        """
        from binance.exceptions import BinanceAPIException, BinanceRequestException

        try:
            return None, "", call(self._client)
        except BinanceAPIException as error:
            code = error.code if isinstance(error.code, int) else 0
            return self._judged(int(error.status_code), code, str(error.message)[:120])
        except BinanceRequestException:
            return Judgement.OPEN, "an answer that is not JSON", None
        except requests.RequestException as error:
            # Its text contains the signed URL.
            return judge_failure(error), type(error).__name__, None
        except BrokerRefused:
            raise
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            # The library fails on JSON that does not have the shape of an error or is nested too deeply, and the caller
            # on an answer of an unexpected shape.
            return Judgement.OPEN, "an answer of an unknown shape", None

    def _judged(self, status: int, code: int, said: str) -> tuple[Judgement, str, None]:
        judgement = judge_answer(status, code, said, self._endpoint.not_taken)
        words = f"HTTP {status}, code {code}: {said if code else 'no JSON'}"
        if judgement is Judgement.REFUSED:
            raise VenueRefusal(words, code) from None
        if judgement is Judgement.KEYS:
            raise BrokerRefused(
                f"{self._host} refuses the keys ({words}); check TURBODMT_TESTNET_KEY and TURBODMT_TESTNET_SECRET, and "
                "that they were made there"
            ) from None
        return judgement, words, None

    def _demand_clock(self) -> None:
        """Measure the difference between the venue's clock and ours, unless it is known."""
        if self._measured:
            return
        self._client.timestamp_offset = self._repeated(self._ahead_ms, lambda: None)
        self._measured = True

    def _ahead_ms(self, client: Any) -> int:
        """Return by how many ms the venue's clock is ahead of ours at the middle of one request, not of its retries."""
        started = self._wire.clock()
        stated = self._endpoint.server_time(client)
        ours = started + (self._wire.clock() - started) / 2
        theirs = _EPOCH + timedelta(milliseconds=int(stated["serverTime"]))
        return (theirs - ours) // timedelta(milliseconds=1)

    def _stated_wait_s(self, said: str) -> float:
        ahead = timedelta(milliseconds=self._client.timestamp_offset)
        wait_s = stated_wait_s(self._client.response.headers, said, self._wire.clock() + ahead)
        if wait_s > LONGEST_WAIT_S:
            raise BrokerUnavailable(
                f"{self._host} asks to wait {wait_s:.0f} s, more than the {LONGEST_WAIT_S:.0f} s that a run waits; run "
                "the same command again later"
            )
        return wait_s
