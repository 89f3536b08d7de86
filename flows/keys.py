"""Keys of the testnets: held by the caller, or from the environment, or from Prefect's secrets; never in a setting."""

import os

from exchange.testnet_client import ApiKeys

#: Where a key and its secret are looked for, first in the environment, then among Prefect's Secret blocks.
VARIABLES = ("TURBODMT_TESTNET_KEY", "TURBODMT_TESTNET_SECRET")
BLOCKS = ("turbodmt-testnet-key", "turbodmt-testnet-secret")


#: What a caller has handed over in this process, by `hold`.
_HELD: list[ApiKeys] = []


class KeysMissing(ValueError):
    """A broker outside needs a key and a secret, and none were found (exit 2)."""


def hold(key: str, secret: str) -> None:
    """None; the keys serve every run of this process from now on, and are written nowhere."""
    _HELD[:] = [ApiKeys(key=key, secret=secret)]


def testnet_keys() -> ApiKeys:
    """The keys of the testnet. Raises KeysMissing."""
    if _HELD:
        return _HELD[0]
    key, secret = (os.environ.get(name, "").strip() for name in VARIABLES)
    if not (key and secret):
        key, secret = (key or _block(BLOCKS[0])), (secret or _block(BLOCKS[1]))
    if not (key and secret):
        raise KeysMissing(
            f"a testnet broker needs a key and a secret, and none were found; set {VARIABLES[0]} and {VARIABLES[1]} "
            f"or save Prefect Secret blocks named {BLOCKS[0]} and {BLOCKS[1]}"
        )
    return ApiKeys(key=key, secret=secret)


def _block(name: str) -> str:
    """The text of Prefect's Secret block; empty where there is none, or no server to ask."""
    # Only a run under Prefect has a server at hand; starting one to look for a key would take ten seconds.
    if "PREFECT_API_URL" not in os.environ:
        return ""
    from prefect.blocks.system import Secret

    try:
        value = Secret.load(name).get()  # type: ignore[union-attr]
    except ValueError:
        return ""
    return str(value)
