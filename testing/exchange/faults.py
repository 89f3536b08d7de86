"""Faults between the fake exchange and its clients, in a fixed order or drawn from a seed; all counted."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from testing.exchange.delays import MOST_S


class Kind(StrEnum):
    """Each way to fail. `…_ACCEPTED`, `…_BEHIND`, `…_UNREAD` and `SLOW` carry the request out first, `…_LATE` later.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info and
    https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#http-return-codes: after a 5XX, a -1006
    or a -1007 the execution status is unknown and could have been a success; -1008 and 429 are failures. Orders were
    filled behind a -1008 that said "overloaded" all the same: https://github.com/banbox/banbot/issues/114. The futures'
    page tells apart three bodies of a 503 (unknown, "Service Unavailable." and a throttled -1008: both "100% failure"),
    and that a 403 comes from the firewall. That requests reach the engine later: `Delays.forward`; that answers lag
    behind it: `exchange_delays`.
    """

    CUT = "cut before acceptance"
    CUT_ACCEPTED = "cut after acceptance"
    STALLED = "no answer, not accepted"
    SLOW = "slow answer, accepted"
    TIMEOUT = "-1007, not accepted"
    TIMEOUT_ACCEPTED = "-1007, accepted"
    UNEXPECTED = "-1006, not accepted"
    UNEXPECTED_ACCEPTED = "-1006, accepted"
    HTML = "5xx with HTML, not accepted"
    HTML_ACCEPTED = "5xx with HTML, accepted"
    BUSY = "-1008, not accepted"
    BUSY_ACCEPTED = "-1008, accepted"
    DISCONNECTED = "-1001, not accepted"
    SKEWED = "-1021, not accepted"
    TOO_MANY = "429"
    BANNED = "418"
    BANNED_BY_TEXT = "418 without Retry-After"
    FORBIDDEN = "403, not accepted"
    UNAVAILABLE = "503 Service Unavailable, not accepted"
    UNKNOWN_ERROR = "503 Unknown error, not accepted"
    UNKNOWN_ERROR_ACCEPTED = "503 Unknown error, accepted"
    CUT_LATE = "cut, accepted up to 60 s later"
    STALLED_LATE = "no answer, accepted up to 60 s later"
    TIMEOUT_LATE = "-1007, accepted up to 60 s later"
    BEHIND = "accepted, told of up to 60 s late"
    CUT_BEHIND = "cut after acceptance, told of up to 60 s late"
    TRADES_UNREAD = "accepted, its trades unreadable up to 60 s"


ACCEPTED = frozenset(
    {
        *(Kind.CUT_ACCEPTED, Kind.SLOW, Kind.TIMEOUT_ACCEPTED),
        *(Kind.UNEXPECTED_ACCEPTED, Kind.HTML_ACCEPTED, Kind.BUSY_ACCEPTED, Kind.UNKNOWN_ERROR_ACCEPTED),
        *(Kind.BEHIND, Kind.CUT_BEHIND, Kind.TRADES_UNREAD),
    }
)
LATE = frozenset({Kind.CUT_LATE, Kind.STALLED_LATE, Kind.TIMEOUT_LATE})
#: What happens to orders alone; another request may meet them only by a test's own mistake.
OF_ORDERS = LATE | {Kind.BEHIND, Kind.CUT_BEHIND, Kind.TRADES_UNREAD}
# After these a client cannot know whether its order was accepted.
UNKNOWN = (
    Kind.CUT, Kind.CUT_ACCEPTED, Kind.STALLED, Kind.SLOW, Kind.TIMEOUT, Kind.TIMEOUT_ACCEPTED,
    Kind.UNEXPECTED, Kind.UNEXPECTED_ACCEPTED, Kind.HTML, Kind.HTML_ACCEPTED, Kind.BUSY, Kind.BUSY_ACCEPTED,
    Kind.UNKNOWN_ERROR, Kind.UNKNOWN_ERROR_ACCEPTED,
)  # fmt: skip


BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failure; `method` and the ending of `path` say which requests it is for, empty means any."""

    kind: Kind
    method: str = ""
    path: str = ""
    delay_s: float = 30.0
    late_s: float = MOST_S
    retry_after_s: int = 2
    status: int = 502
    body: str = BAD_GATEWAY

    def fits(self, method: str, path: str) -> bool:
        return (not self.method or method == self.method) and path.endswith(self.path)


@dataclass
class Faults:
    """The failures to come: `listed` first, each waiting for the first request it fits; then, at `rate`, drawn ones.

    None in the list lets one request pass. Drawn ones are copies of `patterns`, chosen evenly by `seed`.
    """

    listed: list[Fault | None] = field(default_factory=list)
    patterns: Sequence[Fault] = ()
    rate: float = 0.0
    seed: int = 0
    injected: Counter[Kind] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate <= 1.0:
            raise ValueError(f"rate is {self.rate}; a rate lies between 0 and 1")
        self._random = random.Random(self.seed)

    @classmethod
    def drawn(
        cls, *, seed: int, rate: float, kinds: Iterable[Kind] = tuple(Kind), method: str = "", path: str = ""
    ) -> "Faults":
        """Failures of these kinds, each request that fits meeting one with probability `rate`."""
        patterns = [
            Fault(kind=kind, method="POST", path="/order")
            if kind in OF_ORDERS
            else Fault(kind=kind, method=method, path=path)
            for kind in kinds
        ]
        return cls(patterns=patterns, rate=rate, seed=seed)

    def add(self, *faults: Fault | None) -> None:
        """Put these behind the ones that are listed already."""
        self.listed.extend(faults)

    def next(self, method: str, path: str) -> Fault | None:
        """Return what this request meets; it is counted."""
        fault = self._listed(method, path) if self.listed else self._drawn(method, path)
        if fault is not None:
            self.injected[fault.kind] += 1
        return fault

    def _listed(self, method: str, path: str) -> Fault | None:
        head = self.listed[0]
        if head is None or head.fits(method, path):
            return self.listed.pop(0)
        return None

    def _drawn(self, method: str, path: str) -> Fault | None:
        fitting = [fault for fault in self.patterns if fault.fits(method, path)]
        # Nothing is drawn for a request that nothing fits, so that more of those change no later fault.
        if not fitting or self._random.random() >= self.rate:
            return None
        drawn = self._random.choice(fitting)
        return replace(drawn, late_s=self._random.uniform(0.0, MOST_S)) if drawn.kind in OF_ORDERS else drawn
