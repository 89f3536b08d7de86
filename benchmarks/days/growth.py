"""The cost of a day of `rules` and the size of its store, by symbols and bars.

    .venv/bin/python -W ignore benchmarks/days/growth.py

Random walks around the clock, as a Parquet file. For each size: the first day, which fetches, judges and publishes the
whole history; the days after it, the median of three; and the store. Processor seconds of the steps from ingest to
reconcile as plain functions, so that what else the machine does counts little; what Prefect adds is the same for all.
"""

import argparse
import statistics
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

LAST = date(2021, 12, 31)
LATER_DAYS = 3
ROW = "{:>8} {:>10} {:>12} {:>12} {:>11} {:>14}"


def write_bars(path: Path, symbols: int, bars: int) -> None:
    """Write random walks of so many symbols and bars as a Parquet file."""
    days = pd.date_range(end=pd.Timestamp(LAST), periods=bars)
    draw = np.random.default_rng(0)
    parts = []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(draw.normal(0.0003, 0.01, bars)))
        opened = close * np.exp(draw.normal(0, 0.003, bars))
        span = np.exp(np.abs(draw.normal(0, 0.004, bars)))
        prices = {"high": np.maximum(opened, close) * span, "low": np.minimum(opened, close) / span, "close": close}
        parts.append(pd.DataFrame({"symbol": f"S{number}", "date": days, "open": opened, **prices, "volume": 1e6}))
    pd.concat(parts).to_parquet(path)


def lived(home: Path, source: Path, day: date) -> float:
    """Processor seconds of the day's steps."""
    from exchange.brokers.paper import PaperBroker
    from flows.config.settings import load
    from flows.planning.adapters import open_source, source_factory
    from flows.planning.plan import Request, plan
    from tasks.daily import order as trade
    from tasks.daily import replay_check as reconcile
    from tasks.daily import settle, signals
    from tasks.data import ingest
    from tasks.models import retrain as train
    from tasks.validation import gate as validate

    began = time.process_time()
    settings = load({"home": home, "source": f"file:{source}", "strategy": "rules", "financing_rate": 0.05})
    job = plan(settings, open_source(settings), Request(account="daily", as_of=day, clock=datetime.now(tz=UTC)))
    ingest.ingest(job, source_factory(settings))
    gate = validate.validate(job)
    settle.settle(job, PaperBroker)
    signals.signal(job, train.retrain(job), gate.barred)
    trade.trade(job, PaperBroker)
    reconcile.reconcile(job)
    return time.process_time() - began


def measure(folder: Path, symbols: int, bars: int) -> None:
    """Print the row of this size."""
    source, home = folder / f"{symbols}-{bars}.parquet", folder / f"{symbols}-{bars}"
    write_bars(source, symbols, bars)
    first = lived(home, source, LAST - timedelta(days=LATER_DAYS))
    later = [lived(home, source, LAST - timedelta(days=back)) for back in reversed(range(LATER_DAYS))]
    size = (home / "turbodmt.duckdb").stat().st_size
    a_bar = size / (symbols * bars)
    print(
        ROW.format(
            symbols,
            bars,
            f"{first:.1f} s",
            f"{statistics.median(later):.2f} s",
            f"{size / 1e6:.1f} MB",
            f"{a_bar:.0f} B",
        ),
        flush=True,
    )


def main() -> None:
    """Prints a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 20, 80])
    parser.add_argument("--bars", type=int, nargs="+", default=[630, 2520])
    given = parser.parse_args()
    print(ROW.format("symbols", "bars each", "first day", "a later day", "store", "store a bar"))
    with tempfile.TemporaryDirectory() as name:
        for bars in given.bars:
            for symbols in given.symbols:
                measure(Path(name), symbols, bars)


if __name__ == "__main__":
    main()
