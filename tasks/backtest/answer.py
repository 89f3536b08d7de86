"""The answer of `turbodmt backtest`."""

import json
from collections.abc import Sequence
from datetime import date

from pydantic import JsonValue

from strategy.account.interest_rates import NO_RATE
from strategy.evaluation.costs import Charges, Rates
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.robustness import RobustnessReport
from tasks.backtest.run import Backtest
from tasks.backtest.walk_forward import FoldAnswer
from tasks.performance.answer import AttributionAnswer, RiskAnswer, attribution_answer, risk_answer
from tasks.run.answers import Answer, Exact, SleeveAnswer, sleeve_answers
from tasks.strategies.audit_gate import Subject, audit_state


class BenchmarkAnswer(Answer):
    """A benchmark, net of its costs."""

    net: Metrics


class CostsAnswer(Answer):
    """Costs of the net account: money, percent a year of its average equity, and the rates used.

    `per_share` and `min_fee` are in money, `impact` is the coefficient of the square-root law; each is of the symbols
    that have it.

    `total` is what was paid: fees + slippage + financing + short_fee + funding, and `total_pct_per_year` its share.
    `interest` was earned and is not taken off either: on balance the account paid total − interest.

    Where prices are in another currency than the account's, `fx_bps` is what converting them costs, a part of the fees,
    and `fx_profit` what the changes of exchange rates brought: it is in the returns and in no cost.

    `funding` is what perpetual futures paid on balance, below 0 where they received more; null without any of them.

    Either `financing_rate` is the flat rate, or
    `rates` names the series, and borrowing costs its rate plus `borrow_spread`, short positions `short_fee_rate`, and
    cash earns the rate less `cash_spread`. `risk_free` names the series above which excess returns are; null where
    they are above 0.
    """

    fees: Exact
    slippage: Exact
    financing: Exact
    short_fee: Exact
    interest: Exact
    total: Exact
    fees_pct_per_year: float | None
    slippage_pct_per_year: float | None
    financing_pct_per_year: float | None
    short_fee_pct_per_year: float | None
    interest_pct_per_year: float | None
    total_pct_per_year: float | None
    average_equity: Exact
    fee_bps: dict[str, float]
    slippage_bps: dict[str, float]
    per_share: dict[str, float]
    min_fee: dict[str, float]
    impact: dict[str, float]
    financing_rate: float | None
    rates: str | None
    borrow_spread: float | None
    cash_spread: float | None
    short_fee_rate: float | None
    risk_free: str | None = None
    fx_profit: Exact | None = None
    fx_profit_pct_per_year: float | None = None
    fx_bps: dict[str, float] | None = None
    funding: Exact | None = None
    funding_pct_per_year: float | None = None


class DifferenceAnswer(Answer):
    """The Sharpe ratio less a benchmark's, with its 95 % interval and p-value."""

    difference: float
    low: float
    high: float
    p: float


class SignificanceAnswer(Answer):
    """How far the net Sharpe ratio can be trusted among `trials` configurations; `pbo` is null unless it is a sweep.

    A baseline whose sizing is unchanged counts as one more beside those tried.
    """

    sharpe: float
    low: float
    high: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    luckiest_sharpe: float
    min_track_record_bars: int | None
    pbo: None
    spa_p: float | None
    against: dict[str, DifferenceAnswer | None]
    trials: int
    bars: int


class CapacityAnswer(Answer):
    """The net Sharpe ratio with this capital, impact included; null if that account never traded."""

    capital: Exact
    sharpe: float | None


class BacktestAnswer(Answer):
    """The answer of `turbodmt backtest`; `audit` is that of a strategy of the user's own on these symbols.

    `capacity` is null unless an impact is stated of a symbol. `sleeves` are there in an account with several
    strategies: their profits add up to the net account's.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    bars: int
    strategy: str
    strategy_sha256: str | None = None
    audit: str | None = None
    gross: Metrics
    net: Metrics
    net_2x_cost: Metrics
    benchmarks: dict[str, BenchmarkAnswer]
    costs: CostsAnswer
    attribution: AttributionAnswer
    risk: RiskAnswer
    capacity: tuple[CapacityAnswer, ...] | None
    sleeves: tuple[SleeveAnswer, ...] = ()
    significance: SignificanceAnswer | None
    data_sha256: str
    code_version: str
    config: dict[str, JsonValue]
    model_id: str | None
    folds: tuple[FoldAnswer, ...]
    seed: int
    trials: int
    would_halt_on: date | None
    files: tuple[str, ...]
    warnings: tuple[str, ...]


def backtest_answer(tested: Backtest, files: Sequence[str]) -> BacktestAnswer:
    """Return the answer of `turbodmt backtest`, which wrote the files."""
    job = tested.job
    answer = BacktestAnswer(
        symbols=tuple(tested.symbols),
        start=tested.dates[0],
        end=tested.dates[-1],
        bars=len(tested.dates),
        strategy=job.policy.strategy.name,
        gross=tested.gross.metrics,
        net=tested.net.metrics,
        net_2x_cost=tested.net_2x_cost.metrics,
        benchmarks={name: BenchmarkAnswer(net=benchmark.metrics) for name, benchmark in tested.benchmarks.items()},
        costs=costs_answer(tested.charges, tested.rates),
        attribution=attribution_answer(tested.assessment),
        risk=risk_answer(tested.assessment, tested.net.metrics),
        capacity=tuple(CapacityAnswer(capital=each.capital, sharpe=each.sharpe) for each in tested.capacity) or None,
        significance=significance_answer(tested.robustness),
        data_sha256=tested.data_sha256,
        code_version=job.code_version,
        config=json.loads(job.policy.config),
        model_id=tested.model_id,
        folds=tested.folds,
        seed=job.policy.recipe.seed,
        trials=tested.trials,
        would_halt_on=tested.would_halt_on,
        files=tuple(files),
        warnings=tuple(tested.warnings),
    )
    state = audit_of(tested)
    own = {"strategy_sha256": job.policy.strategy.version, "audit": state} if state else {}
    sleeves = tested.sleeves
    of_sleeves = {"sleeves": sleeve_answers(sleeves)} if sleeves else {}
    return answer.model_copy(update={**own, **of_sleeves})


def audit_of(tested: Backtest) -> str | None:
    """Return the verdict on a strategy of the user's own on the symbols tested; None for one that is built in."""
    job, strategy = tested.job, tested.job.policy.strategy
    if not strategy.version:
        return None
    return audit_state(
        Subject(home=job.home, source=job.source, symbols=tuple(tested.symbols), strategy=strategy, at=job.now)
    )


def audit_in_words(sha256: str, state: str, by: str) -> str:
    """Return in a sentence which version of a strategy was tested, and whether its audit has passed, or who audits it.

    >>> audit_in_words("8c5da131832e77", "not audited", "td.audit")
    'Version 8c5da131832e, not audited: td.audit audits it.'
    """
    version = f"Version {sha256[:12]}"
    if state == "passed":
        return f"{version}, which has passed its audit on these symbols."
    if state == "refused":
        return f"{version}, which its audit has refused: {by} says why."
    return f"{version}, not audited: {by} audits it."


def costs_answer(paid: Charges, at: Rates) -> CostsAnswer:
    """Return what the net account paid and earned, at these rates."""
    terms = at.financing
    flat = terms.flat_rate is not None
    answer = CostsAnswer(
        fees=paid.fees,
        slippage=paid.slippage,
        financing=paid.financing,
        short_fee=paid.short_fee,
        interest=paid.interest,
        total=paid.total,
        fees_pct_per_year=_percent(paid.per_year(paid.fees)),
        slippage_pct_per_year=_percent(paid.per_year(paid.slippage)),
        financing_pct_per_year=_percent(paid.per_year(paid.financing)),
        short_fee_pct_per_year=_percent(paid.per_year(paid.short_fee)),
        interest_pct_per_year=_percent(paid.per_year(paid.interest)),
        total_pct_per_year=_percent(paid.per_year(paid.total)),
        average_equity=paid.average_equity,
        fee_bps=dict(at.fee_bps),
        slippage_bps=dict(at.slippage_bps),
        per_share=dict(at.per_share),
        min_fee=dict(at.min_fee),
        impact=dict(at.impact),
        financing_rate=None if terms.flat_rate is None else float(terms.flat_rate),
        rates=None if flat else terms.rates.name,
        borrow_spread=None if flat else float(terms.borrow_spread),
        cash_spread=None if flat else float(terms.cash_spread),
        short_fee_rate=None if flat else float(terms.short_fee),
        risk_free=None if terms.risk_free == NO_RATE else terms.risk_free.name,
    )
    if at.perpetuals:
        funded = {"funding": paid.funding, "funding_pct_per_year": _percent(paid.per_year(paid.funding))}
        answer = answer.model_copy(update=funded)
    if not at.fx_bps:
        return answer
    converted = {"fx_profit": paid.fx_profit, "fx_profit_pct_per_year": _percent(paid.per_year(paid.fx_profit))}
    return answer.model_copy(update={**converted, "fx_bps": dict(at.fx_bps)})


def significance_answer(found: RobustnessReport | None) -> SignificanceAnswer | None:
    """Return how far the net Sharpe ratio can be trusted; None where there is too little to judge."""
    if found is None:
        return None
    return SignificanceAnswer(
        sharpe=found.sharpe,
        low=found.low,
        high=found.high,
        probabilistic_sharpe=found.probabilistic,
        deflated_sharpe=found.deflated,
        luckiest_sharpe=found.luckiest,
        min_track_record_bars=found.min_track_record_days,
        pbo=None,
        spa_p=found.spa_p,
        against=_against(found),
        trials=found.trials,
        bars=found.days,
    )


def _against(found: RobustnessReport) -> dict[str, DifferenceAnswer | None]:
    return {
        name: None if difference is None else DifferenceAnswer.model_validate(difference)
        for name, difference in found.against.items()
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share
