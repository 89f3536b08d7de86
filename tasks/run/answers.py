"""Answers of commands as the JSON of the command line's contract: money as text, statistics as numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from strategy.account.orders import Fill, Order
from strategy.account.state import Snapshot
from strategy.portfolio.decision import Decision
from tasks.run.job import Job

#: A JSON object as `json.loads` returns it.
Json = dict[str, object]


class ModelCode(StrEnum):
    """The reason why a model decides, or the prior instead; `model_reason` is its text.

    NOT_NEEDED: the strategy has no model. IN_USE: the champion decides. NONE_PROMOTED: there is no champion. DAMAGED:
    its file cannot be used. TOO_OLD: it is past `model_max_age_bars`. NOT_TRAINED: a training was due and failed,
    whichever decides.
    """

    NOT_NEEDED = "not_needed"
    IN_USE = "in_use"
    NONE_PROMOTED = "none_promoted"
    DAMAGED = "damaged"
    TOO_OLD = "too_old"
    NOT_TRAINED = "not_trained"


#: Codes that a person should look at.
MODEL_FAULTS = frozenset({ModelCode.DAMAGED, ModelCode.TOO_OLD, ModelCode.NOT_TRAINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """The result of a day; `snapshot` is None for an account without a day, `halted` the reason for a halt or empty."""

    job: Job
    snapshot: Snapshot | None
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    model_id: str | None
    model_reason: str | None
    model_code: ModelCode | None
    data_sha256: str | None
    halted: str
    warnings: tuple[str, ...]
    report: str | None


def text(value: Decimal) -> str:
    """Return the number with all digits, without trailing zeros or an exponent.

    >>> text(Decimal("10000.000000000000")), text(Decimal("-0.5000"))
    ('10000', '-0.5')
    """
    return f"{value.normalize():f}"


def day_json(result: DayResult) -> Json:
    """Return the answer of `turbodmt daily`."""
    snapshot = result.snapshot
    return {
        "as_of": result.job.as_of.isoformat(),
        "run_id": result.job.run_id,
        "account": result.job.account,
        "strategy": str(result.job.policy.strategy),
        "symbols": {decision.symbol: decision_json(decision) for decision in result.decisions},
        "orders": [order_json(order) for order in result.orders],
        "fills": [fill_json(fill) for fill in result.fills],
        "equity": text(snapshot.equity) if snapshot else None,
        "cash": text(snapshot.account.cash) if snapshot else None,
        "positions": positions_json(snapshot),
        "model_id": result.model_id,
        "model_reason": result.model_reason,
        "model_code": result.model_code and str(result.model_code),
        "data_sha256": result.data_sha256,
        "code_version": result.job.code_version,
        "config": json.loads(result.job.policy.config),
        "seed": result.job.policy.recipe.seed,
        "halted": bool(result.halted),
        "halted_reason": result.halted or None,
        "warnings": list(result.warnings),
        "report": result.report,
    }


def decision_json(decision: Decision) -> Json:
    """Return a decision as JSON, without its day and symbol."""
    return {
        "regime": decision.regime,
        "confidence": decision.confidence,
        "signal": decision.signal,
        "volatility": decision.volatility,
        "exposure": decision.exposure,
        "status": str(decision.status),
        "reason": decision.reason,
    }


def order_json(order: Order) -> Json:
    """Return an order as JSON."""
    return {
        "order_id": order.order_id,
        "symbol": order.symbol,
        "as_of": order.as_of.isoformat(),
        "side": str(order.side),
        "quantity": text(order.quantity),
        "state": str(order.state),
        "reason": order.reason,
        "code": order.code and str(order.code),
    }


def fill_json(fill: Fill) -> Json:
    """Return a fill as JSON."""
    return {
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
        "symbol": fill.symbol,
        "as_of": fill.as_of.isoformat(),
        "side": str(fill.side),
        "quantity": text(fill.quantity),
        "price": text(fill.price),
        "fee": text(fill.fee),
    }


def positions_json(snapshot: Snapshot | None) -> Mapping[str, str]:
    """Return the quantity held of each symbol."""
    if snapshot is None:
        return {}
    return {symbol: text(position.quantity) for symbol, position in sorted(snapshot.account.positions.items())}


def with_warnings(result: Json, warnings: Sequence[str]) -> Json:
    """Return the result with the warnings appended to those it has."""
    known = result.get("warnings")
    return {**result, "warnings": [*(known if isinstance(known, list) else []), *warnings]}
