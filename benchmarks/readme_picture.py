"""Draws docs/backtest.svg, the README's picture, from the sample: `.venv/bin/python benchmarks/readme_picture.py`."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from exchange.sample import SampleBars
from flows.plan import Request, plan
from flows.settings import load
from strategy.signals import Strategy
from tasks.backtest import Window, backtest
from tasks.charts import equity_picture
from tasks.saved import picture

ROOT = Path(__file__).parent.parent
STRATEGIES = (Strategy.TURBO, Strategy.HOLD, Strategy.VOL_TARGET)


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as home:
        settings = load({"home": home})
        job = plan(settings, SampleBars(), Request(account="backtest", as_of=None, clock=datetime.now(tz=UTC)))
        tested = backtest(job, Window(strategies=STRATEGIES, start=date(2001, 1, 1)), SampleBars)
    (ROOT / "docs" / "backtest.svg").write_text(equity_picture(picture(tested)), encoding="utf-8")


if __name__ == "__main__":
    main()
