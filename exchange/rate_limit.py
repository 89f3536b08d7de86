"""Rate limits of an exchange: the request weight that was used, and the waits that keep within them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

#: Longest wait that is accepted; if the exchange requests a longer one, try again in a later run.
LONGEST_WAIT_S = 120.0
#: Binance counts the request weight of an IP address by the minute.
WEIGHT_WINDOW_S = 60.0
#: The end of a ban in the message of -1003, in milliseconds: "Way too much request weight used; IP banned until %s."
#: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md
_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


def stated_wait_s(headers: Mapping[str, str], said: str, now: datetime) -> float:
    """Return the wait that an answer requests, by its header or by the end of a ban in its message, if that is longer.

    It is a weight window if the answer states neither. `now` is the time to which the end of the ban is compared.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> stated_wait_s({"Retry-After": "7"}, "", noon)
    7.0
    >>> stated_wait_s({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Too many requests", noon)
    60.0
    >>> stated_wait_s({"Retry-After": "7"}, "Way too many requests; IP banned until 1767268890000.", noon)
    90.0
    """
    waits = []
    if headers.get("Retry-After", "").isdigit():
        waits.append(float(headers["Retry-After"]))
    if (banned := _BANNED_UNTIL.search(said)) is not None:
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(banned[1]))
        waits.append(max(0.0, (until - now).total_seconds()))
    return max(waits, default=WEIGHT_WINDOW_S)


def used_weight(headers: Mapping[str, str]) -> int:
    """Return the request weight that the IP address has used within the minute, by the answer's header; 0 without one.

    >>> used_weight({"x-mbx-used-weight-1m": "12"}), used_weight({"x-mbx-used-weight-1m": "?"}), used_weight({})
    (12, 0, 0)
    """
    stated = headers.get("x-mbx-used-weight-1m", "")
    return int(stated) if stated.isdigit() else 0


def wait_near_limit(headers: Mapping[str, str], weight_limit: int, sleep: Callable[[float], None]) -> None:
    """Wait a weight window if the used request weight, by the answer's headers, has reached the limit.

    >>> waits = []
    >>> wait_near_limit({"x-mbx-used-weight-1m": "4799"}, 4_800, waits.append)
    >>> wait_near_limit({"x-mbx-used-weight-1m": "4800"}, 4_800, waits.append)
    >>> waits
    [60.0]
    """
    if used_weight(headers) >= weight_limit:
        sleep(WEIGHT_WINDOW_S)
