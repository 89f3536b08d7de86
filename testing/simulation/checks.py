"""Laws that hold after every simulated day, checked on the tables and the exchange's own books, not by our code."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from strategy.account.money import quantised
from strategy.sleeves.results import SleeveResults
from tasks.run.job import PAPER, Job
from testing.exchange.core import FakeExchange
from testing.exchange.orders import Order as Accepted

TABLES = (
    "decisions",
    "orders",
    "fills",
    "entries",
    "account_snapshots",
    "passes",
    "executions",
    "charges",
    "takeover_entries",
    "risk_state",
    "halts",
)
ACCOUNT = "daily"
CAPITAL = Decimal(10_000)
#: No symbol of any venue has a larger lot.
LOT = Decimal("0.01")
#: The venues' largest market orders, of either symbol.
LARGEST = {"testnet-spot": Decimal(100), "testnet-futures": Decimal(120)}
_BASES = {"BNBUSDT": "BNB", "BTCUSDT": "BTC", "ETHUSDT": "ETH"}
_SYMBOLS = {asset: symbol for symbol, asset in _BASES.items()}


@dataclass
class Checks:
    """The checks of one account."""

    store: duckdb.DuckDBPyConnection
    exchange: FakeExchange
    venue: str
    halted: bool = False
    #: The first day on which the account was flattened; None while it is not.
    flattened: date | None = None
    #: The runs of the day come too late for orders.
    late: bool = False
    seen: int = 0
    bound: set[str] = field(default_factory=set)
    database: str = field(init=False)
    parsed: dict[str, duckdb.Statement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ((self.database,),) = self.store.execute("SELECT current_database()").fetchall()

    def rows(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """Return what is committed: a cursor of its own does not see what a run left open."""
        if statement not in self.parsed:
            (self.parsed[statement],) = self.store.extract_statements(statement)
        cursor = self.store.cursor()
        # A cursor begins in the instance's own database, which is another one where the store's file is attached to it.
        cursor.execute(f"USE {self.database}")
        return cursor.execute(self.parsed[statement], list(given)).fetchall()

    def contents(self) -> list[tuple[Any, ...]]:
        """Of each table how many rows it has, and a hash of all; a second run must leave both as they are."""
        return self.rows(
            " UNION ALL ".join(f"SELECT '{table}', count(*), sum(hash({table})) FROM {table}" for table in TABLES)
        )

    def reset(self) -> None:
        """The exchange has forgotten everything; what was accepted before stays counted against duplicates."""
        self.bound.clear()

    def after(self, day: date, job: Job) -> None:
        """All of them."""
        self._conserved(day)
        self._nothing_open(day)
        self._closed(day)
        self.with_the_exchange(job)

    def with_the_exchange(self, job: Job) -> None:
        """Those that may turn out otherwise while the ledger stays as it is."""
        self._no_duplicates()
        if self.venue != PAPER:
            self._nothing_lost()
            self._only_in_time(job)

    def _no_duplicates(self) -> None:
        """Of every (symbol, day) at most one order was ever accepted, and we know each."""
        known = {
            order_id: (symbol, as_of)
            for order_id, symbol, as_of in self.rows(
                "SELECT order_id, symbol, as_of FROM orders WHERE account = ?", ACCOUNT
            )
        }
        strangers = [order.client_id for order in self.exchange.accepted_orders if order.client_id not in known]
        assert not strangers, f"the exchange accepted {strangers}, which the ledger does not know"
        counts = Counter(known[order.client_id] for order in self.exchange.accepted_orders)
        twice = [key for key, count in counts.items() if count > 1]
        assert not twice, f"more than one order was accepted for {twice}"

    def _conserved(self, day: date) -> None:
        """Cash, positions and equity of the newest snapshot are what fills and entries make of the capital."""
        as_of, cash, equity, positions = self.rows(
            "SELECT as_of, cash, equity, positions FROM account_snapshots WHERE account = ? "
            "ORDER BY as_of DESC, pass DESC LIMIT 1",
            ACCOUNT,
        )[0]
        assert as_of == day, f"the account stands at {as_of} after {day}"
        due, held = CAPITAL, Counter[str]()
        for symbol, side, quantity, price, fee in self.rows(
            "SELECT symbol, side, quantity, price, fee FROM fills WHERE account = ? AND as_of <= ?", ACCOUNT, day
        ):
            signed = quantity if side == "buy" else -quantity
            due -= quantised(signed * price) + fee
            held[symbol] += signed
        for symbol, moved, units in self.rows(
            "SELECT symbol, cash, quantity FROM entries WHERE account = ? AND as_of <= ?", ACCOUNT, day
        ):
            due += moved
            held[symbol] += units
        told: dict[str, Any] = json.loads(positions)
        assert cash == due, f"cash is {cash} after {day}, its trades and entries give {due}"
        owned = {symbol: quantity for symbol, quantity in held.items() if quantity}
        assert {symbol: Decimal(one["quantity"]) for symbol, one in told.items()} == owned
        worth = sum((quantised(Decimal(one["quantity"]) * Decimal(one["mark"])) for one in told.values()), Decimal(0))
        assert equity == cash + worth

    def _closed(self, day: date) -> None:
        """While the account is flattened, each day leaves no position without the reason that the ledger has for it.

        What is held at the close has an order of the day that closes it in whole lots, or is below the least order, or
        no order could be sent in it. What an order of the day before has filled is dust now.
        """
        if self.flattened is None or day < self.flattened:
            return
        held, before = self._held(day), self._held(day - timedelta(days=1))
        for symbol, quantity in held.items():
            # What was ordered before it was flattened may trade after the close of the day before.
            if day > self.flattened and symbol in before:
                assert 0 <= quantity / before[symbol] <= 1, f"{symbol} grew while flattened"
            status, exposure, code = self.rows(
                "SELECT status, exposure, rebalance FROM decisions WHERE account = ? AND as_of = ? AND symbol = ? "
                "ORDER BY pass DESC LIMIT 1",
                *(ACCOUNT, day, symbol),
            )[0]
            assert code == "flatten", f"{symbol} was held on {day} and not flattened ({status})"
            orders = self.rows(
                "SELECT state, code, quantity, reduce_only FROM orders WHERE account = ? AND as_of = ? AND symbol = ?",
                *(ACCOUNT, day, symbol),
            )
            if exposure is None:
                assert not orders, f"{symbol} was barred on {day} and ordered"
                continue
            if self.late and not orders:
                continue
            ((state, why, ordered, reduces),) = orders
            assert reduces, f"the order in {symbol} of {day} might have opened a position"
            left = abs(quantity) - ordered
            largest = LARGEST.get(self.venue, Decimal(10**9))
            assert 0 <= left < LOT or why == "too_small" or ordered == largest, f"{left} of {symbol} stay on {day}"
            filled = self.rows(
                "SELECT 1 FROM orders WHERE account = ? AND as_of = ? AND symbol = ? AND state = 'filled' AND "
                "reduce_only AND quantity < ?",
                *(ACCOUNT, day - timedelta(days=1), symbol, largest),
            )
            assert not filled or abs(quantity) < LOT, f"{quantity} of {symbol} are left of what was sold before {day}"
            assert state != "skipped" or why == "too_small"

    def _held(self, day: date) -> dict[str, Decimal]:
        """Return the positions at the close of the day; none if it was not settled."""
        rows = self.rows(
            "SELECT positions FROM account_snapshots WHERE account = ? AND as_of = ? ORDER BY pass DESC", ACCOUNT, day
        )
        told: dict[str, Any] = json.loads(rows[0][0]) if rows else {}
        return {symbol: Decimal(one["quantity"]) for symbol, one in told.items()}

    def _nothing_open(self, day: date) -> None:
        """No order hangs in between: paper's wait for their bar, a broker's have ended."""
        states = Counter(state for (state,) in self.rows("SELECT state FROM orders WHERE account = ?", ACCOUNT))
        wrong = {"sent"} | (set() if self.venue == PAPER else {"acknowledged", "partially_filled"})
        assert not wrong & set(states), f"after {day} orders are {dict(states)}"
        self._unknown_alone()
        # One of unknown outcome waits for the next day's run: by then everything has been told.
        unknown = self.rows(
            "SELECT order_id, as_of FROM orders WHERE account = ? AND state = 'unknown' AND (as_of < ? OR ?)",
            *(ACCOUNT, day, self.venue == PAPER),
        )
        assert not unknown, f"after {day} it is not known what became of {unknown}"
        waiting = self.rows("SELECT order_id FROM orders WHERE account = ? AND state = 'intended'", ACCOUNT)
        assert not waiting, f"after {day} {waiting} were never sent"

    def _unknown_alone(self) -> None:
        """An order of unknown outcome is its symbol's newest, and is closed by the second day after it."""
        for symbol, as_of in self.rows(
            "SELECT symbol, as_of FROM orders WHERE account = ? AND state = 'unknown'", ACCOUNT
        ):
            (later,) = self.rows(
                "SELECT count(*) FROM orders WHERE account = ? AND symbol = ? AND as_of > ?", ACCOUNT, symbol, as_of
            )[0]
            assert not later, f"{symbol} was ordered although it is not known what became of its order of {as_of}"

    def _nothing_lost(self) -> None:
        """Every trade of the exchange's own books is in the ledger, to the last digit, and no other one is."""
        told = {
            (order_id, trade_id): (quantity, price)
            for order_id, trade_id, quantity, price in self.rows(
                "SELECT order_id, trade_id, quantity, price FROM executions WHERE account = ? AND adoption = "
                "(SELECT max(number) FROM adoptions WHERE account = ?)",
                ACCOUNT,
                ACCOUNT,
            )
        }
        venue = self.exchange.spot if self.venue == "testnet-spot" else self.exchange.futures
        there = {
            (order.client_id, str(trade.id)): (trade.quantity, trade.price)
            for order in self.exchange.accepted_orders
            if order.era == venue.orders.era
            for trade in order.trades
        }
        assert told == there, f"the exchange has {set(there) - set(told)} more, the ledger {set(told) - set(there)}"

    def _only_in_time(self, job: Job) -> None:
        """Demand that orders accepted for this day came in time and, while halted, only reduced."""
        fresh: list[Accepted] = self.exchange.accepted_orders[self.seen :]
        self.seen = len(self.exchange.accepted_orders)
        assert job.sends_until is not None
        limit_ms = job.sends_until.timestamp() * 1000
        late = [order.client_id for order in fresh if order.time_ms > limit_ms]
        assert not late, f"{late} were accepted after {job.sends_until}"
        if not self.halted:
            return
        for order in fresh:
            (held,) = self.rows(
                "SELECT coalesce(sum(if(side = 'buy', quantity, -quantity)), 0) FROM executions WHERE account = ? "
                "AND symbol = ? AND order_id <> ? AND adoption = (SELECT max(number) FROM adoptions WHERE account = ?)",
                ACCOUNT,
                order.symbol,
                order.client_id,
                ACCOUNT,
            )[0]
            signed = order.quantity if order.side == "BUY" else -order.quantity
            assert held * signed < 0, f"{order.client_id} of {signed} was accepted while halted with {held}"
            assert abs(signed) <= abs(held), f"{order.client_id} of {signed} was accepted while halted with {held}"
            if self.flattened is not None and job.as_of >= self.flattened and self.venue == "testnet-futures":
                assert order.reduce_only, f"{order.client_id} closes a position and might have opened one"

    def balances(self) -> None:
        """The exchange's balances are its first ones with every trade and charge of the ledger, to the last digit."""
        if self.venue == PAPER or not self.rows("SELECT 1 FROM adoptions WHERE account = ? LIMIT 1", ACCOUNT):
            return
        newest = "adoption = (SELECT max(number) FROM adoptions WHERE account = ?)"
        trades = self.rows(
            "SELECT symbol, if(side = 'buy', quantity, -quantity), price, fee, realised, fee_asset FROM executions "
            f"WHERE account = ? AND {newest}",
            *(ACCOUNT, ACCOUNT),
        )
        charged = self.rows(f"SELECT sum(cash) FROM charges WHERE account = ? AND {newest}", ACCOUNT, ACCOUNT)[0][0]
        cash, held = charged or Decimal(0), Counter[str]()
        spot, futures = self.exchange.spot.account, self.exchange.futures.account
        for symbol, quantity, price, fee, realised, asset in trades:
            held[symbol] += quantity
            cash += -quantity * price if realised is None else realised
            if asset == "USDT":
                cash -= fee
            else:
                held[_SYMBOLS[asset]] -= fee
        if self.venue == "testnet-spot":
            bases = {one: asset for one, asset in _BASES.items() if asset in spot.free}
            there = {one: spot.total(asset) - spot.initial[asset] for one, asset in bases.items()}
            assert cash == spot.total("USDT") - spot.initial["USDT"]
        else:
            there = {one: position.amount for one, position in futures.positions.items()}
            assert cash == futures.wallet - futures.initial
        assert {item: held[item] for item in there} == there

    def of_first_pass(self, day: date) -> list[tuple[Any, ...]]:
        """Return what the first pass of the day has recorded, which no later one may change."""
        return [
            row
            for table in ("decisions", "account_snapshots", "passes")
            for row in self.rows(
                f"SELECT * FROM {table} WHERE account = ? AND as_of = ? AND pass = 1 ORDER BY ALL", ACCOUNT, day
            )
        ]

    def decided_later(self, day: date) -> list[str]:
        """Return the symbols that later passes of the day have decided."""
        found = self.rows(
            "SELECT symbol FROM decisions WHERE account = ? AND as_of = ? AND pass > 1 ORDER BY symbol", ACCOUNT, day
        )
        return [symbol for (symbol,) in found]

    def shared(self, found: SleeveResults) -> None:
        """What the sleeves have earned and hold adds up to what the account has and does, to the last digit."""
        first, equity, positions = self.rows(
            "SELECT min(as_of), last(equity ORDER BY as_of, pass), last(positions ORDER BY as_of, pass) "
            "FROM account_snapshots WHERE account = ?",
            ACCOUNT,
        )[0]
        assert found.since == first, f"the sleeves begin on {found.since} and the account on {first}"
        earned = sum((each.profit for each in found.sleeves), Decimal(0))
        assert earned == equity - CAPITAL, f"sleeves have earned {earned}, the account {equity - CAPITAL}"
        held = Counter[str]()
        for sleeve in found.sleeves:
            held.update(sleeve.quantities)
        told = {symbol: Decimal(one["quantity"]) for symbol, one in json.loads(positions).items()}
        assert {symbol: quantity for symbol, quantity in held.items() if quantity} == told

    def every_day_once(self) -> None:
        """One snapshot for every day from the first to the last, and one current bar of each symbol."""
        days = [
            row[0]
            for row in self.rows(
                "SELECT DISTINCT as_of FROM account_snapshots WHERE account = ? ORDER BY as_of", ACCOUNT
            )
        ]
        whole = [days[0] + timedelta(days=number) for number in range((days[-1] - days[0]).days + 1)]
        assert days == whole
        doubles = self.rows("SELECT symbol, open_time FROM current_bars GROUP BY ALL HAVING count(*) > 1")
        assert not doubles
