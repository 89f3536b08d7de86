"""The days of a backtested account read once: target exposures, regimes, and the reasons of its trades."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.account.orders import Order
from strategy.account.state import Snapshot
from strategy.backtest.day_loop import Replay
from strategy.backtest.plain_records import days_of
from strategy.market.bars import FloatArray
from strategy.portfolio.decision import Decision, Status
from strategy.signals.regime import Regime
from tasks.backtest.run import Backtest
from tasks.backtest.trade_reasons import CLOSED, moved, trade_reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DaysRead:
    """What the files and the report of a backtest read of the days of its net account.

    `exposures` (T,) by symbol are those decided at each close; on a day without a session, the last one decided before;
    where nothing is decided (warming up, stale, bought once and kept), the one held. `regimes` are by day those of most
    symbols, Neutral on a tie or where none is known. `decisions` and `reasons` are those of the trades, by order id; a
    trade without an order, which closes a delisted position, has no decision.
    """

    exposures: Mapping[str, FloatArray]
    regimes: tuple[str, ...]
    decisions: Mapping[str, Decision]
    reasons: Mapping[str, str]


def days_read(tested: Backtest) -> DaysRead:
    """Return what is read of the days, each of which is built but once, and then forgotten."""
    replayed, limits = tested.net.replay, tested.job.policy.limits
    aimed = np.zeros((len(replayed.dates), len(tested.symbols)))
    regimes, decisions, reasons = [], {}, {}
    traded = _traded(replayed)
    for row, (snapshot, decided) in enumerate(days_of(replayed)):
        by_symbol = {decision.symbol: decision for decision in decided}
        aimed[row] = _aimed(tested.symbols, by_symbol, snapshot, aimed[row - 1] if row else None)
        regimes.append(_winner(Counter(decision.regime for decision in decided if decision.regime is not None)))
        orders = traded.get(snapshot.account.as_of, ())
        together = moved(decided, snapshot) if orders else 0.0
        for order in orders:
            decision = decisions[order.order_id] = by_symbol[order.symbol]
            reasons[order.order_id] = trade_reason(order, decision, snapshot, together, limits)
    return DaysRead(
        exposures={symbol: aimed[:, column].copy() for column, symbol in enumerate(tested.symbols)},
        regimes=tuple(regimes),
        decisions=decisions,
        reasons={fill.order_id: reasons.get(fill.order_id, CLOSED) for fill in replayed.fills},
    )


def _traded(replayed: Replay) -> dict[date, list[Order]]:
    """Return the orders that traded, by the day on which they were decided."""
    filled = {fill.order_id for fill in replayed.fills}
    found: dict[date, list[Order]] = {}
    for order in replayed.orders:
        if order.order_id in filled:
            found.setdefault(order.as_of, []).append(order)
    return found


def _aimed(
    symbols: Sequence[str], decided: Mapping[str, Decision], snapshot: Snapshot, before: FloatArray | None
) -> list[float]:
    """Return the exposures of a day, (S,), given those of the day before; None on the first."""
    aimed: list[float] = []
    for column, symbol in enumerate(symbols):
        decision = decided[symbol]
        if decision.exposure is not None:
            aimed.append(decision.exposure)
        elif decision.status is Status.NO_SESSION and before is not None:
            aimed.append(float(before[column]))
        else:
            aimed.append(snapshot.exposure(symbol))
    return aimed


def _winner(votes: Counter[str]) -> str:
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return str(Regime.NEUTRAL)
    return ranked[0][0]
