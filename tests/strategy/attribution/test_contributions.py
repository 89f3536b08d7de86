"""Contributions add up to the net result to the last digit, and each source is the one that caused it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateSeries, flat
from strategy.account.orders import Fill, Order, Side
from strategy.account.quotes import Quote, QuotesByDate
from strategy.account.settlement import settle
from strategy.account.state import Account, Entry, EntryKind, Position, Snapshot
from strategy.account.trading_terms import TradingTerms
from strategy.attribution.contributions import Attribution, attribution
from strategy.attribution.gains import Gain
from strategy.attribution.symbol_gains import Direction
from strategy.backtest.day_loop import Replay
from strategy.evaluation.costs import Rates, charges
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.decision import Decision, Status
from tests.strategy.account.test_currencies import DOLLARS

D = Decimal
DAY = date(2020, 1, 6)
SERIES = RateSeries(name="made", dates=(date(2019, 1, 1),), rates=(D("0.03"),), unending=True)
DATED = FinancingTerms(rates=SERIES, risk_free=SERIES)
CAPITAL = D(1_000)


def rates_of(terms: FinancingTerms) -> Rates:
    return Rates(fee_bps={}, slippage_bps={}, financing=terms, perpetuals=("P",))


def record(
    accounts: list[Account], fills: list[Fill] | None = None, entries: list[Entry] | None = None, regime: str = "Bull"
) -> Replay:
    decisions = [
        Decision(as_of=account.as_of, symbol="A", status=Status.TRADED, regime=regime, exposure=0.5)
        for account in accounts
    ]
    return Replay(
        snapshots=tuple(Snapshot(account=account, equity=account.equity, drawdown=0.0) for account in accounts),
        decisions=tuple(decisions),
        orders=(),
        fills=tuple(fills or ()),
        entries=tuple(entries or ()),
    )


def a_fill(quantity: str, price: str, fee: str = "0", symbol: str = "A", day: int = 1) -> Fill:
    size = D(quantity)
    return Fill(
        order_id=f"{symbol}{day}",
        trade_id="1",
        symbol=symbol,
        as_of=DAY + timedelta(days=day),
        side=Side.BUY if size > 0 else Side.SELL,
        quantity=abs(size),
        price=D(price),
        fee=D(fee),
    )


def at_close(day: int, cash: str, held: str = "0", mark: str = "1", symbol: str = "A") -> Account:
    positions = {symbol: Position(quantity=D(held), mark=D(mark))} if D(held) else {}
    return Account(as_of=DAY + timedelta(days=day), cash=D(cash), positions=positions)


def an_entry(kind: EntryKind, cash: str, symbol: str = "", quantity: str = "0", day: int = 1) -> Entry:
    return Entry(as_of=DAY + timedelta(days=day), kind=kind, symbol=symbol, cash=D(cash), quantity=D(quantity))


def opens(*prices: str, symbol: str = "A") -> QuotesByDate:
    return QuotesByDate(
        quotes={
            DAY + timedelta(days=day): {symbol: Quote(open=D(price), close=D(price))}
            for day, price in enumerate(prices)
        }
    )


def test_a_fill_costs_its_fee_and_its_slippage_and_the_rest_is_price() -> None:
    # Bought 10 at 101 where the open was 100, for a fee of 2; it closes at 104.
    days = [at_close(0, "1000"), at_close(1, "-12", "10", "104")]
    found = attribution(record(days, [a_fill("10", "101", "2")]), opens("99", "100"), rates_of(DATED))
    assert found.by_symbol == {"A": Gain(price=D(40), fees=D(-2), slippage=D(-10))}
    assert found.total.net == 28
    assert found.by_direction.keys() == {Direction.LONG}
    assert found.by_regime.keys() == {"Bull"}
    assert (found.mean_exposures, found.invested) == ({"A": float(D(1040) / D(1028))}, 1.0)


def test_a_fill_that_turns_a_position_over_splits_the_day_at_the_open() -> None:
    # Long 10 at a mark of 100; sold 30 at 109 where the open was 110, for a fee of 6; it closes at 105.
    days = [at_close(0, "0", "10", "100"), at_close(1, "3264", "-20", "105")]
    found = attribution(record(days, [a_fill("-30", "109", "6")]), opens("100", "110"), rates_of(DATED))
    assert found.by_direction == {
        Direction.LONG: Gain(price=D(100), fees=D(-2), slippage=D(-10)),
        Direction.SHORT: Gain(price=D(100), fees=D(-4), slippage=D(-20)),
    }
    assert found.total.net == days[1].equity - days[0].equity


def test_a_day_counts_for_the_regime_of_the_close_before() -> None:
    days = [at_close(0, "0", "10", "100"), at_close(1, "0", "10", "90"), at_close(2, "0", "10", "95")]
    told = record(days)
    regimes = ("Bear", None, "Bull")
    decisions = tuple(replace(each, regime=regime) for each, regime in zip(told.decisions, regimes, strict=True))
    found = attribution(replace(told, decisions=decisions), opens("1"), rates_of(DATED))
    # The second day knows none of its own: the last one known stands.
    assert {regime: gain.net for regime, gain in found.by_regime.items()} == {"Bear": -50}


def test_interest_is_that_of_cash_and_a_deposit_is_no_gain() -> None:
    days = [at_close(0, "1000"), at_close(1, "1507")]
    entries = [an_entry(EntryKind.INTEREST, "7"), an_entry(EntryKind.DEPOSIT, "500")]
    found = attribution(record(days, entries=entries), opens("1"), rates_of(DATED))
    assert found.by_symbol == {"": Gain(interest=D(7))}
    assert found.by_direction == {Direction.CASH: Gain(interest=D(7))}
    assert found.invested == 0.0


def test_what_is_transferred_is_no_gain_but_its_move_is() -> None:
    days = [at_close(0, "0", "10", "100"), at_close(1, "0", "15", "110")]
    moved = an_entry(EntryKind.TRANSFER, "0", "A", "5")
    found = attribution(record(days, entries=[moved]), opens("1", "1"), rates_of(DATED))
    assert found.total == Gain(price=D(100))


def test_financing_falls_on_what_caused_it_and_the_short_fee_on_the_short() -> None:
    def books(day: int) -> Account:
        held = {
            "A": Position(quantity=D(3), mark=D(100)),
            "B": Position(quantity=D(-1), mark=D(50)),
            "C": Position(quantity=D(1), mark=D(100)),
            "P": Position(quantity=D(1), mark=D(400)),
        }
        return Account(as_of=DAY + timedelta(days=day), cash=D(-500) - 4 * day, positions=held)

    entries = [an_entry(EntryKind.FINANCING, "-3"), an_entry(EntryKind.SHORT_FEE, "-1")]
    told = record([books(0), books(1)], entries=entries)
    dated = attribution(told, opens("1"), rates_of(DATED)).by_symbol
    assert dated == {"A": Gain(financing=D("-2.25")), "B": Gain(short_fee=D(-1)), "C": Gain(financing=D("-0.75"))}
    # At a flat rate the debt of 150 and the short value of 50 pay alike.
    level = attribution(told, opens("1"), rates_of(flat(D("0.05")))).by_symbol
    assert level["B"] == Gain(financing=D("-0.75"), short_fee=D(-1))
    assert (level["A"].net, level["C"].net) == (D("-1.6875"), D("-0.5625"))


def test_an_account_of_one_day_has_gained_nothing() -> None:
    found = attribution(record([at_close(0, "1000")]), opens("1"), rates_of(DATED))
    assert found == Attribution(contributions=(), mean_exposures={}, invested=0.0)
    assert found.total == Gain()


PRICES = st.decimals(min_value="0.01", max_value=10_000, places=6)
TRADES = st.decimals(min_value=-50, max_value=50, places=2)
A_DAY = st.tuples(
    st.fixed_dictionaries({symbol: st.tuples(PRICES, PRICES, TRADES) for symbol in ("A", "E", "P")}),
    st.sampled_from(["1", "2", "0.333333333333"]),
    st.sampled_from([D(0), D(500), D("-3.25")]),
    st.booleans(),
)
INSTRUMENTS = {
    "A": Instrument(symbol="A", calendar=Calendar.ALWAYS),
    "E": Instrument(symbol="E", calendar=Calendar.ALWAYS, currency="EUR"),
    "P": Instrument(symbol="P", calendar=Calendar.ALWAYS),
}


@settings(max_examples=60, deadline=None)
@given(st.lists(A_DAY, min_size=1, max_size=6), st.sampled_from([DATED, flat(D("0.05"))]))
def test_contributions_add_up_to_the_net_result_to_the_last_digit(days: list[object], terms: FinancingTerms) -> None:
    costs = Costs(financing=terms, currencies=DOLLARS)
    trading = TradingTerms(account="test", instruments=INSTRUMENTS, costs=costs)
    account = Account(as_of=DAY, cash=D(1_000_000))
    accounts, fills, entries, quotes = [account], [], [], {}
    pending: list[Order] = []
    flowed = D(0)
    for number, (moves, factor, deposit, skips) in enumerate(days, start=1):  # type: ignore[misc]
        as_of = DAY + timedelta(days=number)
        today = {
            symbol: Quote(open=opened, close=closed, factor_change=D(factor))
            for symbol, (opened, closed, _) in moves.items()
            if not (skips and symbol == "A")
        }
        settled = settle(account, pending, today, as_of, trading)
        paid = [an_entry(EntryKind.FUNDING, "-0.125", "P", day=number)] if settled.account.quantity("P") else []
        paid += [an_entry(EntryKind.DEPOSIT, str(deposit), day=number)] if deposit else []
        cash = settled.account.cash + sum((entry.cash for entry in paid), D(0))
        account = Account(as_of=as_of, cash=cash, positions=MappingProxyType(dict(settled.account.positions)))
        accounts.append(account)
        fills += settled.fills
        entries += [*settled.entries, *paid]
        quotes[as_of] = today
        flowed += deposit
        waiting = [order for order in settled.orders if order.symbol not in today]
        pending = waiting + [
            Order(
                order_id=f"{symbol}{number}",
                symbol=symbol,
                as_of=as_of,
                side=Side.BUY if wanted > 0 else Side.SELL,
                quantity=abs(wanted),
            )
            for symbol, (_, _, wanted) in moves.items()
            if wanted and symbol not in {order.symbol for order in waiting}
        ]
    told, shown = record(accounts, fills, entries), QuotesByDate(quotes=quotes)
    found = attribution(told, shown, rates_of(terms))
    assert found.total.net == account.equity - 1_000_000 - flowed
    for part in (found.by_symbol, found.by_direction, found.by_regime):
        assert sum(part.values(), Gain()) == found.total
    paid_in_all = charges(told, shown, 365)
    assert -found.total.fees == paid_in_all.fees
    assert -found.total.slippage == paid_in_all.slippage
    assert -found.total.financing == paid_in_all.financing
    assert -found.total.short_fee == paid_in_all.short_fee
    assert found.total.interest == paid_in_all.interest
    assert -found.total.funding == paid_in_all.funding
    assert found.total.fx == paid_in_all.fx_profit
