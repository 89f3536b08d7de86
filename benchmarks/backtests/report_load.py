"""Times how long the report of many symbols takes to open: `.venv/bin/python benchmarks/backtests/report_load.py`.

Fifty made-up symbols of ten years, `vol-target` beside `hold`. In one headless Chromium the report and an empty page
are opened in turn, so that other work on the machine counts alike. Tasks are what the browser does in the page.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

import turbodmt as td

SEED = 7


def market(symbols: int, sessions: int) -> pd.DataFrame:
    """Return made-up bars of so many symbols."""
    draw = np.random.default_rng(SEED)
    days = pd.bdate_range(end="2019-12-31", periods=sessions)
    parts = []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(draw.normal(2e-4, 0.01, sessions)))
        opened = close * np.exp(draw.normal(0, 0.003, sessions))
        high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
        prices = {"open": opened, "high": high, "low": low, "close": close}
        parts.append(pd.DataFrame({"symbol": f"S{number:02d}", "date": days, **prices, "volume": 1e6}))
    return pd.concat(parts, ignore_index=True)


def opened(tab: Page, page: Path) -> tuple[float, float]:
    """Return the seconds until the page is loaded and painted, and those of processor time that its process spent."""
    client = tab.context.new_cdp_session(tab)
    client.send("Performance.enable")
    began = time.perf_counter()
    tab.goto(page.as_uri())
    tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    wall = time.perf_counter() - began
    found = {metric["name"]: metric["value"] for metric in client.send("Performance.getMetrics")["metrics"]}
    client.detach()
    return wall, found["TaskDuration"]


def main() -> None:
    """Prints the size of the report, and how long it and an empty page take to open."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bars = td.read_bars(market(given.symbols, given.sessions))
        tested = td.backtest(bars, "vol-target", benchmarks=("hold",), settings={"rates": "constant:0.02"})
        report = tested.report(folder / "report.html")
        empty = folder / "empty.html"
        empty.write_text("<!doctype html><title>empty</title><p>empty</p>", encoding="utf-8")
        took: dict[Path, list[tuple[float, float]]] = {report: [], empty: []}
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
            for _ in range(given.rounds):
                for page, found in took.items():
                    tab = browser.new_page(viewport={"width": 1280, "height": 900})
                    found.append(opened(tab, page))
                    tab.close()
            browser.close()
        print(f"{given.symbols} symbols, {given.sessions:,} sessions: {report.stat().st_size / 1e6:.2f} MB")
        for page, found in took.items():
            wall, spent = (statistics.median(column) for column in zip(*found, strict=True))
            best = min(each[0] for each in found)
            print(f"{page.stem:7} opens in {wall:.2f} s, {best:.2f} s at best, {spent:.2f} s of tasks in the page")


if __name__ == "__main__":
    main()
