"""The record of an order, gathered from its bars to its fills, every number as stored; the command line words it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from storage.bars.own_columns import with_columns
from storage.database import Connection, connect
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import explanations as explanation_store
from storage.ledger import order_lookup as order_history
from storage.ledger import orders as order_store
from storage.ledger.explanations import Trace
from storage.ledger.order_lookup import Found, Step
from storage.ledger.price_units import open_as_used
from storage.ledger.row_codec import Provenance
from strategy.account.orders import Fill, Order, Side
from strategy.broker.fills import BrokerFill
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars
from strategy.market.data_hash import data_sha256
from strategy.market.own_columns import Lag
from strategy.portfolio.decision import Decision
from strategy.portfolio.flattening import is_flattened
from strategy.signals.strategies import Strategy
from tasks.explain.order_record_answer import (
    BandPart,
    BarsPart,
    ExecutionPart,
    ExplainAnswer,
    ExplainedDecisionAnswer,
    ExplainedOrderAnswer,
    FillPart,
    ForecastPart,
    LimitsPart,
    PlannedPart,
    RegimePart,
    SizePart,
    SleevePart,
    StepPart,
)
from tasks.explain.redecide import PastDay, fx_behind, replayed_trace
from tasks.explain.target_shares import target_shares
from tasks.report.markup import exactly
from tasks.run.account_sleeves import account_sleeves
from tasks.run.answers import decision_answer, fill_answer, order_answer
from tasks.run.job import RunConfig
from tasks.run.kept_terms import terms_on
from tasks.run.passes import bars_seen, ends_of
from tasks.strategies.catalogue import origin_of

#: Most orders listed when the given id matches none, or several.
NAMED = 5
STORED, REPLAYED = "stored", "replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The stored record of an order: its day, with its own decision among others, its steps, fills and trades."""

    found: Found
    order: Order
    day: PastDay
    steps: tuple[Step, ...]
    fills: tuple[Fill, ...]
    executions: tuple[BrokerFill, ...]

    @property
    def decision(self) -> Decision:
        """Return the decision that the order carries out."""
        return next(decision for decision in self.day.decisions if decision.symbol == self.found.symbol)


def orders_named(home: Path, text: str, account: str | None) -> tuple[Found, ...]:
    """Return the orders whose id begins with `text`, newest first ("" matches all); at most NAMED of them."""
    with connect(home) as store:
        return order_history.beginning(store, text, account, most=NAMED)


def explain(home: Path, found: Found, policy_of: Callable[[str, Strategy], RunConfig]) -> ExplainAnswer:
    """Return the answer of `turbodmt explain`.

    If no explanation was stored when the day was decided, the day is decided again, with the settings that `policy_of`
    reads from its run; the answer says so, and whether the result equals the decision on record.
    """
    with connect(home) as store:
        record = _record(store, home, found)
        warnings: list[str] = []
        trace = explanation_store.load(store, found.account, found.as_of, found.symbol)
        origin = STORED if trace is not None else REPLAYED
        if trace is None:
            trace, warnings = replayed_trace(store, record.day, found.symbol, policy_of)
        # No bar decides what a flattened account closes.
        judged = None if trace is None or is_flattened(record.day.decisions) else trace
        seen = None if judged is None else _decided_on(store, record, judged, policy_of)
        verified = None if judged is None else seen is not None
        parts = None if judged is None else target_shares(store, record.day, (found.symbol, judged), seen)
        opens = _opens(store, record, trace)
        terms = terms_on(store, found.account, found.as_of)
        sleeves = _sleeves(store, record, trace)
    if verified is False:
        warnings.append(
            f"the bars in the store are no longer those that were decided on (their hash is not "
            f"{record.day.provenance.data_sha256[:12]}): some were revised since"
            + ("; what is shown was kept when the day was decided" if origin == STORED else "")
        )
    filled = sum((fill.quantity for fill in record.fills), Decimal(0))
    if filled > record.order.quantity:
        warnings.append(
            f"{exactly(filled)} were filled of an order of {exactly(record.order.quantity)}: the unit changed "
            "in between, by a split or a past that was restated, and the order with it, at the same value"
        )
    decision, provenance = record.decision, record.day.provenance
    answer = ExplainAnswer(
        order=ExplainedOrderAnswer(account=found.account, **dict(order_answer(record.order))),
        decision=_explained(home, decision, provenance),
        origin=origin if trace is not None else None,
        verified=verified,
        **_parts(record, trace),
        steps=tuple(map(StepPart.model_validate, record.steps)),
        fills=tuple(_fill_part(fill, opens.get(fill)) for fill in record.fills),
        executions=tuple(map(ExecutionPart.model_validate, record.executions)),
        terms=terms,
        warnings=tuple(warnings),
    )
    # A list of nothing is left out of the answer.
    update = {**({"sleeves": sleeves} if sleeves else {}), **({"attribution": parts} if parts else {})}
    return answer.model_copy(update=update)


def _explained(home: Path, decision: Decision, provenance: Provenance) -> ExplainedDecisionAnswer:
    answer = ExplainedDecisionAnswer(
        **decision_answer(decision).model_dump(exclude_unset=True),
        strategy=provenance.strategy,
        model_id=provenance.model_id,
        data_sha256=provenance.data_sha256,
    )
    version = provenance.strategy_sha256
    if version is None:
        return answer
    origin = "of its sleeves" if decision.sleeves else origin_of(home, version)
    return answer.model_copy(update={"strategy_sha256": version, "strategy_origin": origin})


def _record(store: Connection, home: Path, found: Found) -> Record:
    key = (store, found.account, found.order_id)
    day_pass = ledger.pass_of(store, found.account, found.as_of, found.symbol)
    day = (store, found.account, found.as_of)
    provenance = ledger.provenance_on(*day, until_pass=day_pass.number)
    assert provenance is not None, "an order has a decision"
    return Record(
        found=found,
        order=order_store.read_order(*key),
        day=PastDay(
            home=home,
            account=found.account,
            decisions=ledger.decisions_on(*day, until_pass=day_pass.number),
            provenance=provenance,
            day_pass=day_pass,
        ),
        steps=order_history.steps(*key),
        fills=order_history.fills_of(*key),
        executions=broker_events.executions_of(*key),
    )


#: Parts of the planned order that are there if prices are not in the account's own currency.
_OF_CURRENCY = ("currency", "fx_rate")


def _decided_on(
    store: Connection, record: Record, trace: Trace, policy_of: Callable[[str, Strategy], RunConfig]
) -> Mapping[str, Bars] | None:
    """Return the bars that were decided on; None if those in the store, and closes of pairs, hash to others by now."""
    symbols = record.day.symbols
    count = trace["window"]["look_back_bars"]
    ends = ends_of(symbols, record.found.as_of, record.day.day_pass.behind)
    bars = bars_seen(store, trace["source"], ends, count)
    # An explanation of before there were columns names none.
    columns = {name: Lag(days=days) for name, days in trace["window"].get("columns", {}).items()}
    try:
        seen = with_columns(store, trace["source"], bars, columns)
    except UsageError:
        # The source has lost the column.
        return None
    fx = fx_behind(store, record.day, trace["source"], policy_of)
    return seen if data_sha256(seen, fx) == record.day.provenance.data_sha256 else None


def _parts(record: Record, trace: Trace | None) -> dict[str, Any]:
    """Return the parts of the explanation in order; each is None without a trace, all but the last in a flattening."""
    parts: dict[str, Any] = dict.fromkeys(("bars", "features", "regime", "forecast", "size", "limits", "planned"))
    if trace is None:
        return parts
    if is_flattened(record.day.decisions):
        return {**parts, "planned": PlannedPart.model_validate(trace["planned"])}
    # Explanations of before there was a band have no such part, and neither have those of accounts without one.
    banded = trace.get("banded")
    forecast = dict(trace["forecast"])
    features = forecast.pop("features")
    symbols = record.day.symbols
    planned = {key: told for key, told in trace["planned"].items() if key not in _OF_CURRENCY or told is not None}
    return {
        "bars": BarsPart.model_validate({"source": trace["source"], "symbols": symbols, **trace["window"]}),
        "features": features,
        "regime": RegimePart.model_validate(trace["evidence"]),
        "forecast": ForecastPart.model_validate(forecast),
        "size": SizePart.model_validate({**(trace["sized"] or {}), **trace["restrained"]}),
        **({"band": BandPart.model_validate(banded)} if banded else {}),
        "limits": LimitsPart.model_validate(trace["limited"]),
        "planned": PlannedPart.model_validate(planned),
    }


def _sleeves(store: Connection, record: Record, trace: Trace | None) -> tuple[SleevePart, ...]:
    """Return the sleeves' parts of the order; empty in an account with one strategy."""
    wishes = record.decision.sleeves
    if not wishes:
        return ()
    found = account_sleeves(store, record.found.account, max((fill.as_of for fill in record.fills), default=date.min))
    filled: Sequence[Decimal | None] = [None] * len(wishes)
    if found is not None and len(found.sleeves) == len(wishes):
        filled = found.filled.get(record.found.order_id, filled)
    steps: Sequence[Trace] = (trace or {}).get("sleeves") or [{}] * len(wishes)
    return tuple(
        SleevePart(
            sleeve=wish.sleeve,
            signal=wish.signal,
            own=step.get("own"),
            weight=wish.weight,
            part=step.get("part"),
            wanted=wish.exposure,
            filled=part,
        )
        for wish, step, part in zip(wishes, steps, filled, strict=True)
    )


def _opens(store: Connection, record: Record, trace: Trace | None) -> dict[Fill, Decimal]:
    """Return the open of each fill's bar, where there is one, in the units in which the order was filled."""
    opens: dict[Fill, Decimal] = {}
    if trace is None:
        return opens
    for fill in record.fills:
        opened = open_as_used(store, trace["source"], fill)
        if opened is not None:
            opens[fill] = opened
    return opens


def _fill_part(fill: Fill, opened: Decimal | None) -> FillPart:
    cost = None if opened is None else (fill.price - opened) * (1 if fill.side is Side.BUY else -1)
    return FillPart(
        **fill_answer(fill).model_dump(exclude_unset=True),
        open=opened,
        slippage=None if cost is None else cost * fill.quantity * fill.fx_rate,
        slippage_bps=None if cost is None or opened is None else float(cost / opened * 10_000),
    )
