"""What a backtest leaves in a folder: equity and trades as Parquet, and the report."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from storage import reports
from strategy.account import Snapshot
from strategy.bars import FloatArray
from strategy.decision import Decision, Status
from strategy.metrics import drawdowns
from strategy.regime import Regime
from tasks.backtest import Backtest, Tested
from tasks.charts import EquityPicture, Line
from tasks.pages import BacktestPage, Provenance, backtest_page
from tasks.tables import Measured


def save(tested: Backtest, folder: Path) -> tuple[str, ...]:
    """The paths of equity.parquet, trades.parquet and report.html, each written whole or not at all.

    Raises StoreFull, StoreReadOnly.
    """
    return (
        str(reports.write_table(folder, "equity.parquet", equity_table(tested))),
        str(reports.write_table(folder, "trades.parquet", trades_table(tested))),
        str(reports.write(folder, "report.html", page(tested))),
    )


def equity_table(tested: Backtest) -> pd.DataFrame:
    """One row per account day, no nulls: as_of, equity, drawdown (from the highest so far), exposure, regime.

    The exposure is the one decided at the close, to be traded at the next open: signed for one symbol; with several it
    is gross, and `exposure_<SYMBOL>` is signed.
    """
    equity = _equity(tested.net)
    aimed = {symbol: _exposures(tested.net, symbol) for symbol in tested.symbols}
    table = pd.DataFrame({"as_of": tested.dates, "equity": equity, "drawdown": drawdowns(equity)})
    if len(tested.symbols) == 1:
        table["exposure"] = aimed[tested.symbols[0]]
    else:
        table["exposure"] = [sum(abs(value) for value in values) for values in zip(*aimed.values(), strict=True)]
        for symbol, values in aimed.items():
            table[f"exposure_{symbol}"] = values
    table["regime"] = regimes(tested)
    return table


def regimes(tested: Backtest) -> list[str]:
    """The regime of each account day: that of most symbols, Neutral where they disagree evenly or none is known."""
    votes: dict[date, Counter[str]] = {day: Counter() for day in tested.dates}
    for decision in tested.net.replay.decisions:
        if decision.regime is not None:
            votes[decision.as_of][decision.regime] += 1
    return [_winner(votes[day]) for day in tested.dates]


def _winner(votes: Counter[str]) -> str:
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return str(Regime.NEUTRAL)
    return ranked[0][0]


def _exposures(tested: Tested, symbol: str) -> list[float]:
    """The exposure of each day: what was decided at its close; on a day without a session, what was decided before.

    Where nothing is decided (warming up, stale, bought once and kept) it is what is held.
    """
    decided = _decisions(tested)
    exposures: list[float] = []
    for snapshot in tested.replay.snapshots:
        decision = decided[snapshot.account.as_of, symbol]
        if decision.exposure is not None:
            exposures.append(decision.exposure)
        elif decision.status is Status.NO_SESSION and exposures:
            exposures.append(exposures[-1])
        else:
            exposures.append(_held(snapshot, symbol))
    return exposures


def _held(snapshot: Snapshot, symbol: str) -> float:
    position = snapshot.account.positions.get(symbol)
    return float(position.value / snapshot.equity) if position is not None and snapshot.equity > 0 else 0.0


def trades_table(tested: Backtest) -> pd.DataFrame:
    """One row per fill, with what the decision behind it saw; money and quantities as float64 for analysis."""
    decided = _decisions(tested.net)
    orders = {order.order_id: order for order in tested.net.replay.orders}
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
                "regime": decision.regime if decision else None,
                "signal": decision.signal if decision else None,
                "exposure": decision.exposure if decision else None,
                "order_id": fill.order_id,
            }
        )
    columns = [
        "as_of",
        "decided_on",
        "symbol",
        "side",
        "quantity",
        "price",
        "fee",
        "regime",
        "signal",
        "exposure",
        "order_id",
    ]
    return pd.DataFrame(rows, columns=columns)


def _decisions(tested: Tested) -> dict[tuple[date, str], Decision]:
    return {(decision.as_of, decision.symbol): decision for decision in tested.replay.decisions}


def picture(tested: Backtest) -> EquityPicture:
    """The net equity of the subject against its benchmarks, with its drawdown and the regime of each day."""
    subject = str(tested.job.policy.strategy)
    lines = {f"{subject}, net": tested.net, **tested.benchmarks}
    return EquityPicture(
        title=f"Equity of {subject} on {', '.join(tested.symbols)}",
        dates=tested.dates,
        lines=tuple(Line(label=label, values=tuple(_equity(one).tolist())) for label, one in lines.items()),
        drawdown=tuple(drawdowns(_equity(tested.net)).tolist()),
        regimes=tuple(regimes(tested)),
    )


def _equity(tested: Tested) -> FloatArray:
    return np.array([float(snapshot.equity) for snapshot in tested.replay.snapshots])


def page(tested: Backtest) -> str:
    """The report as one HTML document."""
    job = tested.job
    measured = (tested.gross, tested.net, tested.net_2x_cost, *tested.benchmarks.values())
    return backtest_page(
        BacktestPage(
            strategy=str(job.policy.strategy),
            symbols=tested.symbols,
            measured=tuple(Measured(label=one.label, metrics=one.metrics) for one in measured),
            picture=picture(tested),
            trades=tested.net.replay.fills,
            warnings=tested.warnings,
            would_halt_on=tested.would_halt_on,
            provenance=Provenance(
                run_id=job.run_id,
                data_sha256=tested.data_sha256,
                code_version=job.code_version,
                model_id=tested.model_id,
                seed=job.policy.recipe.seed,
                configuration=tuple((name, str(value)) for name, value in json.loads(job.policy.config).items()),
                trials=tested.trials,
            ),
        )
    )
