"""Whatever is asked of the fake exchange, its balances follow from its trades and flows to the last digit."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from testing.exchange.access import Refusal
from testing.exchange.core import FakeExchange

Act = Callable[[FakeExchange], object]
SPOT, FUTURES = "/api/v3", "/fapi/v1"
# Too little money (spot, futures), too little notional, a price too far off (futures: up, down; spot).
EXPECTED = (-2010, -2019, -4164, -4016, -4024, -1013)
# At twenty times the leverage, a tenth of the price ruins it.
RISKED = Decimal(1_000)
INITIAL = {"USDT": Decimal(10_000), "BTC": Decimal(1), "ETH": Decimal(0)}


def order(venue: str, side: str, lots: int, shift: int, tif: str) -> Act:
    """A market order (tif ``), or a limit one so many hundreds off 50,000; refusals are part of the game."""

    def act(exchange: FakeExchange) -> None:
        sent = {"symbol": "BTCUSDT", "side": side, "quantity": f"{Decimal(lots) * Decimal('0.001')}"}
        limit = {"type": "LIMIT", "timeInForce": tif, "price": str(50_000 + 100 * shift)}
        try:
            exchange.call("POST", f"{venue}/order", **sent, **(limit if tif else {"type": "MARKET"}))
        except Refusal as refusal:
            if refusal.code not in EXPECTED:
                raise

    return act


def quote(cents: int, depth: int, levels: int) -> Act:
    """A price in tenths, with so many thousandths of a coin on each side."""

    def act(exchange: FakeExchange) -> None:
        price, thousandth = Decimal(cents) / 10, Decimal("0.001")
        exchange.quote("BTCUSDT", price, depth=depth * thousandth, levels=levels, half_spread=Decimal("0.1"))

    return act


def cancel(venue: str) -> Act:
    def act(exchange: FakeExchange) -> None:
        for resting in exchange.call("GET", f"{venue}/openOrders")[:1]:
            exchange.call("DELETE", f"{venue}/order", symbol="BTCUSDT", orderId=resting["orderId"])

    return act


def fund(points: int) -> Act:
    return lambda exchange: exchange.fund("BTCUSDT", Decimal(points) / 10_000)


acts = st.one_of(
    st.builds(
        order,
        st.sampled_from((SPOT, FUTURES)),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 900),
        st.integers(-40, 40),
        st.sampled_from(("", "GTC", "IOC", "FOK")),
    ),
    st.builds(quote, st.integers(450_000, 550_000), st.integers(0, 2_000), st.integers(1, 3)),
    st.builds(cancel, st.sampled_from((SPOT, FUTURES))),
    st.builds(fund, st.integers(-50, 50)),
)


def check_spot(exchange: FakeExchange) -> None:
    """Balances are the initial ones with every trade; what is locked is what the open orders need."""
    expected = dict(INITIAL)
    for trade in exchange.call("GET", f"{SPOT}/myTrades", symbol="BTCUSDT", limit=1000):
        sign = 1 if trade["isBuyer"] else -1
        expected["BTC"] += sign * Decimal(trade["qty"])
        expected["USDT"] -= sign * Decimal(trade["price"]) * Decimal(trade["qty"])
        expected[trade["commissionAsset"]] -= Decimal(trade["commission"])
    locked = dict.fromkeys(INITIAL, Decimal(0))
    for resting in exchange.call("GET", f"{SPOT}/openOrders"):
        left = Decimal(resting["origQty"]) - Decimal(resting["executedQty"])
        buys = resting["side"] == "BUY"
        locked["USDT" if buys else "BTC"] += left * Decimal(resting["price"]) if buys else left
    for balance in exchange.call("GET", f"{SPOT}/account")["balances"]:
        free, held = Decimal(balance["free"]), Decimal(balance["locked"])
        assert free >= 0
        assert held == locked[balance["asset"]]
        assert free + held == expected[balance["asset"]]


def check_futures(exchange: FakeExchange) -> None:
    """The wallet is the initial one with every flow; with the position's cost, it is what the trades paid and got."""
    flows = exchange.call("GET", f"{FUTURES}/income", limit=1000)
    account, position = exchange.futures.account, exchange.futures.account.positions["BTCUSDT"]
    assert account.wallet == RISKED + sum(Decimal(flow["income"]) for flow in flows)
    amount, paid = Decimal(0), Decimal(0)
    for trade in exchange.call("GET", f"{FUTURES}/userTrades", symbol="BTCUSDT", limit=1000):
        signed = Decimal(trade["qty"]) * (1 if trade["side"] == "BUY" else -1)
        amount += signed
        paid += signed * Decimal(trade["price"]) + Decimal(trade["commission"])
    other = sum(Decimal(flow["income"]) for flow in flows if flow["incomeType"] in ("FUNDING_FEE", "INSURANCE_CLEAR"))
    assert position.amount == amount
    assert account.wallet - position.cost == RISKED - paid + other
    assert account.balance() >= 0
    assert (position.amount != 0) or account.wallet >= 0


@settings(max_examples=100)
@given(st.lists(acts, min_size=8, max_size=30))
def test_every_balance_follows_from_the_trades(done: Sequence[Act]) -> None:
    exchange = FakeExchange(futures_initial=RISKED)
    for venue in (exchange.spot, exchange.futures):
        venue.requests.weight_limit = 1_000_000
    exchange.quote("BTCUSDT", Decimal(50_000), depth=Decimal(1))
    for act in done:
        act(exchange)
        check_spot(exchange)
        check_futures(exchange)
    exchange.reset()
    check_spot(exchange)
    check_futures(exchange)
