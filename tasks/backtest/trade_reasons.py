"""Reasons for the trades of a backtest: the inputs of each decision, and what it changed."""

from collections.abc import Iterable
from decimal import Decimal

from strategy.account.orders import Order
from strategy.account.state import Snapshot
from strategy.portfolio.decision import Decision
from strategy.portfolio.risk_limits import RiskLimits

#: The reason of a trade without an order.
CLOSED = "delisted: closed at the last published close"


def trade_reason(order: Order, decision: Decision, snapshot: Snapshot, moved: float, limits: RiskLimits) -> str:
    """Return why an order traded, in one sentence; `moved` is how far all decisions of its day move the exposures.

    It gives regime, signal, volatility and drawdown at the decision, the exposure held and the one decided, then the
    limit that cut it, if any.
    """
    parts = [_seen(decision, snapshot), decision.reason, order.reason, _cut(decision, snapshot, moved, limits)]
    return "; ".join(part for part in parts if part)


def moved(decided: Iterable[Decision], snapshot: Snapshot) -> float:
    """Return how far the decisions of a day move the exposures of all symbols together."""
    total = 0.0
    for decision in decided:
        if decision.exposure is not None:
            total += abs(decision.exposure - snapshot.exposure(decision.symbol))
    return total


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
