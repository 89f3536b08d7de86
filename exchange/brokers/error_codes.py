"""What an error answer of Binance says about the request: refused for good, not taken yet, or nobody knows.

Codes: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md and
https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code. What a 5XX and a -1007 leave open:
https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#http-return-codes
"""

from enum import StrEnum

import requests
from urllib3.exceptions import NewConnectionError

#: -2008, "Invalid Api-Key ID.", is not in those lists: https://github.com/ccxt/ccxt/issues/29099
_KEYS = frozenset({-1002, -1022, -2008, -2014, -2015})
#: The stamp is outside recvWindow: before the engine (-1021), or at the futures' engine, which rejects the order for it
#: (-5028, ME_RECVWINDOW_REJECT). Either way there is no order, and the same one with a new stamp may be taken.
_SKEWED = frozenset({-1021, -5028})
#: Too many requests, too many orders: certainly not taken.
LIMITED_CODES = frozenset({-1003, -1015})
#: Unknown error, disconnected, unexpected response, time-out, overloaded: the execution status is unknown. Orders were
#: filled behind a 503 with -1008 that said "overloaded": https://github.com/banbox/banbot/issues/114
_OPEN = frozenset({-1000, -1001, -1006, -1007, -1008})
#: A request time-out, and a request of which one half was done.
_OPEN_STATUS = frozenset({408, 409})
#: How the messages of a 503 begin of which the futures' documentation says that the request has failed. Its "Internal
#: error" comes with -1001, which other pages leave open; spot's says of every 5XX that the status is unknown.
#: https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info#http-return-codes
FUTURES_NOT_TAKEN = ("Service Unavailable.", "Request throttled by system-level protection.")
_FUTURES_DUPLICATE = -4116
_NEW_ORDER_REJECTED = -2010
UNKNOWN_ORDER = frozenset({-2011, -2013})
#: Cancelled or expired without a trade more than 90 days ago.
ARCHIVED_ORDER = -2026


class Judgement(StrEnum):
    """What is known of a request that failed."""

    REFUSED = "refused"
    DUPLICATE = "duplicate"
    KEYS = "keys"
    SKEWED = "skewed"
    LIMITED = "limited"
    NOT_SENT = "not sent"
    OPEN = "open"


class VenueRefusal(Exception):
    """The venue will never take this request: its code, and its words with the code in them."""

    def __init__(self, said: str, code: int = 0) -> None:
        super().__init__(said)
        self.code = code


class Uncertain(Exception):
    """The venue may or may not have taken the request."""


class Duplicate(Exception):
    """The venue has an order of that id already."""


def judge_answer(status: int, code: int, said: str, not_taken: tuple[str, ...] = ()) -> Judgement:
    """What an error answer says; `not_taken` are the messages of a 503 by which the venue says that it has failed.

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
    # An answer without a code is not the venue's, but of something on the way to it.
    if status >= 500 or status in _OPEN_STATUS or code in _OPEN or not code:
        return Judgement.OPEN
    if code == _FUTURES_DUPLICATE or (code == _NEW_ORDER_REJECTED and said.startswith("Duplicate order")):
        return Judgement.DUPLICATE
    return Judgement.REFUSED


def judge_failure(error: requests.RequestException) -> Judgement:
    """What a failure without an answer says: only a connection that was never made is certain."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return Judgement.NOT_SENT
    return Judgement.OPEN
