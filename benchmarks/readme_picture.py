"""Draws docs/report.png, the head of a backtest's report over the whole sample, and prints the README's figures.

`.venv/bin/python benchmarks/readme_picture.py` tests the prior, the rule that `turbo` trades without networks, from
2001 to 2018 beside buy and hold and the seed document's rules, in a new account: dated rates, a rebalance band.
Drawdowns are compared at the same volatility of the returns above the rate, too. Needs Chromium.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import turbodmt as td
from benchmarks.studies.joint_bootstrap import EQUAL_VOLATILITY, figures
from strategy.builtin.registry import TURBO
from strategy.evaluation.metrics import excess_returns
from tasks.backtest.measured import cash_of, days_per_year, equity_of

ROOT = Path(__file__).parent.parent
START, END = "2001-01-01", "2018-12-31"
BENCHMARKS = ("hold", "rules")
SIZE_PX = (1280, 960)


def backtested(home: Path) -> td.Backtest:
    """Return the backtest of the prior on the whole sample, audited before, from the second year with a prior on."""
    learner = TURBO.learner
    assert learner is not None, "turbo learns"
    td.audit(learner.prior, "sample", start=START, end=END, home=home)
    return td.backtest("sample", learner.prior, start=START, end=END, benchmarks=BENCHMARKS, home=home)


def tell(tested: td.Backtest) -> None:
    """Prints the figures of every account and of their differences."""
    found = tested.tested
    accounts = {"prior": found.net, **found.benchmarks}
    cash = cash_of(found.net.replay, found.job.policy.costs.financing)
    net = np.stack([excess_returns(equity_of(account.replay), cash) for account in accounts.values()], axis=-1)
    scaled = figures(net, np.ones((len(net), 1)), days_per_year(found.instruments))
    for number, (name, account) in enumerate(accounts.items()):
        told, snapshots = account.metrics, account.replay.snapshots
        gross = [sum(abs(day.exposure(symbol)) for symbol in day.account.positions) for day in snapshots]
        print(
            f"{name:6} net Sharpe {told.sharpe:5.2f}, total return {told.total_return:+.1%}, mean exposure "
            f"{np.mean(gross):.2f}, deepest drawdown {told.max_drawdown:.1%}, with returns above the rate scaled to "
            f"{EQUAL_VOLATILITY:.0%} volatility {scaled.deepest_loss[number]:.1%}"
        )
    print(f"interval of the prior's Sharpe ratio: {tested.robustness['low']:.2f} to {tested.robustness['high']:.2f}")
    print(tested.differences.round(2).to_string())


def photograph(page: Path, picture: Path) -> None:
    """Save the head of the page as a browser shows it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("no Chromium was found; install it to draw the picture")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={picture}")
    size = ",".join(map(str, SIZE_PX))
    subprocess.run(
        [browser, *options, f"--window-size={size}", page.resolve().as_uri()], check=True, stderr=subprocess.DEVNULL
    )


def main() -> None:
    """Prints the figures and draws the picture."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tested = backtested(Path(folder) / "home")
        tell(tested)
        photograph(tested.report(Path(folder) / "report.html"), ROOT / "docs" / "report.png")


if __name__ == "__main__":
    main()
