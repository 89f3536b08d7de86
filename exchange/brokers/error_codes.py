"""Error codes of Binance, classified: request refused for good, not accepted yet, or outcome unknown.

Codes: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md and
https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code. 5XX and -1007 leave the outcome open:
https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#http-return-codes
"""

from enum import StrEnum

import requests
from urllib3.exceptions import NewConnectionError

#: -2008, "Invalid Api-Key ID.", is not in those lists: https://github.com/ccxt/ccxt/issues/29099
_KEYS = frozenset({-1002, -1022, -2008, -2014, -2015})
#: The timestamp is outside recvWindow: before the engine (-1021), or at the futures engine, which then rejects the
#: order (-5028, ME_RECVWINDOW_REJECT). Either way there is no order, and the same one with a new timestamp may be
#: accepted.
_SKEWED = frozenset({-1021, -5028})
#: Too many requests, too many orders: certainly not accepted.
LIMITED_CODES = frozenset({-1003, -1015})
#: Unknown error, disconnected, unexpected response, time-out, overloaded: the outcome is unknown. Orders have filled
#: despite a 503 with -1008, "overloaded": https://github.com/banbox/banbot/issues/114
_OPEN = frozenset({-1000, -1001, -1006, -1007, -1008})
#: Request time-out, and a request that was only half completed.
_OPEN_STATUS = frozenset({408, 409})
#: Beginnings of 503 messages that mean, according to the futures documentation, that the request has failed. Its
#: "Internal error" comes with -1001, whose outcome other pages leave open; for spot, every 5XX is of unknown outcome.
#: https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info#http-return-codes
FUTURES_NOT_TAKEN = ("Service Unavailable.", "Request throttled by system-level protection.")
_FUTURES_DUPLICATE = -4116
_NEW_ORDER_REJECTED = -2010
UNKNOWN_ORDER = frozenset({-2011, -2013})
#: Cancelled or expired without a trade more than 90 days ago.
ARCHIVED_ORDER = -2026


class Judgement(StrEnum):
    """Classification of a failed request."""

    REFUSED = "refused"
    DUPLICATE = "duplicate"
    KEYS = "keys"
    SKEWED = "skewed"
    LIMITED = "limited"
    NOT_SENT = "not sent"
    OPEN = "open"


class VenueRefusal(Exception):
    """The venue will never accept this request; it carries the venue's code and its message with the code."""

    def __init__(self, said: str, code: int = 0) -> None:
        super().__init__(said)
        self.code = code


class Uncertain(Exception):
    """The venue may or may not have accepted the request."""


class Duplicate(Exception):
    """The venue already has an order with that id."""


def judge_answer(status: int, code: int, said: str, not_taken: tuple[str, ...] = ()) -> Judgement:
    """Return the classification of an error answer; `not_taken` are 503 messages that mean the request has failed.

    >>> judge_answer(400, -1013, "Filter failure: LOT_SIZE"), judge_answer(502, 0, "<html>")
    (<Judgement.REFUSED: 'refused'>, <Judgement.OPEN: 'open'>)
    """
    if code in _KEYS:
        return Judgement.KEYS
    if code in _SKEWED:
        return Judgement.SKEWED
    if (
        status in (418, 429)
        or (code in LIMITED_CODES and status < 500)
        or (status == 503 and said.startswith(not_taken))
    ):
        return Judgement.LIMITED
    # An answer without a code does not come from the venue but from something on the way to it.
    if status >= 500 or status in _OPEN_STATUS or code in _OPEN or not code:
        return Judgement.OPEN
    if code == _FUTURES_DUPLICATE or (code == _NEW_ORDER_REJECTED and said.startswith("Duplicate order")):
        return Judgement.DUPLICATE
    return Judgement.REFUSED


def judge_failure(error: requests.RequestException) -> Judgement:
    """Return the classification of a failure without an answer: only a connection never made is a certain outcome."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return Judgement.NOT_SENT
    return Judgement.OPEN
