"""A proxy in the environment is for the outside: what is on loopback, as Prefect's server is, is reached without it."""

import os
from importlib.util import find_spec

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NAMES = ("all_proxy", "http_proxy", "https_proxy")


def reach_loopback_directly() -> None:
    """Except loopback from the proxies of this process and of those that it starts.

    The client of Prefect's, httpx, cannot even be made where a SOCKS proxy is named and the package socksio is missing.
    A name in small letters that is empty hides the one in capitals from it, as from all of Python; curl, which serves
    Yahoo, still finds that one, and Binance's adapter looks for it.
    """
    excepted = [part.strip() for part in _named("no_proxy").split(",") if part.strip()]
    if "*" not in excepted:
        whole = ",".join((*excepted, *(one for one in LOOPBACK if one not in excepted)))
        os.environ |= {"no_proxy": whole, "NO_PROXY": whole}
    if find_spec("socksio") is not None:
        return
    for name in NAMES:
        address = _named(name)
        if address.startswith("socks"):
            os.environ |= {name.upper(): address, name: ""}


def hidden() -> str | None:
    """Return the name of a SOCKS proxy that Prefect's client does not see; None where there is none."""
    return next((one.upper() for one in NAMES if os.environ.get(one) == "" and os.environ.get(one.upper())), None)


def _named(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""
