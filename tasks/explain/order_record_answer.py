"""The record of an order, part by part, as `turbodmt explain` answers it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue

from tasks.run.answers import Answer, DecisionAnswer, Exact, FillAnswer

#: A time as text, with its offset.
Instant = Annotated[str, BeforeValidator(lambda at: at.isoformat() if isinstance(at, datetime) else at)]


class ExplainedOrderAnswer(Answer):
    """The order with its account, its state, and the reason for the state in words and as a code."""

    account: str
    order_id: str
    symbol: str
    as_of: date
    side: str
    quantity: Exact
    state: str
    reason: str
    code: str | None


class ExplainedDecisionAnswer(DecisionAnswer):
    """The decision that the order carries out, by whom, and the hash of the bars that it was made on."""

    strategy: str
    strategy_sha256: str | None = None
    strategy_origin: str | None = None
    model_id: str | None
    data_sha256: str


class BarsPart(Answer):
    """The bars of the symbol that the decision used, of at most `look_back_bars`, and the newest close.

    `columns` are those of the user's own that the strategy reads, with their lag in days.
    """

    source: str
    symbols: tuple[str, ...]
    first: date
    last: date
    bars: int
    look_back_bars: int
    close: float
    factor: float
    columns: Mapping[str, int] = Field(default_factory=dict)


class RegimePart(Answer):
    """The evidence for the regime: the scores, their weighted sum, and the probability of each regime."""

    scores: dict[str, float | None]
    score: float | None
    probabilities: dict[str, float | None]
    regime: str | None
    confidence: float | None


class ForecastPart(Answer):
    """The signal and its components: the inputs of the rule, the prior, each network alone, and their mean."""

    signal: float | None
    inputs: dict[str, float | None]
    prior: float | None = None
    members: tuple[float, ...] = ()
    mean: float | None = None


class SharePart(Answer):
    """A part of the target exposure: `signal` is its part of the signal, null for a step that comes after it.

    The exposures of all parts add up to the exposure decided, but for rounding.
    """

    name: str
    signal: float | None
    exposure: float


class SizePart(Answer):
    """The steps from the signal to the exposure wanted; those up to `capped` stay out if capital is split, not risk.

    `risk_share` and `correlation` are those in the book of all budgets, held without signals. With direct sizing there
    is no volatility, budget or multiplier. `ranges` are the numbers by which HAR corrects the volatility of the closes;
    empty where it does not.
    """

    signal: float | None = None
    soft_signal: float | None = None
    regime_multiplier: float | None = None
    volatility: float | None = None
    closes_volatility: float | None = None
    ranges: dict[str, float] = Field(default_factory=dict)
    allocation: str | None = None
    budget: float | None = None
    risk_share: float | None = None
    correlation: float | None = None
    portfolio_volatility: float | None = None
    volatility_multiplier: float | None = None
    uncapped: float | None = None
    within_caps: float | None = None
    max_position_size: float | None = None
    capped: float | None = None
    drawdown: float | None
    drawdown_multiplier: float | None
    after_drawdown: float | None
    floor: float | None
    after_floor: float | None
    kept_beside: float | None
    wanted: float | None


class SleevePart(Answer):
    """A sleeve's part of the order: from its signal to the exposure wanted, and its signed share of the fills.

    `own` is what its own sizing wants, `part` that times its weight within the caps, `wanted` after drawdown control.
    `filled` is null before the fill is settled.
    """

    sleeve: str
    signal: float | None
    own: float | None
    weight: float
    part: float | None
    wanted: float
    filled: Exact | None


class BandPart(Answer):
    """The step from the exposure wanted to the one that the rebalance band asks for, and what the band did.

    `band` is a fraction of equity; within `low` and `high` the position would have been kept.
    """

    band: float
    current: float | None
    low: float | None
    high: float | None
    effect: str | None
    exposure: float | None


class LimitsPart(Answer):
    """The steps from the exposure wanted, or the one that the rebalance band asks for, to the one decided."""

    wanted: float | None
    current: float | None
    order_cap: float | None
    after_cap: float | None
    turnover: float | None
    max_turnover: float | None
    exposure: float | None


class PlannedPart(Answer):
    """The steps from the exposure decided to the order planned.

    `currency` is that of the mark and `fx_rate` its rate in the account's, if it is another one.
    """

    exposure: float | None
    equity: Exact
    mark: Exact
    held: Exact
    change: Exact
    lot: Exact
    quantity: Exact
    reason: str
    currency: str | None = None
    fx_rate: Exact | None = None


class StepPart(Answer):
    """A change of the order's state."""

    state: str
    reason: str
    recorded_at: Instant


class FillPart(FillAnswer):
    """A fill beside its bar's open; slippage is money, positive where it cost."""

    open: Exact | None
    slippage: Exact | None
    slippage_bps: float | None


class ExecutionPart(Answer):
    """A trade of the order, as the broker reported it."""

    trade_id: str
    executed_at: Instant
    side: str
    quantity: Exact
    price: Exact
    fee: Exact
    fee_asset: str
    realised: Exact | None


class ExplainAnswer(Answer):
    """The answer of `turbodmt explain`; the parts from `bars` to `planned` are null if nobody knows them any more.

    `attribution` is the target exposure as a sum of what produced it; left out where the bars have changed since.
    `terms` are those of the account on the day of the decision. `sleeves` are there in an account with several
    strategies.
    """

    order: ExplainedOrderAnswer
    decision: ExplainedDecisionAnswer
    origin: str | None
    verified: bool | None
    bars: BarsPart | None
    features: dict[str, float | None] | None
    regime: RegimePart | None
    forecast: ForecastPart | None
    attribution: tuple[SharePart, ...] = ()
    sleeves: tuple[SleevePart, ...] = ()
    size: SizePart | None
    band: BandPart | None = None
    limits: LimitsPart | None
    planned: PlannedPart | None
    steps: tuple[StepPart, ...]
    fills: tuple[FillPart, ...]
    executions: tuple[ExecutionPart, ...]
    terms: dict[str, JsonValue]
    warnings: tuple[str, ...]
