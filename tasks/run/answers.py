"""Answers of commands as values: frozen models, whose fields are the keys that `--json` prints, in that order."""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer

from storage.accounts.cash_flows import RecordedFlow
from strategy.account.orders import Fill, Order
from strategy.account.state import Snapshot
from strategy.portfolio.decision import Decision
from strategy.sleeves.results import SleeveResults
from tasks.run.job import Job


def text(value: Decimal) -> str:
    """Return the number with all digits, without trailing zeros or an exponent.

    >>> text(Decimal("10000.000000000000")), text(Decimal("-0.5000"))
    ('10000', '-0.5')
    """
    return f"{value.normalize():f}"


#: Money or a quantity: exact, and text in JSON, whose numbers would round it.
Exact = Annotated[Decimal, PlainSerializer(text, return_type=str, when_used="json")]


class Answer(BaseModel):
    """The answer of a command, or a part of it.

    JSON holds exact amounts as text, statistics as numbers, and null for what is undefined. A field that has a default
    and was not given stays out: older versions stored answers without it. `model_validate` takes any value that has the
    fields as attributes, with others beside.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, from_attributes=True
    )

    def json_values(self) -> dict[str, Any]:
        """Return the answer as JSON values, by the keys that users see."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def to_json(self) -> str:
        """Return the answer as one line of JSON.

        Raises ValueError for NaN and infinity, which JSON has not: an undefined number is None by now, or it is a bug.
        """
        return json.dumps(self.json_values(), allow_nan=False)

    @classmethod
    def of_json(cls, stored: str) -> Self:
        """Return the answer from its JSON; ignore keys that only older versions wrote."""
        return cls.model_validate_json(stored, extra="ignore")


class ModelCode(StrEnum):
    """The reason why a model decides, or the prior instead; `model_reason` is its text.

    NOT_NEEDED: the strategy has no model. IN_USE: the champion decides. NONE_PROMOTED: there is no champion. DAMAGED:
    its file cannot be used. TOO_OLD: it is past `model_max_age_bars`. NOT_TRAINED: a training was due and failed,
    whichever decides. REFUSED: some of the champion's signals broke a rule, so that the prior's are used.
    """

    NOT_NEEDED = "not_needed"
    IN_USE = "in_use"
    NONE_PROMOTED = "none_promoted"
    DAMAGED = "damaged"
    TOO_OLD = "too_old"
    NOT_TRAINED = "not_trained"
    REFUSED = "refused"


#: Codes that a person should look at.
MODEL_FAULTS = frozenset({ModelCode.DAMAGED, ModelCode.TOO_OLD, ModelCode.NOT_TRAINED, ModelCode.REFUSED})


class DayState(StrEnum):
    """Whether a day is done, or a later run may still decide symbols that were held back."""

    DONE = "done"
    PARTIAL = "partial"


class LeftOverAnswer(Answer):
    """A position that an account which is flattened still holds: its quantity, and why, as a code and in words."""

    symbol: str
    quantity: Exact
    code: str
    reason: str


class EarnedAnswer(Answer):
    """What a day earned: its net result, from the close of `since` and the `equity` there, less what was paid in.

    `symbols` and `cash` are its parts, after their costs, and add up to it; both are left out where they do not, as at
    a broker whose books say less than that.
    """

    since: date
    equity: Exact
    net: Exact
    symbols: dict[str, Exact] | None = None
    cash: Exact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """The result of a day; `snapshot` is None for an account without a day, `halted` the reason for a halt or empty.

    `passes` are its passes so far, and `waiting` the symbols that another one may decide. `sleeves` is what those of an
    account with several strategies have earned.
    `left_over` is what an account that is flattened still holds. `earned` is None on an account's first day.
    """

    job: Job
    snapshot: Snapshot | None
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    flows: tuple[RecordedFlow, ...]
    model_id: str | None
    model_reason: str | None
    model_code: ModelCode | None
    data_sha256: str | None
    halted: str
    warnings: tuple[str, ...]
    report: str | None
    passes: "tuple[PassAnswer, ...]" = ()
    waiting: tuple[str, ...] = ()
    flatten: bool = False
    left_over: tuple[LeftOverAnswer, ...] = ()
    sleeves: SleeveResults | None = None
    earned: EarnedAnswer | None = None

    @property
    def state(self) -> DayState:
        """Return `partial` while another pass may decide symbols that wait: a live day until no order may be sent."""
        until, now = self.job.sends_until, self.job.now
        in_time = until is None or now <= until
        return DayState.PARTIAL if self.waiting and in_time else DayState.DONE


class PassAnswer(Answer):
    """A pass of a day: its number, the symbols that it decided, and the equity at the close, as known to it."""

    number: int = Field(alias="pass")
    symbols: tuple[str, ...]
    equity: Exact


class SleeveWishAnswer(Answer):
    """What a sleeve wants of a symbol: its signal, its weight on the day, and its part of the account's target."""

    sleeve: str
    signal: float | None
    weight: float
    exposure: float


class SleeveAnswer(Answer):
    """What a sleeve of an account has earned since the account has these sleeves, and what it holds.

    `since` is the day at whose close they began, and `weight` that of the last day. `profit` is net of its part of
    every cost, of which `fees` are one; the profits of all sleeves add up to that of the account from then on.
    """

    sleeve: str
    since: date
    weight: float
    profit: Exact
    fees: Exact
    positions: dict[str, Exact]


class DecisionAnswer(Answer):
    """A decision, without its day and symbol; `rebalance` is there if a rebalance band or frequency had an effect.

    `held` is there where `exposure` is null and a position is kept: its signed value at the close, over equity.
    It is `flatten` on a day on which the account is flattened. `sleeves` are there in an account with several
    strategies, where `signal` is Σ weight · signal.
    """

    regime: str | None
    confidence: float | None
    signal: float | None
    volatility: float | None
    exposure: float | None
    status: str
    reason: str
    rebalance: str | None = None
    sleeves: tuple[SleeveWishAnswer, ...] = ()
    held: float | None = None


class OrderAnswer(Answer):
    """An order with its state, and the reason for the state in words and as a code."""

    order_id: str
    symbol: str
    as_of: date
    side: str
    quantity: Exact
    state: str
    reason: str
    code: str | None = None


class FillAnswer(Answer):
    """A fill of an order.

    `fx_rate` converts its price into the account's currency, if that is another one; the fee is in the latter.
    """

    order_id: str
    trade_id: str
    symbol: str
    as_of: date
    side: str
    quantity: Exact
    price: Exact
    fee: Exact
    fx_rate: Exact | None = None


class FlowAnswer(Answer):
    """Money or a position that entered or left the account: its signed value at the close of the day that booked it.

    `symbol` is there for a transferred position.
    """

    date: date
    kind: str
    symbol: str | None = None
    amount: Exact
    reason: str


class DayAnswer(Answer):
    """The answer of `turbodmt daily`; `equity` and `cash` are null for an account without a day.

    `flatten` and `left_over` are there while the account is flattened, `sleeves` in an account with several strategies,
    `earned` from an account's second day on.
    """

    as_of: date
    run_id: str
    account: str
    strategy: str
    strategy_sha256: str | None = None
    symbols: dict[str, DecisionAnswer]
    orders: tuple[OrderAnswer, ...]
    fills: tuple[FillAnswer, ...]
    flows: tuple[FlowAnswer, ...] = ()
    equity: Exact | None
    cash: Exact | None
    earned: EarnedAnswer | None = None
    positions: dict[str, Exact]
    sleeves: tuple[SleeveAnswer, ...] = ()
    model_id: str | None
    model_reason: str | None = None
    model_code: str | None = None
    data_sha256: str | None
    code_version: str
    config: dict[str, JsonValue]
    seed: int
    halted: bool
    halted_reason: str | None = None
    flatten: bool = False
    left_over: tuple[LeftOverAnswer, ...] = ()
    warnings: tuple[str, ...]
    report: str | None
    state: DayState = DayState.DONE
    waiting: tuple[str, ...] = ()
    passes: tuple[PassAnswer, ...] = ()


def day_answer(result: DayResult) -> DayAnswer:
    """Return the answer of `turbodmt daily`."""
    snapshot, version = result.snapshot, result.job.policy.strategy.version
    answer = DayAnswer(
        as_of=result.job.as_of,
        run_id=result.job.run_id,
        account=result.job.account,
        strategy=result.job.policy.strategy.name,
        symbols={decision.symbol: _with_held(decision, snapshot) for decision in result.decisions},
        orders=tuple(map(order_answer, result.orders)),
        fills=tuple(map(fill_answer, result.fills)),
        flows=tuple(map(flow_answer, result.flows)),
        equity=snapshot.equity if snapshot else None,
        cash=snapshot.account.cash if snapshot else None,
        positions=positions_of(snapshot),
        model_id=result.model_id,
        model_reason=result.model_reason,
        model_code=result.model_code,
        data_sha256=result.data_sha256,
        code_version=result.job.code_version,
        config=json.loads(result.job.policy.config),
        seed=result.job.policy.recipe.seed,
        halted=bool(result.halted),
        halted_reason=result.halted or None,
        warnings=result.warnings,
        report=result.report,
        state=result.state,
        waiting=result.waiting if result.state is DayState.PARTIAL else (),
        passes=result.passes,
    )
    closing = {"flatten": True, "left_over": result.left_over} if result.flatten else {}
    of_sleeves = {"sleeves": sleeve_answers(result.sleeves)} if result.sleeves else {}
    own = {"strategy_sha256": version} if version else {}
    earned = {"earned": result.earned} if result.earned else {}
    return answer.model_copy(update={**own, **earned, **closing, **of_sleeves})


def decision_answer(decision: Decision) -> DecisionAnswer:
    """Return the answer's part on a decision."""
    answer = DecisionAnswer.model_validate(decision)
    absent = {name for name in ("rebalance", "sleeves") if not getattr(decision, name)}
    return DecisionAnswer.model_validate(answer.model_dump(exclude=absent)) if absent else answer


def _with_held(decision: Decision, snapshot: Snapshot | None) -> DecisionAnswer:
    answer = decision_answer(decision)
    if decision.exposure is not None or snapshot is None or decision.symbol not in snapshot.account.positions:
        return answer
    return answer.model_copy(update={"held": snapshot.exposure(decision.symbol)})


def sleeve_answers(found: SleeveResults) -> tuple[SleeveAnswer, ...]:
    """Return the answer's part on the sleeves of an account."""
    return tuple(
        SleeveAnswer(
            sleeve=each.sleeve,
            since=found.since,
            weight=each.weight,
            profit=each.profit,
            fees=each.fees,
            positions=dict(sorted(each.quantities.items())),
        )
        for each in found.sleeves
    )


def order_answer(order: Order) -> OrderAnswer:
    """Return the answer's part on an order."""
    return OrderAnswer.model_validate(order)


def fill_answer(fill: Fill) -> FillAnswer:
    """Return the answer's part on a fill."""
    told = {name: getattr(fill, name) for name in FillAnswer.model_fields}
    if fill.fx_rate == 1:
        del told["fx_rate"]
    return FillAnswer.model_validate(told)


def flow_answer(flow: RecordedFlow) -> FlowAnswer:
    """Return the answer's part on a flow that a day has booked."""
    named = {"symbol": flow.symbol} if flow.symbol else {}
    return FlowAnswer.model_validate(
        {"date": flow.settled_on, "kind": str(flow.kind), **named, "amount": flow.value, "reason": flow.reason}
    )


def positions_of(snapshot: Snapshot | None) -> dict[str, Decimal]:
    """Return the quantity held of each symbol."""
    if snapshot is None:
        return {}
    return {symbol: position.quantity for symbol, position in sorted(snapshot.account.positions.items())}
