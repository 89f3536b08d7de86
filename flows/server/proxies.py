"""Proxies of the environment: addresses on loopback, such as Prefect's server, bypass them."""

import os
from importlib.util import find_spec

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NAMES = ("all_proxy", "http_proxy", "https_proxy")


def reach_loopback_directly() -> None:
    """Exclude loopback from the proxies of this process and of those that it starts.

    Prefect's client, httpx, cannot even be created if a SOCKS proxy is set and the package socksio is missing. An empty
    lower-case variable hides the upper-case one from it, as from all of Python; curl, which fetches from Yahoo, still
    reads the upper-case one, and Binance's adapter looks for it.
    """
    excepted = [part.strip() for part in _named("no_proxy").split(",") if part.strip()]
    if "*" not in excepted:
        whole = ",".join((*excepted, *(host for host in LOOPBACK if host not in excepted)))
        os.environ |= {"no_proxy": whole, "NO_PROXY": whole}
    if find_spec("socksio") is not None:
        return
    for name in NAMES:
        address = _named(name)
        if address.startswith("socks"):
            os.environ |= {name.upper(): address, name: ""}


def hidden() -> str | None:
    """Return the name of a SOCKS proxy that is hidden from Prefect's client; None if there is none."""
    return next((name.upper() for name in NAMES if os.environ.get(name) == "" and os.environ.get(name.upper())), None)


def _named(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""
