"""Conversion between the ledger's values and its table rows: money in twelve decimals, one row per natural key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from storage.database import Connection
from storage.keyed_rows import Row, Table
from storage.typed_rows import read_all
from strategy.account.money import quantised
from strategy.account.orders import OPEN_STATES, Fill, Order
from strategy.account.state import Account, Entry, Position, Snapshot
from strategy.market.currencies import FxRate
from strategy.portfolio.decision import Decision

DECISIONS = Table(
    name="decisions",
    key=("account", "as_of", "pass", "symbol"),
    values=(
        *("status", "regime", "confidence", "signal", "volatility", "exposure", "reason"),
        *("source", "strategy", "model_id", "data_sha256", "strategy_sha256", "rebalance", "sleeves"),
    ),
)
ORDERS = Table(
    name="orders",
    key=("account", "order_id"),
    values=("symbol", "as_of", "side", "quantity"),
    changing=("mark", "cut_by_halt", "reduce_only", "state", "reason", "code", "open_state", "settled_on"),
)
FILLS = Table(
    name="fills",
    key=("account", "order_id", "trade_id"),
    values=("symbol", "as_of", "side", "quantity", "price", "fee", "fx_rate"),
    changing=("amount",),
)
ENTRIES = Table(
    name="entries", key=("account", "as_of", "kind", "symbol"), values=("cash", "quantity", "profit", "before_fills")
)
SNAPSHOTS = Table(
    name="account_snapshots",
    key=("account", "as_of", "pass"),
    values=("cash", "equity", "drawdown", "positions", "unit_value"),
)
FX_RATES = Table(name="fx_rates", key=("account", "as_of", "unit"), values=("pair", "dated", "rate"))
#: More passes than a day can have.
MOST_PASSES = 1_000_000
PASSES = Table(name="passes", key=("account", "as_of", "pass"), values=("symbols", "held_back", "behind"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The origin of a day's decisions: source and hash of the bars, strategy and model.

    `model_id` is None if the rules alone decided; `source` is None if the day is older than its record;
    `strategy_sha256` is the version of a strategy of the user's own, None for one that is built in.
    """

    source: str | None
    strategy: str
    model_id: str | None
    data_sha256: str
    strategy_sha256: str | None = None


def decision_row(account: str, decision: Decision, provenance: Provenance, number: int = 1) -> Row:
    """Return the decision of the day's pass as a row of DECISIONS."""
    return (
        *(account, decision.as_of, number, decision.symbol),
        *(str(decision.status), decision.regime and str(decision.regime)),
        *(decision.confidence, decision.signal, decision.volatility, decision.exposure, decision.reason),
        *(provenance.source, provenance.strategy, provenance.model_id, provenance.data_sha256),
        *(provenance.strategy_sha256, decision.rebalance and str(decision.rebalance)),
        json.dumps([asdict(wish) for wish in decision.sleeves]) if decision.sleeves else None,
    )


def order_row(account: str, order: Order, day: date) -> Row:
    """Return the order as a row of ORDERS; if it has ended, it did so on `day`."""
    is_open = order.state in OPEN_STATES
    mark = None if order.mark is None else quantised(order.mark)
    return (
        *(account, order.order_id, order.symbol, order.as_of, str(order.side), quantised(order.quantity)),
        *(mark, order.cut_by_halt, order.reduce_only),
        *(str(order.state), order.reason, order.code and str(order.code)),
        *(str(order.state) if is_open else None, None if is_open else day),
    )


#: The columns of an order, but for its mark, which few readers want.
ORDER_COLUMNS = "order_id, symbol, as_of, side, quantity, state, reason, code, cut_by_halt, reduce_only"


def fill_row(account: str, fill: Fill) -> Row:
    """Return the trade as a row of FILLS."""
    return (
        *(account, fill.order_id, fill.trade_id, fill.symbol, fill.as_of, str(fill.side)),
        *(quantised(fill.quantity), quantised(fill.price), quantised(fill.fee)),
        None if fill.fx_rate == 1 else quantised(fill.fx_rate),
        None if fill.amount is None else quantised(fill.amount),
    )


_FILL = "order_id, trade_id, symbol, as_of, side, quantity, price, fee, amount, fx_rate"


def select_fills(connection: Connection, where: str, values: Sequence[object]) -> tuple[Fill, ...]:
    """Return the trades that fulfil the condition, whose values are bound, by day, symbol, order and trade."""
    select = f"SELECT {_FILL} FROM fills WHERE {where} ORDER BY as_of, symbol, order_id, trade_id"  # noqa: S608
    return read_all(connection, Fill, select, values)


def entry_row(account: str, entry: Entry) -> Row:
    """Return the entry (a change without a trade) as a row of ENTRIES."""
    profit, before_fills = (quantised(each) if each else None for each in (entry.profit, entry.before_fills))
    return (
        *(account, entry.as_of, str(entry.kind), entry.symbol),
        *(quantised(entry.cash), quantised(entry.quantity), profit, before_fills),
    )


def fx_row(account: str, day: date, rate: FxRate) -> Row:
    """Return the exchange rate that the account took on the day as a row of FX_RATES."""
    return (account, day, rate.unit, rate.pair, rate.dated, quantised(rate.rate))


def snapshot_row(account: str, snapshot: Snapshot, number: int = 1) -> Row:
    """Return the snapshot of the day's pass as a row of SNAPSHOTS; positions are JSON, their numbers strings."""
    held = {
        symbol: {
            "quantity": _text(position.quantity),
            "mark": _text(position.mark),
            "marked_on": position.marked_on.isoformat() if position.marked_on else None,
            **({} if position.fx_rate == 1 else {"fx_rate": _text(position.fx_rate)}),
        }
        for symbol, position in snapshot.account.positions.items()
    }
    cash, equity = quantised(snapshot.account.cash), quantised(snapshot.equity)
    own = None if snapshot.own_unit_value is None else quantised(snapshot.own_unit_value)
    key = (account, snapshot.account.as_of, number)
    return (*key, cash, equity, snapshot.drawdown, json.dumps(held, sort_keys=True), own)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPass:
    """A pass of an account day, and what it has seen.

    The first pass decides all `symbols` of the account, a later one those whose bars came after the one before.
    `held_back` gives the reason for each symbol that the data gate or the broker bars; `behind` the date of the newest
    bar of each symbol that has none of the day (None: it has no bar at all).
    """

    number: int = 1
    symbols: tuple[str, ...] = ()
    held_back: Mapping[str, str] = field(default_factory=dict)
    behind: Mapping[str, date | None] = field(default_factory=dict)


#: A first pass that held nothing back, which has no row.
FIRST_PASS = DayPass()


def pass_row(account: str, as_of: date, day_pass: DayPass) -> Row:
    """Return the pass as a row of PASSES."""
    behind = {symbol: last and last.isoformat() for symbol, last in day_pass.behind.items()}
    said = (list(day_pass.symbols), dict(day_pass.held_back), behind)
    return (account, as_of, day_pass.number, *(json.dumps(part, sort_keys=True) for part in said))


def to_pass(row: Row) -> DayPass:
    """Return the pass in a row of its number, symbols, held_back and behind."""
    values: tuple[Any, ...] = row
    number, symbols, held_back, behind = values
    return DayPass(
        number=number,
        symbols=tuple(json.loads(symbols)),
        held_back=json.loads(held_back),
        behind={symbol: last and date.fromisoformat(last) for symbol, last in json.loads(behind).items()},
    )


def to_snapshot(row: Row) -> Snapshot:
    """Return the snapshot in a row of as_of, cash, equity, drawdown, positions and unit value."""
    values: tuple[Any, ...] = row
    as_of, cash, equity, drawdown, positions, own = values
    held = {
        symbol: Position(
            quantity=Decimal(position["quantity"]),
            mark=Decimal(position["mark"]),
            marked_on=date.fromisoformat(position["marked_on"]) if position["marked_on"] else None,
            fx_rate=Decimal(position.get("fx_rate", 1)),
        )
        for symbol, position in json.loads(positions).items()
    }
    account = Account(as_of=as_of, cash=cash, positions=MappingProxyType(held))
    return Snapshot(account=account, equity=equity, drawdown=drawdown, own_unit_value=own)


def _text(value: Decimal) -> str:
    return format(quantised(value), "f")
