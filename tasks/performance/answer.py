"""Attribution and risk in the answer of a command."""

import math
from collections.abc import Mapping
from datetime import date

from strategy.attribution.gains import Gain
from strategy.attribution.symbol_gains import Direction
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.risk import LEVEL
from tasks.performance.assessment import Assessment
from tasks.report.backtest_tables import monthly_returns, yearly_returns
from tasks.run.answers import Answer, Exact


class GainAnswer(Answer):
    """Money gained by source; costs are below 0, and `net` is the sum of the others."""

    price: Exact
    fees: Exact
    slippage: Exact
    financing: Exact
    short_fee: Exact
    interest: Exact
    funding: Exact
    fx: Exact
    net: Exact


class SymbolGainAnswer(GainAnswer):
    """What a symbol gained, and its signed market value over equity, on average over the closes."""

    mean_exposure: float


class AttributionAnswer(Answer):
    """The net result of the net account by what earned it, in money.

    `total` is the sum of the symbols and `cash`, of `long`, `short` and `cash`, and of the regimes, where "" is none.
    Sleeves, if there are several, add up to what the account gained since it has them.
    """

    total: GainAnswer
    symbols: dict[str, SymbolGainAnswer]
    cash: GainAnswer
    long: GainAnswer
    short: GainAnswer
    regimes: dict[str, GainAnswer]
    sleeves: dict[str, GainAnswer]


class WorstDayAnswer(Answer):
    """A day and its return, beside the benchmark's; fractions."""

    day: date
    net: float
    benchmark: float | None


class DrawdownAnswer(Answer):
    """A drawdown: the day of the high, that of the trough, the depth, the day that regained the high, and its days.

    `recovery` is null if it was not regained; `days` are calendar days from the high to the recovery or to the end.
    """

    start: date
    trough: date
    recovery: date | None
    depth: float
    days: int


class CrisisAnswer(Answer):
    """A crisis of the stock market within the days, and what the account and the benchmark did in it; fractions."""

    name: str
    start: date
    end: date
    net: float
    max_drawdown: float
    benchmark: float | None


class RiskAnswer(Answer):
    """The risk of the net account; fractions, null where undefined.

    `value_at_risk` and `conditional_value_at_risk` are historical, of a day, at the `level`: losses above 0, null for
    fewer than 20 returns. `benchmark` is the first one tested; beta and what follows are of excess returns against it,
    alpha, tracking error and information ratio a year. `time_in_market` is the share of closes with a position, and
    `trades` the number of fills.
    """

    calmar: float | None
    level: float
    value_at_risk: float | None
    conditional_value_at_risk: float | None
    benchmark: str | None
    beta: float | None
    alpha: float | None
    correlation: float | None
    tracking_error: float | None
    information_ratio: float | None
    time_in_market: float
    trades: int
    worst_days: tuple[WorstDayAnswer, ...]
    drawdowns: tuple[DrawdownAnswer, ...]
    crises: tuple[CrisisAnswer, ...]
    monthly_returns: dict[str, float | None]
    yearly_returns: dict[str, float | None]


def attribution_answer(assessed: Assessment) -> AttributionAnswer:
    """Return the attribution of the account."""
    found = assessed.attribution
    by_symbol, by_direction = found.by_symbol, found.by_direction
    exposures: Mapping[str, float] = found.mean_exposures
    return AttributionAnswer(
        total=_gain(found.total),
        symbols={
            symbol: SymbolGainAnswer(**dict(_gain(gain)), mean_exposure=exposures.get(symbol, 0.0))
            for symbol, gain in by_symbol.items()
            if symbol
        },
        cash=_gain(by_direction.get(Direction.CASH, Gain())),
        long=_gain(by_direction.get(Direction.LONG, Gain())),
        short=_gain(by_direction.get(Direction.SHORT, Gain())),
        regimes={regime: _gain(gain) for regime, gain in found.by_regime.items()},
        sleeves={sleeve: _gain(gain) for sleeve, gain in assessed.sleeves.items()},
    )


def _gain(gain: Gain) -> GainAnswer:
    return GainAnswer.model_validate(gain)


def risk_answer(assessed: Assessment, net: Metrics) -> RiskAnswer:
    """Return the risk of the account with these metrics."""
    beside, tail = assessed.relative, assessed.tail
    months = monthly_returns(assessed.dates, assessed.path.tolist())
    return RiskAnswer(
        calmar=net.calmar,
        level=LEVEL,
        value_at_risk=tail.value_at_risk if tail else None,
        conditional_value_at_risk=tail.conditional_value_at_risk if tail else None,
        benchmark=assessed.benchmark,
        beta=beside.beta if beside else None,
        alpha=beside.alpha if beside else None,
        correlation=beside.correlation if beside else None,
        tracking_error=beside.tracking_error if beside else None,
        information_ratio=beside.information_ratio if beside else None,
        time_in_market=assessed.attribution.invested,
        trades=assessed.trades,
        worst_days=tuple(
            WorstDayAnswer(day=each.day, net=each.change, benchmark=each.benchmark) for each in assessed.worst_days
        ),
        drawdowns=tuple(DrawdownAnswer.model_validate(each) for each in assessed.drawdowns),
        crises=tuple(
            CrisisAnswer(
                name=each.crisis.name,
                start=each.crisis.start,
                end=each.crisis.end,
                net=each.total_return,
                max_drawdown=each.max_drawdown,
                benchmark=each.benchmark_return,
            )
            for each in assessed.crises
        ),
        monthly_returns={f"{year}-{month:02}": _known(value) for (year, month), value in months.items()},
        yearly_returns={str(year): _known(value) for year, value in yearly_returns(months).items()},
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
