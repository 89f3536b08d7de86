"""The report of a backtest: its figures are those of its accounts."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from storage.bars import published as bar_store
from storage.database import connect
from strategy.account.state import Account, Snapshot
from strategy.builtin.registry import HOLD, RULES, TURBO
from strategy.evaluation.metrics import excess_returns
from tasks.backtest.answer import backtest_answer
from tasks.backtest.export import equity_table
from tasks.backtest.exposures import days_read
from tasks.backtest.measured import cash_of, equity_of
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.tear_sheet import tear_sheet
from tasks.backtest.walk_forward import FoldAnswer
from tasks.performance.symbol_benchmark import closes_on
from tasks.report.backtest_page import BacktestPage
from tasks.report.backtest_tables import TOO_EARLY
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job

START, END = date(2020, 6, 8), date(2020, 12, 31)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Backtest:
    window = Window(strategies=(RULES, HOLD), start=START)
    return backtest(a_job(tmp_path_factory.mktemp("home"), PAIR.symbols(), END), window, lambda: PAIR)


def sheet_of(tested: Backtest) -> BacktestPage:
    return tear_sheet(tested, days_read(tested))


def test_the_panels_show_what_the_account_did(pair: Backtest) -> None:
    panels = {panel.heading: panel for panel in sheet_of(pair).picture.panels}
    assert list(panels) == [
        "Sharpe ratio, 51 days",
        "Volatility, 51 days; dashed: target of 35.0%",
        "Beta to hold, 51 days",
        "Exposure, long less short",
        "Exposure, long and short together",
        "Turnover a year, 51 days",
    ]
    saved = equity_table(pair, days_read(pair))
    assert np.allclose(panels["Exposure, long and short together"].lines[0].values, saved["exposure"])
    signed = saved["exposure_SHARE"] + saved["exposure_TOKEN"]
    assert np.allclose(panels["Exposure, long less short"].lines[0].values, signed)
    assert [line.label for line in panels["Sharpe ratio, 51 days"].lines] == ["net", "hold"]
    returns = saved["equity"].pct_change().to_numpy()[-51:]
    expected = returns.mean() / returns.std(ddof=1) * np.sqrt(365)
    assert panels["Sharpe ratio, 51 days"].lines[0].values[-1] == pytest.approx(expected)
    returns = [
        np.array([float(day.equity) for day in one.replay.snapshots][-52:])
        for one in (pair.net, pair.benchmarks["hold"])
    ]
    slope = np.polyfit(*(path[1:] / path[:-1] for path in reversed(returns)), 1)[0]
    assert panels["Beta to hold, 51 days"].lines[0].values[-1] == pytest.approx(slope)
    assert (
        panels["Volatility, 51 days; dashed: target of 35.0%"].level == 100 * pair.job.policy.sizing.target_annual_vol
    )


def test_a_short_window_has_no_rolling_panels(tmp_path: Path) -> None:
    window = Window(strategies=(RULES,), start=date(2020, 11, 2))
    tested = backtest(a_job(tmp_path, ("SHARE",), END), window, lambda: PAIR)
    sheet = sheet_of(tested)
    assert [panel.heading for panel in sheet.picture.panels] == ["Exposure, long less short"]
    # Two months say nothing of a year.
    assert {dict(sheet.facts)[name] for name in ("Growth per year", "Sharpe ratio")} == {TOO_EARLY}
    # Nothing was tested beside it.
    told = {line.name: line.meaning for line in sheet.risk}
    assert told["Beta and alpha"] == "undefined: no other strategy was tested to compare with"
    risk = json.loads(backtest_answer(tested, ()).to_json())["risk"]
    assert (risk["benchmark"], risk["beta"], risk["worst_days"][0]["benchmark"]) == (None, None, None)


def test_an_account_that_never_moved_has_no_distribution(pair: Backtest) -> None:
    capital = pair.job.policy.capital
    cash = (Account(as_of=day, cash=capital) for day in pair.dates)
    still = tuple(Snapshot(account=account, equity=capital, drawdown=0.0) for account in cash)
    sheet = sheet_of(replace(pair, net=replace(pair.net, replay=replace(pair.net.replay, snapshots=still))))
    assert (sheet.returns, dict(row[:2] for row in sheet.spans.rows)["Skewness"]) == (None, "–")


def test_the_model_is_named_or_told_in_words(pair: Backtest) -> None:
    assert sheet_of(pair).provenance.model_id == "none: rules learns nothing"
    turbo = replace(pair, job=replace(pair.job, policy=replace(pair.job.policy, strategy=TURBO)))
    prior = FoldAnswer(start=START, end=END, fitted_to=START, model_id="b" * 64, promoted=False, reason="luck")
    first, second = (prior.model_copy(update={"model_id": name * 64, "promoted": True}) for name in "ac")
    told = [(), (prior,), (first,), (first, second), (first, prior)]
    assert [sheet_of(replace(turbo, folds=folds)).provenance.model_id for folds in told] == [
        *(None, None, "a" * 64),
        *("2 of the walk-forward", "1 of the walk-forward and the prior"),
    ]
    sheet = sheet_of(replace(turbo, folds=(first, prior)))
    assert [fold.trader for fold in sheet.folds] == ["model aaaaaaaaaaaa", "the prior"]


def test_the_answer_s_contributions_add_up_to_the_net_result(pair: Backtest) -> None:
    told = json.loads(backtest_answer(pair, ()).to_json())["attribution"]
    snapshots = pair.net.replay.snapshots
    earned = snapshots[-1].equity - snapshots[0].equity

    def total(lines: list[dict[str, str]]) -> Decimal:
        return sum((Decimal(line["net"]) for line in lines), Decimal(0))

    assert Decimal(told["total"]["net"]) == earned
    assert total([*told["symbols"].values(), told["cash"]]) == earned
    assert total([told["long"], told["short"], told["cash"]]) == earned
    assert total(list(told["regimes"].values())) == earned
    assert list(told["symbols"]) == ["SHARE", "TOKEN"]
    assert -Decimal(told["total"]["fees"]) == pair.charges.fees
    assert -Decimal(told["total"]["slippage"]) == pair.charges.slippage != 0
    assert -Decimal(told["total"]["financing"]) == pair.charges.financing


def test_the_answer_s_risk_is_beside_the_first_benchmark(pair: Backtest) -> None:
    answer = json.loads(backtest_answer(pair, ()).to_json())
    risk, net = answer["risk"], answer["net"]
    assert (risk["benchmark"], risk["level"], risk["trades"]) == ("hold", 0.95, len(pair.net.replay.fills))
    assert risk["calmar"] == pytest.approx(net["cagr"] / net["max_drawdown"])
    assert risk["drawdowns"][0]["depth"] == pytest.approx(net["max_drawdown"])
    assert 0 < risk["value_at_risk"] <= risk["conditional_value_at_risk"]
    assert 0 < risk["time_in_market"] <= 1
    assert risk["worst_days"][0]["benchmark"] is not None
    # The pandemic's fall lies before the window.
    assert risk["crises"] == []
    months = risk["monthly_returns"]
    assert list(months) == [f"2020-{month:02}" for month in range(6, 13)]
    assert risk["yearly_returns"]["2020"] == pytest.approx(net["total_return"])


def test_the_page_shows_both_and_says_what_is_undefined(pair: Backtest) -> None:
    sheet = sheet_of(pair)
    symbols, directions, regimes = sheet.attribution
    assert [row[0] for row in symbols.rows][-1] == "All"
    assert {row[1] for table in sheet.attribution for row in table.rows if row[0] == "All"} == {symbols.rows[-1][1]}
    assert {row[0] for row in directions.rows} <= {"Long", "Short", "Cash", "All"}
    assert {"Bull", "Bear"} & {row[0] for row in regimes.rows}
    # Cash is called so in every table, and a column says that it holds the short fee too.
    assert {row[0] for row in regimes.rows} <= {"Bull", "Neutral", "Bear", "Cash", "All"}
    paid = any(gain.short_fee for gain in pair.assessment.attribution.by_symbol.values())
    assert ("Financing and short fee" in symbols.columns) == paid
    assert [line.name for line in sheet.risk[:4]] == [
        *("Calmar ratio", "VaR of a day, 95%", "CVaR of a day, 95%", "Beta to hold"),
    ]
    drawdowns, worst, crises = sheet.risk_tables
    assert [row[-2] for row in drawdowns.rows] == ["not yet", "2020-06-12"]
    assert len(worst.rows) == 5
    assert (crises.rows, crises.empty) == ((), "None of the listed crises lies wholly within these days.")


def test_a_symbol_that_is_not_traded_may_be_the_benchmark(tmp_path: Path) -> None:
    window = Window(strategies=(RULES, HOLD), start=date(2020, 9, 1), beside="TOKEN")
    tested = backtest(a_job(tmp_path, ("SHARE",), END), window, lambda: PAIR)
    risk = json.loads(backtest_answer(tested, ()).to_json())["risk"]
    assert (risk["benchmark"], tested.symbols) == ("TOKEN", ("SHARE",))
    with connect(tested.job.home) as store:
        token = bar_store.load(store, tested.job.source, ("TOKEN",), until=END)["TOKEN"]
    cash = cash_of(tested.net.replay, tested.job.policy.costs.financing)
    theirs = excess_returns(closes_on("TOKEN", token, tested.dates), cash)
    slope = np.polyfit(theirs, excess_returns(equity_of(tested.net.replay), cash), 1)[0]
    assert risk["beta"] == pytest.approx(slope)
    assert {fill.symbol for fill in tested.net.replay.fills} == {"SHARE"}
