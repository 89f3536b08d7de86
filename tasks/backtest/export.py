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
from tasks.backtest.exposures import DaysRead, days_read
from tasks.backtest.measured import cash_of, days_per_year, equity_of
from tasks.backtest.run import Backtest
from tasks.backtest.tear_sheet import tear_sheet
from tasks.performance.run_record import FILE, RunRecord
from tasks.report.backtest_page import LiveSection, backtest_page
from tasks.run.trial_key import account_version, configuration, is_trial

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
    read = days_read(tested)
    equity = reports.write_table(folder, "equity.parquet", equity_table(tested, read))
    trades = reports.write_table(folder, "trades.parquet", trades_table(tested, read))
    page = backtest_page(replace(tear_sheet(tested, read), live=live), reports.way_back(tested.job.home, folder))
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
        trial=configuration(settings, strategy, tested.symbols)
        if is_trial(settings, strategy, tested.symbols)
        else None,
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


def equity_table(tested: Backtest, read: DaysRead) -> pd.DataFrame:
    """Return one row per account day, no nulls: as_of, equity, drawdown (from the highest so far), exposure, regime.

    The exposure is the one decided at the close and traded at the next open: signed for one symbol; with several it is
    gross, and `exposure_<SYMBOL>` is signed.
    """
    equity = np.array([float(equity) for equity in tested.net.replay.equities])
    aimed = read.exposures
    table = pd.DataFrame({"as_of": tested.dates, "equity": equity, "drawdown": drawdowns(equity)})
    if len(tested.symbols) == 1:
        table["exposure"] = aimed[tested.symbols[0]]
    else:
        by_symbol = [values.tolist() for values in aimed.values()]
        table["exposure"] = [sum(abs(value) for value in values) for values in zip(*by_symbol, strict=True)]
        of_symbols = pd.DataFrame({f"exposure_{symbol}": values for symbol, values in aimed.items()})
        table = pd.concat([table, of_symbols], axis=1)
    table["regime"] = read.regimes
    return table


def trades_table(tested: Backtest, read: DaysRead) -> pd.DataFrame:
    """Return one row per fill, with its order's reason and its decision's inputs; money and quantities as float64."""
    orders = {order.order_id: order for order in tested.net.replay.orders}
    rows = []
    for fill in tested.net.replay.fills:
        order = orders.get(fill.order_id)
        decision = read.decisions.get(fill.order_id)
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
                "reason": read.reasons[fill.order_id],
                "order_id": fill.order_id,
            }
        )
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))
