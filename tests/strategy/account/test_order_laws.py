"""Laws of sizing, rounding and settling that hold for any numbers."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from strategy.account.fees_and_slippage import FLAT_FINANCING, Costs
from strategy.account.financing import financing_entries
from strategy.account.interest_rates import NO_RATE, FinancingTerms, constant
from strategy.account.lots import whole_lots
from strategy.account.money import quantised
from strategy.account.orders import Order, OrderState, Side, Target, plan_order, too_small
from strategy.account.paper_fills import VOLUME_SHARE
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account, Position
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.drawdown_halt import reduced
from strategy.portfolio.pretrade_checks import PreTradeState, pretrade_violation
from strategy.portfolio.risk_limits import RiskLimits

DAY, NEXT = date(2020, 1, 6), date(2020, 1, 7)
lots = st.sampled_from([Decimal(text) for text in ("0.000001", "0.001", "0.1", "1", "10", "0.3")])
prices = st.decimals("0.01", "100000", places=2)
quantities = st.decimals("-10000", "10000", places=6)
exposures = st.decimals("-3", "3", places=6)


def listed(lot: Decimal, least: Decimal = Decimal(0), notional: Decimal = Decimal(0)) -> Instrument:
    return Instrument(symbol="A", calendar=Calendar.ALWAYS, lot=lot, min_quantity=least, min_notional=notional)


def an_order(signed: Decimal) -> Order:
    side = Side.BUY if signed > 0 else Side.SELL
    return Order(order_id="o", symbol="A", as_of=DAY, side=side, quantity=abs(signed))


@given(quantities, lots)
def test_whole_lots_round_towards_zero_to_a_multiple(quantity: Decimal, lot: Decimal) -> None:
    rounded = whole_lots(quantity, lot)
    assert abs(rounded) <= abs(quantity) < abs(rounded) + lot
    assert rounded % lot == 0
    assert rounded * quantity >= 0


@given(exposures, prices, quantities, lots, st.decimals("0", "5", places=3), st.decimals("0", "50", places=2))
def test_an_order_moves_towards_its_target_and_never_past_it(
    exposure: Decimal, mark: Decimal, held: Decimal, lot: Decimal, least: Decimal, notional: Decimal
) -> None:
    instrument, equity = listed(lot, least, notional), Decimal(10_000)
    order = plan_order(Target(instrument=instrument, exposure=exposure, mark=mark, held=held), equity, DAY, "o")
    wanted = quantised(exposure * equity / mark)
    if order is None:
        assert wanted == held
        return
    after = held + order.signed_quantity
    assert min(held, wanted) <= after <= max(held, wanted)
    small = too_small(order.quantity, order.quantity * mark, instrument)
    assert (order.state is OrderState.SKIPPED) == bool(small)


@given(exposures, prices, lots, st.decimals("0", "5", places=3), st.decimals("0", "50", places=2))
def test_what_was_planned_within_the_market_may_leave(
    exposure: Decimal, mark: Decimal, lot: Decimal, least: Decimal, notional: Decimal
) -> None:
    instrument = listed(lot, least, notional)
    target = Target(instrument=instrument, exposure=exposure, mark=mark, held=Decimal(0))
    order = plan_order(target, Decimal(10_000), DAY, "o")
    if order is None or order.state is OrderState.SKIPPED:
        return
    desk = PreTradeState(
        account=Account(as_of=DAY, cash=Decimal(10_000)),
        marks={"A": mark},
        today=(order,),
        instruments={"A": instrument},
        limits=RiskLimits(max_turnover=3.0),
        max_position_size=3.0,
        halted=False,
    )
    assert pretrade_violation(order, desk) is None


@given(quantities.filter(bool), quantities, lots)
def test_a_halted_order_never_adds_to_a_position(signed: Decimal, held: Decimal, lot: Decimal) -> None:
    allowed = reduced(an_order(signed), held, lot)
    if allowed.state is OrderState.INTENDED:
        after = held + allowed.signed_quantity
        assert abs(after) < abs(held)
        assert after * held >= 0


@given(
    st.decimals("-20000", "20000", places=2),
    quantities,
    quantities.filter(bool),
    prices,
    prices,
    st.none() | st.floats(1, 1e6),
    st.sampled_from([FLAT_FINANCING, FinancingTerms(rates=constant(Decimal("0.03")), risk_free=NO_RATE)]),
)
def test_cash_and_units_are_conserved_to_the_last_digit(
    cash: Decimal,
    held: Decimal,
    signed: Decimal,
    opened: Decimal,
    closed: Decimal,
    volume: float | None,
    financing: FinancingTerms,
) -> None:
    terms = TradingTerms(account="a", instruments={"A": listed(Decimal("0.001"))}, costs=Costs(financing=financing))
    positions = {"A": Position(quantity=held, mark=closed)} if held else {}
    before = Account(as_of=DAY, cash=cash, positions=positions)
    settled = settle(before, [an_order(signed)], {"A": Quote(open=opened, close=closed, volume=volume)}, NEXT, terms)
    traded = sum((fill.signed_quantity for fill in settled.fills), Decimal(0))
    paid = sum((quantised(fill.signed_quantity * fill.price) + fill.fee for fill in settled.fills), Decimal(0))
    assert settled.account.quantity("A") == held + traded
    assert settled.account.cash == cash - paid + sum(entry.cash for entry in settled.entries)
    assert settled.entries == financing_entries(before, NEXT, terms.costs.financing)
    assert traded * signed >= 0
    assert abs(traded) <= abs(signed)
    if volume is not None and abs(traded) < abs(signed):
        assert abs(traded) <= Decimal(VOLUME_SHARE * volume)
