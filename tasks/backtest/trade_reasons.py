"""Reasons for the trades of a backtest: the inputs of each decision, and what it changed."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from strategy.account.state import Snapshot
from strategy.backtest.day_loop import Replay
from strategy.portfolio.decision import Decision
from strategy.portfolio.risk_limits import RiskLimits


def trade_reasons(replay: Replay, limits: RiskLimits) -> dict[str, str]:
    """Return one sentence per trade, by order id.

    It gives regime, signal, volatility and drawdown at the decision, the exposure held and the one decided, then the
    limit that cut it, if any. A trade without an order closes a delisted position.
    """
    snapshots = {snapshot.account.as_of: snapshot for snapshot in replay.snapshots}
    decisions = {(decision.as_of, decision.symbol): decision for decision in replay.decisions}
    orders = {order.order_id: order for order in replay.orders}
    moved = _moved(decisions, snapshots)
    reasons = {}
    for fill in replay.fills:
        order = orders.get(fill.order_id)
        if order is None:
            reasons[fill.order_id] = "delisted: closed at the last published close"
            continue
        decision, snapshot = decisions[order.as_of, order.symbol], snapshots[order.as_of]
        parts = [_seen(decision, snapshot), decision.reason, order.reason]
        parts.append(_cut(decision, snapshot, moved[order.as_of], limits))
        reasons[fill.order_id] = "; ".join(part for part in parts if part)
    return reasons


def _seen(decision: Decision, snapshot: Snapshot) -> str:
    seen = [
        decision.regime or "",
        f"signal {decision.signal:+.2f}" if decision.signal is not None else "",
        f"volatility {decision.volatility:.0%}" if decision.volatility is not None else "",
        f"drawdown {snapshot.drawdown:.0%}",
    ]
    before, after = snapshot.exposure(decision.symbol), decision.exposure or 0.0
    text = f"{', '.join(part for part in seen if part)}: exposure {before:+.2f} → {after:+.2f}"
    return text.replace("-", "−")


def _moved(decisions: Mapping[tuple[date, str], Decision], snapshots: Mapping[date, Snapshot]) -> dict[date, float]:
    """Return by day how far the decisions move the exposures of all symbols together."""
    moved = dict.fromkeys(snapshots, 0.0)
    for (as_of, symbol), decision in decisions.items():
        if decision.exposure is not None:
            moved[as_of] += abs(decision.exposure - snapshots[as_of].exposure(symbol))
    return moved


def _cut(decision: Decision, snapshot: Snapshot, moved: float, limits: RiskLimits) -> str:
    """Return the limit that capped the decision; empty if none did."""
    if decision.exposure is None:
        return ""
    if moved >= limits.max_turnover * (1 - 1e-9):
        return f"cut to a turnover of {limits.max_turnover:g} a day"
    change = Decimal(repr(abs(decision.exposure - snapshot.exposure(decision.symbol))))
    most = limits.max_order_notional
    if most is not None and change * snapshot.equity >= most * (1 - Decimal("1e-9")):
        return f"cut to {most:f} an order"
    return ""
