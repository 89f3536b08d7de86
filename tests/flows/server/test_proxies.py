"""A proxy in the environment is for the outside alone."""

import os
from importlib.util import find_spec

import httpx
import pytest

from flows.server.proxies import hidden, reach_loopback_directly


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    monkeypatch.setattr(os, "environ", kept)


def test_loopback_is_excepted_beside_what_the_user_has_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    os.environ |= {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "intranet.example"}
    for _ in range(2):
        reach_loopback_directly()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "intranet.example,127.0.0.1,localhost,::1"
    assert (os.environ["HTTP_PROXY"], hidden()) == ("http://127.0.0.1:9", None)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("no_proxy")
    reach_loopback_directly()
    assert os.environ["NO_PROXY"] == "*"


@pytest.mark.skipif(find_spec("socksio") is not None, reason="httpx can use a SOCKS proxy here")
@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_a_socks_proxy_keeps_nobody_from_prefect_s_server_and_stays_for_others(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    with pytest.raises(ImportError, match="SOCKS"):
        httpx.Client()
    reach_loopback_directly()
    httpx.Client().close()
    assert hidden() == name.upper()
    assert os.environ[name.upper()] == "socks5://127.0.0.1:9", "curl reads the capitals"
    reach_loopback_directly()
    assert hidden() == name.upper()
