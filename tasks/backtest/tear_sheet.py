"""Tear sheet: the report of a backtest, assembled from its accounts."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from storage.bars import instruments as instrument_store
from storage.database import connect
from strategy.account.interest_rates import NO_RATE, FinancingTerms
from strategy.backtest.day_loop import turnovers
from strategy.evaluation.metrics import drawdowns
from strategy.evaluation.rolling_metrics import (
    rolling_beta,
    rolling_sharpe,
    rolling_turnover,
    rolling_volatility,
)
from strategy.market.bars import FloatArray
from strategy.market.instruments import account_days_per_year
from tasks.backtest.answer import audit_in_words, audit_of
from tasks.backtest.exposures import DaysRead
from tasks.backtest.measured import cash_of
from tasks.backtest.run import Backtest, Tested
from tasks.backtest.walk_forward import FoldAnswer
from tasks.performance.returns_table import returns_table
from tasks.performance.tables import attribution_tables, risk_lines, risk_tables
from tasks.pictures.stacked_areas import Stack, stack_picture, weight_lines
from tasks.report.backtest_page import BacktestPage, CostLine
from tasks.report.backtest_tables import Fold, Measured, Trade, a_year, sleeve_lines
from tasks.report.capacity_curve import CapacityCurve
from tasks.report.charts import EquityPicture, Line, Panel
from tasks.report.daily_page import Provenance
from tasks.report.distribution import Distribution
from tasks.report.markup import ABSENT, LivePicture, cost, figure, several, share
from tasks.report.robustness_text import evidence
from tasks.report.scales import signed_percent
from tasks.report.settings_table import configured, fees_in_words, slippage_in_words
from tasks.strategies.binding import in_full

#: With a rolling window shorter than this, in days, no rolling statistic is plotted.
FEWEST_ROLLING_DAYS = 21


def tear_sheet(tested: Backtest, read: DaysRead) -> BacktestPage:
    """Return the content of the report on a backtest."""
    job = tested.job
    measured = (tested.gross, tested.net, tested.net_2x_cost, *tested.benchmarks.values())
    picture = _picture(tested, read)
    return BacktestPage(
        strategy=str(job.policy.strategy),
        symbols=tested.symbols,
        facts=_facts(tested),
        measured=tuple(Measured(label=backtest.label, metrics=backtest.metrics) for backtest in measured),
        picture=replace(picture, panels=_panels(tested, read)),
        evidence=evidence(tested.robustness) if tested.robustness else (),
        returns=_returns(tested),
        spans=returns_table(tested.dates, picture.lines),
        folds=tuple(map(_fold, tested.folds)),
        trades=tuple(Trade(fill=fill, reason=read.reasons[fill.order_id]) for fill in tested.net.replay.fills),
        warnings=(*_unaudited(tested), *(remark for remark in tested.warnings if remark not in tested.bar_warnings)),
        bar_warnings=tested.bar_warnings,
        would_halt_on=tested.would_halt_on,
        provenance=Provenance(
            run_id=job.run_id,
            strategy=_strategy(tested),
            data_sha256=tested.data_sha256,
            code_version=job.code_version,
            model_id=_model(tested),
            seed=job.policy.recipe.seed,
            configuration=configured(job.policy, tested.instruments),
            trials=tested.trials,
        ),
        costs=_costs(tested),
        capacity=_capacity(tested),
        sleeves=sleeve_lines(tested.sleeves),
        attribution=attribution_tables(tested.assessment),
        risk=risk_lines(tested.assessment, tested.net.metrics),
        risk_tables=risk_tables(tested.assessment),
        weights=_weights(tested, read),
    )


def _strategy(tested: Backtest) -> str:
    """Return the strategy in full, and of one of the user's own what its audit has found."""
    named, state = in_full(tested.job.policy.strategy), audit_of(tested)
    return f"{named}, {'audit ' if state != 'not audited' else ''}{state}" if state else named


def _unaudited(tested: Backtest) -> tuple[str, ...]:
    state = audit_of(tested)
    if state in (None, "passed"):
        return ()
    by = "`turbodmt audit lookahead`, in Python td.audit, with the same options"
    return (audit_in_words(tested.job.policy.strategy.version, state, by),)


def _picture(tested: Backtest, read: DaysRead) -> EquityPicture:
    """Return the net equity of the subject against its benchmarks, with its drawdown and the regime of each day."""
    subject = str(tested.job.policy.strategy)
    lines = {f"{subject}, net": tested.net, **tested.benchmarks}
    return EquityPicture(
        title=f"Equity of {subject} on {several(tested.symbols)}",
        dates=tested.dates,
        lines=tuple(Line(label=label, values=tuple(_equity(backtest).tolist())) for label, backtest in lines.items()),
        drawdown=tuple(drawdowns(_equity(tested.net)).tolist()),
        regimes=read.regimes,
        regimes_of=tested.symbols[0] if len(tested.symbols) == 1 else "most symbols",
    )


def _panels(tested: Backtest, read: DaysRead) -> tuple[Panel, ...]:
    """Return the panels: rolling Sharpe ratio and volatility beside the first benchmark's, beta, exposure, turnover."""
    days_per_year = _days_per_year(tested)
    lookback = min(days_per_year // 2, len(tested.dates) // 4)
    held = _exposure_panels(tested, read)
    if lookback < FEWEST_ROLLING_DAYS:
        return held
    accounts = {"net": tested.net, **dict(list(tested.benchmarks.items())[:1])}
    equities = {label: _equity(backtest) for label, backtest in accounts.items()}
    cash = cash_of(tested.net.replay, tested.job.policy.costs.financing)
    sharpes = {label: rolling_sharpe(path, lookback, days_per_year, cash) for label, path in equities.items()}
    vols = {label: 100 * rolling_volatility(path, lookback, days_per_year) for label, path in equities.items()}
    betas = {label: rolling_beta(equities["net"], path, lookback, cash) for label, path in list(equities.items())[1:]}
    turned = rolling_turnover(np.array(turnovers(tested.net.replay)), lookback, days_per_year)
    return (
        Panel(heading=f"Sharpe ratio, {lookback} days", lines=_lines(sharpes), level=0.0),
        Panel(
            heading=f"Volatility, {lookback} days; dashed: target of {tested.job.policy.sizing.target_annual_vol:.1%}",
            lines=_lines(vols),
            level=100 * tested.job.policy.sizing.target_annual_vol,
            unit="%",
        ),
        *(
            Panel(heading=f"Beta to {label}, {lookback} days", lines=(_line("beta", path),), level=0.0)
            for label, path in betas.items()
        ),
        *held,
        Panel(heading=f"Turnover a year, {lookback} days", lines=(_line("turnover", turned),), level=0.0),
    )


def _lines(values: Mapping[str, FloatArray]) -> tuple[Line, ...]:
    return tuple(_line(label, path) for label, path in values.items())


def _exposure_panels(tested: Backtest, read: DaysRead) -> tuple[Panel, ...]:
    """Return the signed exposure, and the gross one if longs and shorts were ever held together."""
    signed_by_symbol = np.array([read.exposures[symbol] for symbol in tested.symbols])
    net, gross = signed_by_symbol.sum(axis=0), np.abs(signed_by_symbol).sum(axis=0)
    signed = Panel(heading="Exposure, long less short", lines=(_line("exposure", net),), level=0.0)
    if np.allclose(np.abs(net), gross):
        return (signed,)
    return (signed, Panel(heading="Exposure, long and short together", lines=(_line("gross", gross),), level=0.0))


def _weights(tested: Backtest, read: DaysRead) -> LivePicture | None:
    """Return the exposure to each of several symbols, decided at each close; that to a single one is a panel."""
    if len(tested.symbols) < 2 or len(tested.dates) < 2:
        return None
    lines = weight_lines(read.exposures)
    return stack_picture(Stack(title="Weights, decided at the close", dates=tested.dates, lines=lines))


def _line(label: str, values: FloatArray) -> Line:
    return Line(label=label, values=tuple(values.tolist()))


def _equity(tested: Tested) -> FloatArray:
    return np.array([float(equity) for equity in tested.replay.equities])


def _days_per_year(tested: Backtest) -> int:
    with connect(tested.job.home) as store:
        instruments = instrument_store.load(store, tested.job.source, tested.symbols)
    return account_days_per_year(frozenset(instrument.calendar for instrument in instruments.values()))


def _facts(tested: Backtest) -> tuple[tuple[str, str], ...]:
    net, rivals, days = tested.net.metrics, tested.benchmarks.items(), len(tested.dates)
    return (
        ("Net return", _change(net.total_return)),
        *((f"Return of {label}", _change(backtest.metrics.total_return)) for label, backtest in list(rivals)[:1]),
        ("Growth per year", a_year(_change(net.cagr), days)),
        ("Sharpe ratio", a_year(figure(net.sharpe), days)),
        *(
            (f"Sharpe ratio of {label}", a_year(figure(backtest.metrics.sharpe), days))
            for label, backtest in list(rivals)[:1]
        ),
        ("Deepest drawdown", share(net.max_drawdown)),
    )


def _change(value: float | None) -> str:
    return share(value) if value is None else signed_percent(value)


def _returns(tested: Backtest) -> Distribution | None:
    """Return the non-zero daily returns; None if there are too few to draw."""
    path = _equity(tested.net)
    if not (path > 0).all():
        return None
    returns = path[1:] / path[:-1] - 1.0
    moved = returns[returns != 0.0]
    if len(set(moved)) < 2:
        return None
    return Distribution(title=f"Daily net returns, {len(moved):,} days that moved", returns=tuple(moved.tolist()))


def _costs(tested: Backtest) -> tuple[CostLine, ...]:
    """Return what the net account paid and earned, and at which rates."""
    paid, at, terms = tested.charges, tested.rates, tested.rates.financing
    lines = [
        ("Fees", paid.fees, fees_in_words(at)),
        ("Slippage", paid.slippage, slippage_in_words(at)),
    ]
    funded = [("Funding", paid.funding, "what perpetual futures paid, less what they received")]
    funding = funded if at.perpetuals else []
    if terms.flat_rate is not None:
        lines += [
            ("Financing", paid.financing, f"{terms.flat_rate:.1%} a year of what is borrowed or sold short"),
            *funding,
            ("All", paid.total, ""),
        ]
    else:
        lines += [
            ("Financing", paid.financing, _borrowed(terms)),
            ("Short fee", paid.short_fee, f"{terms.short_fee:.1%} a year of short positions"),
            *funding,
            ("All", paid.total, "all that was paid; interest earned is not taken off"),
            ("Interest earned", paid.interest, _earned(terms)),
        ]
    if at.fx_bps:
        lines.append(("FX profit", paid.fx_profit, "what exchange rates brought; in the returns, and no cost"))
    return tuple(
        CostLine(name=name, paid=cost(value), per_year=_yearly(paid.per_year(value)), terms=terms)
        for name, value, terms in lines
    )


def _borrowed(terms: FinancingTerms) -> str:
    spread = f"{terms.borrow_spread:.1%} a year on what is borrowed"
    return spread if terms.rates == NO_RATE else f"{terms.rates.name} plus {spread}"


def _earned(terms: FinancingTerms) -> str:
    if terms.rates != NO_RATE:
        return f"{terms.rates.name} less {terms.cash_spread:.1%} a year on cash"
    above = "" if terms.risk_free == NO_RATE else f"; Sharpe ratios are of returns above {terms.risk_free.name}"
    return f"cash earns nothing{above}"


def _capacity(tested: Backtest) -> CapacityCurve | None:
    if not tested.capacity:
        return None
    return CapacityCurve(
        title="Capacity: net Sharpe ratio by capital",
        points=tuple((each.capital, each.sharpe) for each in tested.capacity),
        own=tested.job.policy.capital,
    )


def _yearly(share_per_year: float | None) -> str:
    return ABSENT if share_per_year is None else f"{share_per_year:.2%}".replace("-", "−")


def _model(tested: Backtest) -> str | None:
    """Return the model that traded, or in words why there is no single one; None if the prior traded all of it."""
    if not tested.job.policy.strategy.learner:
        return f"none: {tested.job.policy.strategy} learns nothing"
    promoted = {fold.model_id for fold in tested.folds if fold.promoted}
    if not promoted or tested.model_id:
        return tested.model_id
    beside = "" if all(fold.promoted for fold in tested.folds) else " and the prior"
    return f"{len(promoted)} of the walk-forward{beside}"


def _fold(fold: FoldAnswer) -> Fold:
    trader = f"model {fold.model_id[:12]}" if fold.promoted and fold.model_id else "the prior"
    return Fold(start=fold.start, end=fold.end, fitted_to=fold.fitted_to, trader=trader, reason=fold.reason)
