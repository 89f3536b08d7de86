"""Prints the README's figures of a backtest over the whole sample.

`.venv/bin/python benchmarks/readme_figures.py` tests the prior, the rule that `turbo` trades without networks, from
2001 to 2018 beside buy and hold and the seed document's rules, in a new account: dated rates, a rebalance band.
Drawdowns are compared at the same volatility of the returns above the rate, too. tests/test_pictures.py draws the
head of its report.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import turbodmt as td
from benchmarks.studies.joint_bootstrap import EQUAL_VOLATILITY, figures
from strategy.builtin.registry import TURBO
from strategy.evaluation.metrics import excess_returns
from strategy.signals.strategies import Strategy
from tasks.backtest.measured import cash_of, days_per_year, equity_of

START, END = "2001-01-01", "2018-12-31"
BENCHMARKS = ("hold", "rules")


def backtested(home: Path) -> td.Backtest:
    """Return the backtest of the prior on the whole sample, audited before, from the second year with a prior on."""
    td.audit(prior(), "sample", start=START, end=END, home=home)
    return unaudited(home)


def prior() -> Strategy:
    """Return the rule that `turbo` trades without networks."""
    assert TURBO.learner is not None, "turbo learns"
    rule: Strategy = TURBO.learner.prior
    return rule


def unaudited(home: Path) -> td.Backtest:
    """Return the same without an audit."""
    return td.backtest("sample", prior(), start=START, end=END, benchmarks=BENCHMARKS, home=home)


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


def main() -> None:
    """Prints the figures."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tell(backtested(Path(folder) / "home"))


if __name__ == "__main__":
    main()
