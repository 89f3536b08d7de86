"""Files of a backtest: equity and trades as Parquet, the report, and the record for comparisons."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from storage import reports
from storage.database import connect
from storage.models import saved_backtests
from storage.models.saved_backtests import SavedBacktest
from strategy.backtest.day_loop import turnovers
from strategy.evaluation.metrics import drawdowns
from tasks.backtest.exposures import decisions, exposures, regimes
from tasks.backtest.measured import cash_of, days_per_year, equity_of
from tasks.backtest.run import Backtest
from tasks.backtest.tear_sheet import tear_sheet
from tasks.backtest.trade_reasons import trade_reasons
from tasks.performance.run_record import FILE, RunRecord
from tasks.report.backtest_page import LiveSection, backtest_page
from tasks.run.trial_key import account_version, configuration

TRADE_COLUMNS = (
    "as_of",
    "decided_on",
    "symbol",
    "side",
    "quantity",
    "price",
    "fee",
    "fx_rate",
    "regime",
    "signal",
    "exposure",
    "reason",
    "order_id",
)


def save(tested: Backtest, folder: Path, at: datetime, live: LiveSection | None = None) -> tuple[str, ...]:
    """Write equity.parquet, trades.parquet, report.html and run.json, each whole or not at all; return their paths.

    Record where the report lies, too, as saved `at` the instant: the page of all accounts links to it. `live` is what
    the report says of live accounts; None leaves it out. Raises StoreError.
    """
    equity = reports.write_table(folder, "equity.parquet", equity_table(tested))
    trades = reports.write_table(folder, "trades.parquet", trades_table(tested))
    page = backtest_page(replace(tear_sheet(tested), live=live), reports.way_back(tested.job.home, folder))
    report = reports.write(folder, reports.BACKTEST, page)
    with connect(tested.job.home) as store:
        saved_backtests.record(store, _saved(tested, report, at))
    record = reports.write(folder, FILE, run_record(tested, at).to_json())
    return str(equity), str(trades), str(report), str(record)


def run_record(tested: Backtest, at: datetime) -> RunRecord:
    """Return what a comparison with another run needs, as saved `at` the instant."""
    job, replayed = tested.job, tested.net.replay
    strategy, settings = job.policy.strategy, json.loads(job.policy.config)
    cash = cash_of(replayed, job.policy.costs.financing)
    return RunRecord(
        saved_at=at,
        strategy=str(strategy),
        strategy_sha256=strategy.version or None,
        source=job.source,
        symbols=tested.symbols,
        data_sha256=tested.data_sha256,
        code_version=job.code_version,
        seed=job.policy.recipe.seed,
        config=settings,
        trial=None if strategy.baseline else configuration(settings, strategy, tested.symbols),
        trials=tested.trials,
        account_version=account_version(job.policy.costs),
        days_per_year=days_per_year(tested.instruments),
        dates=tested.dates,
        equity=tuple(equity_of(replayed).tolist()),
        turnover=tuple(float(value) for value in turnovers(replayed)),
        risk_free=tuple(cash.returns.tolist()),
        idle=tuple(cash.idle.tolist()),
    )


def _saved(tested: Backtest, report: Path, at: datetime) -> SavedBacktest:
    strategy = tested.job.policy.strategy
    return SavedBacktest(
        report=str(report),
        saved_at=at,
        source=tested.job.source,
        symbols=tested.symbols,
        strategy=strategy.name,
        strategy_sha256=strategy.version or None,
        first_day=tested.dates[0],
        last_day=tested.dates[-1],
        total_return=tested.net.metrics.total_return,
        sharpe=tested.net.metrics.sharpe,
    )


def equity_table(tested: Backtest) -> pd.DataFrame:
    """Return one row per account day, no nulls: as_of, equity, drawdown (from the highest so far), exposure, regime.

    The exposure is the one decided at the close and traded at the next open: signed for one symbol; with several it is
    gross, and `exposure_<SYMBOL>` is signed.
    """
    equity = np.array([float(equity) for equity in tested.net.replay.equities])
    aimed = {symbol: exposures(tested.net, symbol) for symbol in tested.symbols}
    table = pd.DataFrame({"as_of": tested.dates, "equity": equity, "drawdown": drawdowns(equity)})
    if len(tested.symbols) == 1:
        table["exposure"] = aimed[tested.symbols[0]]
    else:
        table["exposure"] = [sum(abs(value) for value in values) for values in zip(*aimed.values(), strict=True)]
        for symbol, values in aimed.items():
            table[f"exposure_{symbol}"] = values
    table["regime"] = regimes(tested)
    return table


def trades_table(tested: Backtest) -> pd.DataFrame:
    """Return one row per fill, with its order's reason and its decision's inputs; money and quantities as float64."""
    decided = decisions(tested.net)
    orders = {order.order_id: order for order in tested.net.replay.orders}
    reasons = trade_reasons(tested.net.replay, tested.job.policy.limits)
    rows = []
    for fill in tested.net.replay.fills:
        order = orders.get(fill.order_id)
        decision = decided.get((order.as_of, order.symbol)) if order else None
        rows.append(
            {
                "as_of": fill.as_of,
                "decided_on": order.as_of if order else None,
                "symbol": fill.symbol,
                "side": str(fill.side),
                "quantity": float(fill.quantity),
                "price": float(fill.price),
                "fee": float(fill.fee),
                "fx_rate": float(fill.fx_rate),
                "regime": decision.regime if decision else None,
                "signal": decision.signal if decision else None,
                "exposure": decision.exposure if decision else None,
                "reason": reasons[fill.order_id],
                "order_id": fill.order_id,
            }
        )
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))
