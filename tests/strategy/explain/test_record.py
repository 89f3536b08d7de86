"""What is told of an order is what decided it: every number is the next one's input, to the last bit."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.lots import whole_lots
from strategy.account.money import exact, quantised
from strategy.account.orders import Order
from strategy.account.quotes import quotes_by_date
from strategy.account.state import Account, Position
from strategy.backtest.day_loop import AccountState, opening, plan_orders, settle_day, with_orders
from strategy.backtest.pretrade import decide
from strategy.builtin.registry import HOLD, MOMENTUM, RULES, TURBO, VOL_TARGET
from strategy.builtin.rules import FLOOR
from strategy.explain.record import Explanation, Judgement, explanations
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Instrument, Membership
from strategy.market.session_dates import account_dates
from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import newest_departures
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Decision, Status
from strategy.portfolio.leverage_cap import portfolio_exposures
from strategy.portfolio.rebalancing import Rebalance
from strategy.portfolio.risk_limits import RiskLimits, clip_to_limits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.har import VolatilityEstimator
from strategy.signals.network_inputs import INPUTS, inputs
from strategy.signals.outlook import symbol_signals
from strategy.signals.prior import prior
from strategy.signals.regime import evidence, probabilities, regimes, weighed
from strategy.signals.rolling import annual_volatility
from strategy.signals.strategies import Sizing, Strategy, sizing_of
from testing.markets.panels import mandate, market, stock, walk, with_ranges
from testing.runs.networks import TINY, opinionated

D = Decimal
ALONE = market(walk("COIN", 1, 330))
MIXED = market(walk("COIN", 1, 400), stock("SHARE", 2, 288), walk("YOUNG", 3, 300, first="2010-04-11"))
MODEL = Ensemble(members=(opinionated(TINY, 1), opinionated(TINY, 2), opinionated(TINY, 3)))
LOTS = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An account that lives through the last days of the bars, and what its explanations are to show at least once."""

    bars: dict[str, Bars] = field(default_factory=lambda: MIXED)
    strategy: Strategy = TURBO
    model: Ensemble | None = None
    sizing: SizingParams = field(default_factory=SizingParams)
    limits: RiskLimits = field(default_factory=RiskLimits)
    shortable: bool = True
    days: int = 30
    closes: dict[str, FloatArray] = field(default_factory=dict)


def crashed() -> dict[str, Bars]:
    """A coin that rises for long and then loses a third within four days."""
    bars = walk("COIN", 1, 330)
    fall = 1.005 ** np.arange(330)
    fall[310:] *= 0.9 ** np.minimum(np.arange(1, 21), 4)
    scaled = {name: bars[name] * fall for name in ("open", "high", "low", "close")}
    return market(replace(bars, **scaled))


CASES = {
    "prior alone": Case(bars=ALONE),
    "prior on mixed calendars": Case(),
    "network alone": Case(bars=ALONE, model=MODEL, days=6),
    "network on mixed calendars": Case(model=MODEL, days=6),
    "rules": Case(strategy=RULES),
    "rules without shorts": Case(strategy=RULES, shortable=False),
    "momentum": Case(strategy=MOMENTUM),
    "vol-target": Case(strategy=VOL_TARGET),
    "direct": Case(strategy=replace(RULES, name="direct", sizing="direct")),
    "ranges": Case(
        bars=market(with_ranges(walk("COIN", 1, 460), 1), stock("SHARE", 2, 330)),
        strategy=VOL_TARGET,
        sizing=SizingParams(volatility_estimator=VolatilityEstimator.HAR),
        days=6,
    ),
    "hold": Case(strategy=HOLD),
    "turnover": Case(limits=RiskLimits(max_turnover=0.05)),
    "order cap": Case(limits=RiskLimits(max_order_notional=D(300))),
    "cap and turnover": Case(limits=RiskLimits(max_order_notional=D(300), max_turnover=0.05)),
    "position size": Case(sizing=SizingParams(max_position_size=0.4)),
    "band": Case(strategy=VOL_TARGET, sizing=SizingParams(rebalance_band=0.02)),
    "band with limits": Case(
        sizing=SizingParams(rebalance_band=0.03, max_position_size=0.9, target_annual_vol=1.0),
        limits=RiskLimits(max_turnover=0.05),
    ),
    "drawdown": Case(bars=crashed(), strategy=TURBO),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """A day as it was judged, with what was decided and ordered then."""

    day: Judgement
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...]


def rules_of(case: Case) -> AccountConfig:
    base = mandate(case.bars, Costs(), shortable=case.shortable)
    known = {symbol: replace(one, lot=LOTS) for symbol, one in base.terms.instruments.items()}
    return replace(
        base,
        strategy=case.strategy,
        sizing=case.sizing,
        limits=case.limits,
        terms=replace(base.terms, instruments=known),
    )


def lived(case: Case) -> Iterator[Lived]:
    rules = rules_of(case)
    calendars = {symbol: one.calendar for symbol, one in rules.terms.instruments.items()}
    dates = account_dates(case.bars)[-case.days :]
    quotes = quotes_by_date(case.bars, dates[0], dates[-1])
    standing = opening(dates[0], D(10_000))
    for as_of in dates:
        if as_of > dates[0]:
            standing = settle_day(standing, quotes.on(as_of), as_of, rules).state
        day = judged(case.bars, standing, rules, case.model, calendars)
        decisions = decide(day.view, standing.snapshot, rules)
        orders = plan_orders(standing, decisions, quotes.on(as_of), rules)
        yield Lived(day=day, decisions=decisions, orders=orders)
        standing = with_orders(standing, orders)


def judged(
    bars: dict[str, Bars],
    standing: AccountState,
    rules: AccountConfig,
    model: Ensemble | None,
    calendars: dict[str, object],
) -> Judgement:
    edge = np.datetime64(standing.account.as_of, "us")
    seen = {symbol: past for symbol, series in bars.items() if len(past := series.until(edge))}
    looks = symbol_signals(seen, calendars, rules.strategy, model, since=edge)  # type: ignore[arg-type]
    return Judgement(
        state=standing,
        bars=seen,
        view=aligned_signals(looks, rules.symbols),
        config=rules,
        held_back={},
        model=model,
    )


@pytest.fixture(scope="module", params=list(CASES))
def told(request: pytest.FixtureRequest) -> tuple[Case, list[tuple[Lived, tuple[Explanation, ...]]]]:
    case = CASES[request.param]
    return case, [(day, explanations(day.day)) for day in lived(case)]


Told = tuple[Case, list[tuple[Lived, tuple[Explanation, ...]]]]


def every(told: Told) -> list[tuple[Lived, Explanation]]:
    return [(day, explanation) for day, explained in told[1] for explanation in explained]


def test_every_order_is_explained_and_ends_as_it_was_decided(told: Told) -> None:
    assert every(told)
    for day, explained in told[1]:
        assert [explanation.symbol for explanation in explained] == [order.symbol for order in day.orders]
        decisions = {decision.symbol: decision for decision in day.decisions}
        for explanation, order in zip(explained, day.orders, strict=True):
            assert explanation.limited.exposure == decisions[explanation.symbol].exposure
            assert explanation.planned.exposure == decisions[explanation.symbol].exposure
            assert (explanation.planned.quantity, explanation.planned.reason) == (order.signed_quantity, order.reason)


def test_the_window_ends_with_the_close_that_was_seen(told: Told) -> None:
    for day, explanation in every(told):
        bars = day.day.bars[explanation.symbol]
        assert (explanation.window.bars, explanation.window.last) == (len(bars), explanation.as_of)
        assert (explanation.window.close, explanation.window.factor) == (bars.close[-1], bars.factor[-1])
        assert explanation.window.look_back_bars == max(len(other) for other in day.day.bars.values())


def test_the_evidence_gives_the_regime_of_the_decision(told: Told) -> None:
    for day, explanation in every(told):
        decision = next(other for other in day.decisions if other.symbol == explanation.symbol)
        assert (explanation.evidence.regime, explanation.evidence.confidence) == (decision.regime, decision.confidence)
        likely = {name: p or 0.0 for name, p in explanation.evidence.probabilities.items()}
        if decision.regime is not None:
            assert max(likely, key=likely.__getitem__) == decision.regime
            assert min(max((max(likely.values()) - 1.0 / 3.0) * 1.5, 0.0), 1.0) == decision.confidence


def test_the_forecast_gives_the_signal_that_is_sized(told: Told) -> None:
    case, _ = told
    for day, explanation in every(told):
        decision = next(other for other in day.decisions if other.symbol == explanation.symbol)
        assert explanation.forecast.signal == decision.signal
        assert explanation.sized is None or explanation.sized.signal == explanation.forecast.signal
        numbers = explanation.forecast.inputs
        close = day.day.bars[explanation.symbol].close
        match case.strategy.name:
            case "turbo":
                assert explanation.forecast.prior == prior(close)[-1]
                assert list(numbers) == ["momentum_21", "momentum_63", "momentum_126", "momentum_252"]
            case "rules":
                fast, slow, high, low = (number or 0.0 for number in numbers.values())
                gain = 0.6 * fast + 0.4 * slow
                assert explanation.forecast.signal == np.clip(gain / max(FLOOR, high if gain > 0 else -low), -1.0, 1.0)
            case "momentum":
                assert explanation.forecast.signal == np.sign(numbers["return_252"] or 0.0)
            case "hold" | "vol-target":
                assert (numbers, explanation.forecast.signal) == ({}, 1.0)


def test_every_step_of_the_sizing_starts_where_the_one_before_ended(told: Told) -> None:
    for day, explained in told[1]:
        rules, equity = day.day.config, day.day.state.unit_values[-1]
        for explanation in explained:
            held, limit = explanation.restrained, explanation.limited
            if explanation.sized is not None:
                assert held.after_drawdown == explanation.sized.capped * (held.drawdown_multiplier or 1.0)
            floor = -np.inf if held.floor is None else held.floor
            assert held.after_floor == max(held.after_drawdown, floor)
            assert limit.wanted == (held.wanted if explanation.banded is None else explanation.banded.exposure)
            cut = replace(rules.limits, max_turnover=np.inf)
            if len(explained) == len(rules.symbols):
                current, wanted, capped, final = (
                    np.array([getattr(other.limited, name) for other in explained])
                    for name in ("current", "wanted", "after_cap", "exposure")
                )
                assert np.array_equal(clip_to_limits(current, wanted, equity, cut), capped)
                assert np.array_equal(clip_to_limits(current, wanted, equity, rules.limits), final)
                assert limit.turnover == np.abs(capped - current).sum()


def test_the_parts_of_the_size_multiply_to_it(told: Told) -> None:
    for day, explained in told[1]:
        sizes = [explanation.sized for explanation in explained if explanation.sized is not None]
        for size in sizes:
            direction = (
                size.signal if size.soft_signal is None else size.soft_signal * (size.regime_multiplier or np.nan)
            )
            if sizing_of(day.day.config.strategy) is Sizing.DIRECT:
                parts = (size.volatility, size.budget, size.portfolio_volatility, size.volatility_multiplier)
                assert (parts, size.uncapped) == ((None,) * 4, size.signal)
                continue
            assert size.budget is not None
            assert size.volatility_multiplier is not None
            assert size.uncapped == (direction or 0.0) * (size.budget * size.volatility_multiplier)
        if len(sizes) == len(day.day.config.symbols):
            gross = np.array([size.uncapped for size in sizes])
            cap = day.day.config.sizing.max_position_size
            capped = portfolio_exposures(gross, np.ones(len(gross)), cap)
            assert capped.tolist() == [size.capped for size in sizes]


def test_the_ranges_correct_the_volatility_of_the_closes(told: Told) -> None:
    case, _ = told
    for day, explanation in every(told):
        size = explanation.sized
        if size is None or size.volatility is None or size.closes_volatility is None:
            continue
        closes = annual_volatility(day.day.bars[explanation.symbol].close, calendar_days(day.day, explanation.symbol))
        assert size.closes_volatility == closes[-1]
        if case.sizing.volatility_estimator is VolatilityEstimator.EWMA or explanation.symbol == "SHARE":
            assert (size.volatility, dict(size.ranges)) == (size.closes_volatility, {})
            continue
        told_of = dict(size.ranges)
        exponent = told_of["level"] + sum(
            told_of[f"weight of the {period}"] * 2 * np.log(told_of[period] / size.closes_volatility)
            for period in ("day", "week", "month")
        )
        assert size.volatility == pytest.approx(size.closes_volatility * np.exp(exponent / 2), rel=1e-9)
        assert size.volatility != size.closes_volatility


def test_bars_without_ranges_of_their_own_are_sized_by_their_closes() -> None:
    told = [one for day in lived(CASES["ranges"]) for one in explanations(day.day)]
    assert {one.symbol for one in told} == {"COIN", "SHARE"}
    assert {one.symbol for one in told if one.sized and one.sized.ranges} == {"COIN"}


def calendar_days(day: Judgement, symbol: str) -> int:
    return day.config.terms.instruments[symbol].calendar.days_per_year


def test_the_order_is_the_change_of_the_exposure_in_whole_lots(told: Told) -> None:
    for _, explanation in every(told):
        order = explanation.planned
        assert order.exposure == explanation.limited.exposure
        assert order.change == quantised(exact(order.exposure) * order.equity / order.mark) - order.held
        assert order.quantity == whole_lots(order.change, order.lot)
        assert order.lot == LOTS


def test_the_cases_show_what_they_are_for(told: Told, request: pytest.FixtureRequest) -> None:
    case, _ = told
    found = [explanation for _, explanation in every(told)]
    name = next(name for name, one in CASES.items() if one is case)
    if "calendars" in name:
        assert {explanation.symbol for explanation in found} == {"COIN", "SHARE", "YOUNG"}
    if "shorts" in name:
        assert any(explanation.restrained.after_floor > explanation.restrained.after_drawdown for explanation in found)
    if "turnover" in name:
        assert any(explanation.limited.exposure != explanation.limited.after_cap for explanation in found)
    if "cap" in name:
        assert any(explanation.limited.after_cap != explanation.limited.wanted for explanation in found)
    bands = [explanation.banded for explanation in found if explanation.banded is not None]
    assert len(bands) == (len(found) if "band" in name else 0)
    for explanation, band in zip(found, bands, strict=False):
        assert (band.low, band.high) == (
            explanation.restrained.wanted - band.band,
            explanation.restrained.wanted + band.band,
        )
        assert band.current == explanation.limited.current
        if band.effect is Rebalance.EDGE:
            assert band.exposure in {band.low, band.high}
            assert not band.low <= band.current <= band.high
        else:
            assert band.exposure == explanation.restrained.wanted
    if bands:
        assert Rebalance.EDGE in {band.effect for band in bands}
    if name == "position size":
        assert any(
            explanation.sized is not None and explanation.sized.capped != explanation.sized.uncapped
            for explanation in found
        )
        assert any(explanation.restrained.wanted != explanation.restrained.after_floor for explanation in found)
    if name == "drawdown":
        assert any((explanation.restrained.drawdown_multiplier or 1.0) < 1.0 for explanation in found)


@pytest.mark.parametrize("name", ["network alone", "network on mixed calendars"])
def test_the_members_and_the_features_are_those_of_the_forecast(name: str) -> None:
    for day in lived(CASES[name]):
        for explanation in explanations(day.day):
            seen = inputs(day.day.bars)[explanation.symbol]
            assert dict(explanation.forecast.features) == dict(zip(INPUTS, seen[-1].tolist(), strict=True))
            window = seen[None, -MODEL.context_bars :].astype(np.float32)
            said = [newest_departures(network, window)[0] for network in MODEL.members]
            before = explanation.forecast.prior or 0.0
            assert explanation.forecast.members == tuple(np.clip(before + departure, -1.0, 1.0) for departure in said)
            assert len(explanation.forecast.members) == 3
            assert explanation.forecast.signal == np.clip(before + np.mean(np.array(said)), -1.0, 1.0)
            assert explanation.forecast.mean == sum(explanation.forecast.members) / 3


def test_a_network_without_history_enough_is_not_said_to_have_spoken() -> None:
    young = market(walk("COIN", 1, TINY.history_bars - 1))
    (day,) = lived(Case(bars=young, model=MODEL, days=1))
    (one,) = explanations(day.day)
    assert (one.forecast.members, dict(one.forecast.features), one.forecast.mean) == ((), {}, None)
    assert one.forecast.signal == one.forecast.prior


def test_what_is_kept_beside_leaves_its_room() -> None:
    """A position outside the symbols and one that has no session take part of the size that is admitted."""
    case = Case(strategy=VOL_TARGET, sizing=SizingParams(max_position_size=0.5), days=16)
    shut = date(2011, 1, 29)
    assert shut.isoweekday() == 6
    *_, sunday = (day for day in lived(case) if day.day.as_of <= shut)
    standing = sunday.day.state
    other = Position(quantity=D(20), mark=D(100), marked_on=shut)
    held = {**standing.account.positions, "OTHER": other}
    account = Account(as_of=shut, cash=standing.account.cash - other.value, positions=MappingProxyType(held))
    day = replace(sunday.day, state=replace(standing, account=account))
    found = explanations(day)
    assert {explanation.symbol for explanation in found} == {"COIN", "YOUNG"}
    share = abs(float(held["SHARE"].value / standing.unit_values[-1]))
    for explanation in found:
        assert explanation.restrained.kept_beside == share + float(other.value / standing.unit_values[-1])
        gross = sum(abs(other.restrained.after_floor) for other in found)
        scale = (0.5 - explanation.restrained.kept_beside) / gross
        assert explanation.restrained.wanted == explanation.restrained.after_floor * scale
        assert scale < 1.0


def test_what_left_the_universe_is_explained_as_sold() -> None:
    *_, before = lived(Case(strategy=VOL_TARGET, bars=ALONE, days=4))
    rules = before.day.config
    gone = (Membership(first=date(2000, 1, 1), last=date(2005, 1, 1)),)
    out: dict[str, Instrument] = {**rules.terms.instruments, "COIN": replace(instrument(rules), memberships=gone)}
    day = replace(before.day, config=replace(rules, terms=replace(rules.terms, instruments=out)))
    sold = next(explanation for explanation in explanations(day) if explanation.symbol == "COIN")
    statuses = {decision.symbol: decision.status for decision in decide(day.view, day.state.snapshot, day.config)}
    assert statuses["COIN"] is Status.OUTSIDE
    assert sold.sized is not None
    assert (sold.sized.budget, sold.limited.exposure) == (0.0, 0.0)
    assert sold.planned.change == -sold.planned.held < 0


def instrument(rules: AccountConfig) -> Instrument:
    return rules.terms.instruments["COIN"]


def test_a_day_without_an_order_needs_no_explanation() -> None:
    (first, second) = (day for day in lived(Case(strategy=HOLD, bars=ALONE, days=2)))
    assert len(explanations(first.day)) == 1
    assert explanations(second.day) == ()


def test_the_whole_path_of_evidence_is_that_of_the_regimes() -> None:
    close = walk("COIN", 4, 300).close
    likely = probabilities(weighed(evidence(close)))
    path = regimes(close)
    known = np.isfinite(path.confidence)
    assert known.sum() == 241
    assert np.isnan(likely[~known]).all()
    assert np.array_equal(likely[known].argmax(axis=-1), path.code[known])
    assert np.array_equal(np.clip((likely[known].max(axis=-1) - 1.0 / 3.0) * 1.5, 0.0, 1.0), path.confidence[known])
