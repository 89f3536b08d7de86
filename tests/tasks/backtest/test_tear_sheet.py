"""The report of a backtest: its figures are those of its accounts."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from strategy.account.state import Account, Snapshot
from strategy.builtin.registry import HOLD, RULES, TURBO
from tasks.backtest.export import equity_table
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.tear_sheet import tear_sheet
from tasks.backtest.walk_forward import FoldAnswer
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job

START, END = date(2020, 6, 8), date(2020, 12, 31)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    window = Window(strategies=(RULES, HOLD), start=START)
    return backtest(a_job(tmp_path_factory.mktemp("home"), PAIR.symbols(), END), window, lambda: PAIR)


def test_the_panels_show_what_the_account_did(pair: Backtest) -> None:
    panels = {panel.heading: panel for panel in tear_sheet(pair).picture.panels}
    assert list(panels) == [
        "Sharpe ratio, 51 days",
        "Volatility, 51 days; dashed: target",
        "Exposure, long less short",
        "Exposure, long and short together",
        "Turnover a year, 51 days",
    ]
    saved = equity_table(pair)
    assert np.allclose(panels["Exposure, long and short together"].lines[0].values, saved["exposure"])
    signed = saved["exposure_SHARE"] + saved["exposure_TOKEN"]
    assert np.allclose(panels["Exposure, long less short"].lines[0].values, signed)
    assert [line.label for line in panels["Sharpe ratio, 51 days"].lines] == ["net", "hold"]
    returns = saved["equity"].pct_change().to_numpy()[-51:]
    expected = returns.mean() / returns.std(ddof=1) * np.sqrt(365)
    assert panels["Sharpe ratio, 51 days"].lines[0].values[-1] == pytest.approx(expected)
    assert panels["Volatility, 51 days; dashed: target"].level == 100 * pair.job.policy.sizing.target_annual_vol


def test_a_short_window_has_no_rolling_panels(tmp_path: Path) -> None:
    window = Window(strategies=(RULES,), start=date(2020, 11, 2))
    sheet = tear_sheet(backtest(a_job(tmp_path, ("SHARE",), END), window, lambda: PAIR))
    assert [panel.heading for panel in sheet.picture.panels] == ["Exposure, long less short"]


def test_an_account_that_never_moved_has_no_distribution(pair: Backtest) -> None:
    capital = pair.job.policy.capital
    cash = (Account(as_of=day, cash=capital) for day in pair.dates)
    still = tuple(Snapshot(account=account, equity=capital, drawdown=0.0) for account in cash)
    sheet = tear_sheet(replace(pair, net=replace(pair.net, replay=replace(pair.net.replay, snapshots=still))))
    assert (sheet.returns, sheet.spread) == (None, ())


def test_the_model_is_named_or_told_in_words(pair: Backtest) -> None:
    assert tear_sheet(pair).provenance.model_id == "none: rules is a rule"
    turbo = replace(pair, job=replace(pair.job, policy=replace(pair.job.policy, strategy=TURBO)))
    prior = FoldAnswer(start=START, end=END, fitted_to=START, model_id="b" * 64, promoted=False, reason="luck")
    first, second = (prior.model_copy(update={"model_id": name * 64, "promoted": True}) for name in "ac")
    told = [(), (prior,), (first,), (first, second), (first, prior)]
    assert [tear_sheet(replace(turbo, folds=folds)).provenance.model_id for folds in told] == [
        *(None, None, "a" * 64),
        *("2 of the walk-forward", "1 of the walk-forward and the prior"),
    ]
    sheet = tear_sheet(replace(turbo, folds=(first, prior)))
    assert [fold.trader for fold in sheet.folds] == ["model aaaaaaaaaaaa", "the prior"]
