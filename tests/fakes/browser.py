"""A headless Chromium that is asked through its DevTools protocol what a page did."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a page did while it was loaded, and how wide it turned out in a window of the asked width."""

    requests: tuple[str, ...]
    complaints: tuple[str, ...]
    width_px: int


@dataclass(slots=True)
class Browser:
    """One tab of a running browser; `events` are what it told between its answers."""

    socket: ClientConnection
    session: str = ""
    number: int = 0
    events: list[dict] = field(default_factory=list)

    def call(self, method: str, **parameters: object) -> dict:
        self.number += 1
        asked = {"id": self.number, "method": method, "params": parameters}
        self.socket.send(json.dumps(asked | ({"sessionId": self.session} if self.session else {})))
        while (heard := self.hear()).get("id") != self.number:
            pass
        assert "error" not in heard, heard
        return heard["result"]

    def hear(self) -> dict:
        heard = json.loads(self.socket.recv(timeout=PATIENCE_S))
        if "method" in heard:
            self.events.append(heard)
        return heard

    def visit(self, page: Path, width_px: int) -> Visit:
        self.call("Emulation.setDeviceMetricsOverride", width=width_px, height=900, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not self.told("Page.loadEventFired"):
            self.hear()
        width = self.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")
        return Visit(
            requests=tuple(event["request"]["url"] for event in self.told("Network.requestWillBeSent")),
            complaints=tuple(
                json.dumps(event)
                for kind in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
                for event in self.told(kind)
            ),
            width_px=width["result"]["value"],
        )

    def told(self, method: str) -> list[dict]:
        return [event["params"] for event in self.events if event["method"] == method]


@contextmanager
def browser(chromium: str, profile: Path) -> Iterator[Browser]:
    """A browser with one empty tab, gone afterwards."""
    run = subprocess.Popen([chromium, *OPTIONS, f"--user-data-dir={profile}"], stderr=subprocess.DEVNULL)
    try:
        with connect(_address(run, profile / "DevToolsActivePort"), max_size=None, proxy=None) as socket:
            tab = Browser(socket)
            target = tab.call("Target.createTarget", url="about:blank")["targetId"]
            tab.session = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                tab.call(f"{domain}.enable")
            yield tab
    finally:
        run.terminate()
        run.wait(timeout=PATIENCE_S)


def _address(run: subprocess.Popen[bytes], told: Path) -> str:
    for _ in range(int(PATIENCE_S / 0.05)):
        if told.exists() and len(lines := told.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        assert run.poll() is None, f"the browser ended with {run.returncode}"
        time.sleep(0.05)
    raise AssertionError(f"the browser did not open a port within {PATIENCE_S:g} s")
