"""API keys of the testnets: from the caller, the environment or Prefect's secrets; never from a setting."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from exchange.brokers.api_keys import ApiKeys
from strategy.exit_codes import Exit

#: Names of key and secret, first in the environment, then as Prefect Secret blocks.
VARIABLES = ("TURBODMT_TESTNET_KEY", "TURBODMT_TESTNET_SECRET")
BLOCKS = ("turbodmt-testnet-key", "turbodmt-testnet-secret")

#: Keys of the caller: no parameter of a flow, because Prefect stores parameters.
_PASSED: ContextVar[ApiKeys | None] = ContextVar("_PASSED", default=None)


class KeysMissing(ValueError):
    """An external broker needs a key and a secret, and none were found (exit 2)."""

    exit_code = Exit.USAGE


@contextmanager
def passed(keys: ApiKeys) -> Iterator[None]:
    """Use these keys for the runs inside the block; they are written nowhere."""
    before = _PASSED.set(keys)
    try:
        yield
    finally:
        _PASSED.reset(before)


def testnet_keys(home: Path) -> ApiKeys:
    """Return the keys of the testnet. Raises KeysMissing, PrefectUnreachable."""
    if (keys := _PASSED.get()) is not None:
        return keys
    key, secret = (os.environ.get(name, "").strip() for name in VARIABLES)
    if not (key and secret) and _server_named(home):
        key, secret = (key or _block(BLOCKS[0])), (secret or _block(BLOCKS[1]))
    if not (key and secret):
        raise KeysMissing(
            f"a testnet broker needs a key and a secret, and none were found; set {VARIABLES[0]} and {VARIABLES[1]} "
            f"or save Prefect Secret blocks named {BLOCKS[0]} and {BLOCKS[1]}"
        )
    return ApiKeys(key=key, secret=secret)


def _server_named(home: Path) -> bool:
    """Return whether there is a server to query: the user's, or that of `turbodmt up` if the home has one.

    Starting one only to look for a key would take ten seconds.
    """
    if "PREFECT_API_URL" in os.environ:
        return True
    from flows.server.run_server import named_by_user
    from flows.server.up_server import join

    if not named_by_user(home) and join(home) is None:
        return False
    from flows.server.environment import prepare, quiet

    prepare(home, "WARNING")
    quiet()
    return True


def _block(name: str) -> str:
    """Return the text of Prefect's Secret block; empty if there is none. Raises PrefectUnreachable."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    from flows.server.availability import reached

    try:
        # The block's own methods would send events, which delay the end of a short command.
        with reached(), get_client(sync_client=True) as client:
            value = client.read_block_document_by_name(name, "secret").data["value"]
    except ObjectNotFound:
        return ""
    # Prefect itself decodes a text that is a JSON string, so drop its quotes too.
    return str(value).strip().strip('"')
