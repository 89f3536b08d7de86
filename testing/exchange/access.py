"""Access to the fake exchange: its clock, keys and signatures, request and order limits."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

MAX_WINDOW_MS = 60_000
DEFAULT_WINDOW_MS = 5_000


class Refusal(Exception):
    """An answer of the exchange that is an error: HTTP status, code, message, and headers where it has any."""

    def __init__(self, code: int, message: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


class Clock(Protocol):
    """The exchange's clocks: `server` is its own, `offset` ahead of the machine's."""

    offset: timedelta

    @property
    def now(self) -> datetime: ...

    def server(self) -> datetime: ...


@dataclass
class SetClock:
    """A clock that stands until the test moves `now`; the exchange's own is `offset` ahead of it."""

    now: datetime
    offset: timedelta = timedelta(0)

    def server(self) -> datetime:
        return self.now + self.offset

    def advance(self, span: timedelta) -> None:
        self.now += span


@dataclass
class WallClock:
    """The machine's clock, which python-binance stamps its requests by; the exchange's is `offset` ahead of it."""

    offset: timedelta = timedelta(0)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def server(self) -> datetime:
        return self.now + self.offset


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def check_key(keys: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The secret of the key in the headers.

    https://github.com/binance/binance-spot-api-docs/blob/master/errors.md: -2014 BAD_API_KEY_FMT is a key
    that cannot be one, -2015 REJECTED_MBX_KEY one that is not known here.
    """
    key = next((value for name, value in headers.items() if name.upper() == "X-MBX-APIKEY"), "")
    if not re.fullmatch(r"[A-Za-z0-9]{64}", key):
        raise Refusal(-2014, "API-key format invalid.", status=401)
    if key not in keys:
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    return keys[key]


_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")


def check_signature(secret: str, signature: str, query: str, body: str) -> None:
    """Nothing when the signature is the HMAC-SHA256 of the exact text that came, without the signature itself.

    https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#signed-trade-and-user_data-endpoint-security:
    `totalParams` is the query string concatenated with the body, without a separator; the signature's case is free.
    """
    if not signature:
        raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    signed = _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
        raise Refusal(-1022, "Signature for this request is not valid.")


def check_time(parameters: Mapping[str, str], server_ms: int) -> None:
    """Nothing when the request is neither from the future nor too old.

    https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#timing-security:
    `timestamp < serverTime + 1000 && serverTime - timestamp <= recvWindow`, 5000 by default, 60000 at most.
    """
    stamp, window = parameters.get("timestamp", ""), parameters.get("recvWindow", str(DEFAULT_WINDOW_MS))
    if not stamp.isdigit():
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not window.isdigit():
        raise Refusal(-1102, "Mandatory parameter 'recvWindow' was not sent, was empty/null, or malformed.")
    if int(window) > MAX_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000")
    if int(stamp) >= server_ms + 1000:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_ms - int(stamp) > int(window):
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


@dataclass
class RequestLimits:
    """The weight used in the running minute, the 429 beyond `weight_limit` and the 418 for who goes on.

    https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#ip-limits: a ban lasts from 2 minutes
    to 3 days and grows for repeat offenders. How many requests after a 429 earn it is not told: `patience`.
    """

    weight_limit: int
    patience: int = 3
    used: int = 0
    bans: int = 0
    _minute: int = -1
    _ignored: int = 0
    _blocked_until_ms: int = 0
    _banned_until_ms: int = 0

    def headers(self) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT": str(self.used), "X-MBX-USED-WEIGHT-1M": str(self.used)}

    def spend(self, weight: int, server_ms: int) -> None:
        """Nothing when the request may pass; it counts in either case."""
        if server_ms // 60_000 != self._minute:
            self._minute, self.used = server_ms // 60_000, 0
        self.used += weight
        if server_ms < self._banned_until_ms:
            raise self.banned(server_ms)
        if server_ms < self._blocked_until_ms:
            self._ignored += 1
            if self._ignored > self.patience:
                self.ban(server_ms)
                raise self.banned(server_ms)
            raise self.too_many(server_ms)
        if self.used > self.weight_limit:
            self.block((self._minute + 1) * 60_000)
            raise self.too_many(server_ms)

    def block(self, until_ms: int) -> None:
        """Answer 429 until then."""
        self._blocked_until_ms, self._ignored = until_ms, 0

    def ban(self, server_ms: int) -> None:
        """Answer 418 from now on, twice as long as the last time."""
        self._banned_until_ms = server_ms + min(120_000 * 2**self.bans, 3 * 86_400_000)
        self.bans += 1

    def too_many(self, server_ms: int) -> Refusal:
        """The 429 of this moment."""
        text = f"current limit is {self.weight_limit} request weight per 1 MINUTE"
        return self._refusal(429, f"Too much request weight used; {text}.", self._blocked_until_ms - server_ms)

    def banned(self, server_ms: int) -> Refusal:
        """The 418 of this moment."""
        text = f"Way too much request weight used; IP banned until {self._banned_until_ms}."
        return self._refusal(418, text, self._banned_until_ms - server_ms)

    def _refusal(self, status: int, message: str, wait_ms: int) -> Refusal:
        advice = " Please use WebSocket Streams for live updates to avoid polling the API."
        return Refusal(-1003, message + advice, status=status, headers={"Retry-After": str(-(-wait_ms // 1000))})


@dataclass
class OrderLimits:
    """New orders in each running interval; `spans` maps a header's ending (`10S`, `1D`) to its length and limit."""

    spans: Mapping[str, tuple[int, int]]
    _counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        return {f"X-MBX-ORDER-COUNT-{name}": str(count) for name, (_, count) in self._counts.items()}

    def check(self, server_ms: int) -> None:
        """Nothing when one more order may come; otherwise 429 and -1015, without Retry-After, as documented.

        https://github.com/binance/binance-spot-api-docs/blob/master/faqs/order_count_decrement.md
        """
        for name, (length_ms, limit) in self.spans.items():
            started, count = self._counts.get(name, (-1, 0))
            number = server_ms // length_ms
            self._counts[name] = (number, count if started == number else 0)
            if self._counts[name][1] >= limit:
                text = f"Too many new orders; current limit is {limit} orders per {name}."
                raise Refusal(-1015, text, status=429)

    def add(self, orders: int) -> None:
        """Count orders that were accepted (1) or, on spot, that traded for the first time (-1)."""
        self._counts = {name: (number, max(count + orders, 0)) for name, (number, count) in self._counts.items()}
