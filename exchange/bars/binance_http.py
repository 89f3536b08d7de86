"""Public HTTP calls to Binance, retried on transient failures."""

import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests

from exchange.brokers.error_codes import LIMITED_CODES, Judgement, judge_answer
from exchange.deadline import WHOLE, PunctualAdapter
from exchange.ports import SourceRefused, SourceUnavailable
from exchange.rate_limit import LONGEST_WAIT_S, stated_wait_s, wait_near_limit
from exchange.retries import TRIES, Transient, retried

Answer = TypeVar("Answer")

#: Binance allows 6,000 weight units per minute and IP address on spot, and 2,400 on futures. Others may share the
#: address, so a fifth stays free.
WEIGHT_LIMIT, FUTURES_WEIGHT_LIMIT = 4_800, 1_920

_UNKNOWN_SYMBOL = -1121
#: HTTP statuses for an IP address that Binance does not serve.
_BARRED = (403, 451)


def public_client(timeout_s: float) -> Any:
    """Return a python-binance client without keys.

    Each of its requests ends after `timeout_s` without data, and after WHOLE times as long in any case.
    """
    with warnings.catch_warnings():
        # python-binance 1.0.37 uses deprecated names of websockets. It takes 0.5 s to import, so it is imported here.
        warnings.simplefilter("ignore", DeprecationWarning)
        from binance.client import Client

        # A ping in the constructor would be a request outside the retries.
        client = Client(ping=False, requests_params={"timeout": timeout_s})
    for scheme in ("https://", "http://"):
        client.session.mount(scheme, PunctualAdapter(WHOLE * timeout_s))
    return client


def answer(
    client: Any,
    ask: Callable[[], Answer],
    sleep: Callable[[float], None],
    symbol: str = "",
    weight_limit: int = WEIGHT_LIMIT,
) -> Answer:
    """Return the result of `ask`, after at most five tries and the waits that the exchange requests.

    `client` is python-binance's; its last response carries the used request weight: near `weight_limit`, the call waits
    a minute before it returns. Raises SourceRefused for a request that will never succeed, SourceUnavailable otherwise.
    """
    try:
        result = retried(lambda: _once(ask, symbol), sleep)
    except Transient as failure:
        raise SourceUnavailable(
            f"binance did not answer within {TRIES} tries (last: {failure}); check the network or try again later"
        ) from failure
    headers = client.response.headers if client.response is not None else {}
    wait_near_limit(headers, weight_limit, sleep)
    return result


def _once(ask: Callable[[], Answer], symbol: str) -> Answer:
    from binance.exceptions import BinanceAPIException, BinanceRequestException

    try:
        return ask()
    except BinanceAPIException as error:
        raise _judged(error, symbol) from error
    except BinanceRequestException as error:
        raise Transient(f"an answer that is not JSON, {str(error.message)[:60]!r}") from error
    except requests.RequestException as error:
        raise Transient(type(error).__name__) from error
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The library fails on JSON that does not have the shape of an error, or is nested too deeply.
        raise Transient("an answer of an unknown shape") from error


def _judged(error: Any, symbol: str) -> Exception:
    """Return the exception to raise for an error answer."""
    status, code = int(error.status_code), error.code if isinstance(error.code, int) else 0
    said = f"HTTP {status}, code {code}: {str(error.message)[:80]}"
    judgement = judge_answer(status, code, str(error.message))
    if judgement is Judgement.LIMITED or code in LIMITED_CODES:
        wait_s = _wait_s(error.response.headers, str(error.message))
        if wait_s > LONGEST_WAIT_S:
            return SourceUnavailable(
                f"binance asks to wait {wait_s:.0f} s (HTTP {status}), more than the {LONGEST_WAIT_S:.0f} s that a run "
                "waits; try again later"
            )
        return Transient(said, wait_s)
    if status in _BARRED:
        return SourceUnavailable(f"binance refuses this address ({said}); use another network or source")
    if judgement is Judgement.OPEN:
        return Transient(said)
    if code == _UNKNOWN_SYMBOL:
        return SourceRefused(unlisted("binance", symbol))
    return SourceRefused(f"binance refused the request for {symbol or 'its time'} ({said}); check the symbol and dates")


def unlisted(market: str, symbol: str) -> str:
    """Return what is said of a symbol that the market does not list, or no longer."""
    return (
        f"{market} lists no symbol {symbol}; check the spelling, for example BTCUSDT; one that it listed until now is "
        "delisted: leave it out of symbols, and say what became of it with `turbodmt delist`"
    )


def _wait_s(headers: Mapping[str, str], said: str) -> float:
    """Return the wait that an answer requests; the end of a ban counts from the answer's own time, by its header."""
    try:
        return stated_wait_s(headers, said, parsedate_to_datetime(headers["Date"]).astimezone(UTC))
    except (LookupError, TypeError, ValueError):
        return stated_wait_s(headers, "", datetime(1970, 1, 1, tzinfo=UTC))
