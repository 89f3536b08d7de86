"""Draws docs/backtest.svg, the head of a report, and prints the figures of the README.

`.venv/bin/python benchmarks/readme_picture.py`; `turbo` is walked forward, which trains a network a year.
"""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from exchange.sample import SampleBars
from flows.plan import Request, plan
from flows.settings import load
from strategy.signals import Strategy
from tasks.backtest import Window, backtest
from tasks.charts import equity_picture
from tasks.tear_sheet import tear_sheet

ROOT = Path(__file__).parent.parent
STRATEGIES = (Strategy.TURBO, Strategy.HOLD, Strategy.VOL_TARGET)
FIRST_DAY = date(2001, 1, 1)


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as home:
        settings = load({"home": home})
        job = plan(settings, SampleBars(), Request(account="backtest", as_of=None, clock=datetime.now(tz=UTC)))
        tested = backtest(job, Window(strategies=STRATEGIES, start=FIRST_DAY), SampleBars)
        rules = backtest(job, Window(strategies=(Strategy.RULES,), start=FIRST_DAY), SampleBars)
        picture = tear_sheet(tested).picture
    for label, one in {"turbo": tested.net, **tested.benchmarks, "rules": rules.net}.items():
        print(f"{label:18} net Sharpe {one.metrics.sharpe:6.2f}, total return {one.metrics.total_return:+.1%}")
    (ROOT / "docs" / "backtest.svg").write_text(equity_picture(picture), encoding="utf-8")


if __name__ == "__main__":
    main()
