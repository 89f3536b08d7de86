"""Changes of unit in an account's prices: the bar revision that it used against the current one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from storage.database import Connection
from strategy.account.money import exact
from strategy.account.orders import Fill
from strategy.backtest.restatement import UnitChange, agreeing_bars
from strategy.market.bars import FloatArray

#: How many bars up to the one that an account used are compared.
COMPARED_BARS = 1_000

_TODAY = """
SELECT symbol, open_time::DATE AS day, close FROM current_bars
WHERE source = $source AND list_contains($symbols, symbol) AND open_time >= $first AND open_time < $beyond
"""
_REVISIONS = """
SELECT open_time, revision, open, high, low, close FROM bars
WHERE source = ? AND symbol = ? AND open_time < ?
QUALIFY dense_rank() OVER (ORDER BY open_time DESC) <= ? ORDER BY open_time DESC, revision DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A close that an account used, either to mark a position or to decide an order."""

    symbol: str
    on: date
    close: Decimal


def unit_changes(connection: Connection, source: str, used: Iterable[Used]) -> dict[Used, UnitChange]:
    """Return the used closes that differ today, with the number of bars that show a change of unit.

    A close that no former revision of its bar has comes from elsewhere, such as another source or a fill, and is
    absent; so is one whose bar the source does not have.
    """
    asked = sorted(set(used), key=lambda price: (price.symbol, price.on))
    if not asked:
        return {}
    window = {"first": min(price.on for price in asked), "beyond": max(price.on for price in asked) + timedelta(days=1)}
    symbols = sorted({price.symbol for price in asked})
    rows = connection.execute(_TODAY, {"source": source, "symbols": symbols, **window}).fetchall()
    today = {(symbol, day): exact(close) for symbol, day, close in rows}
    found = {}
    for price in asked:
        close = today.get((price.symbol, price.on))
        if close is not None and close != price.close:
            change = _change(connection, source, price, close)
            if change is not None:
                found[price] = change
    return found


def open_as_used(connection: Connection, source: str, fill: Fill) -> Decimal | None:
    """Return the open of the fill's bar in the revision nearest to the fill's price; None without a bar.

    The fill used that one: later revisions may state the open in another unit.
    """
    row = connection.execute(
        "SELECT open FROM bars WHERE source = ? AND symbol = ? AND open_time::DATE = ? AND open > 0 "
        "ORDER BY abs(ln(open / ?)), revision DESC LIMIT 1",
        [source, fill.symbol, fill.as_of, float(fill.price)],
    ).fetchone()
    return exact(row[0]) if row else None


def _change(connection: Connection, source: str, used: Used, close: Decimal) -> UnitChange | None:
    rows = connection.execute(_REVISIONS, [source, used.symbol, used.on + timedelta(days=1), COMPARED_BARS]).fetchall()
    prices: dict[object, list[FloatArray]] = {}
    for open_time, _, *four in rows:
        prices.setdefault(open_time, []).append(np.array(four, dtype=np.float64))
    revisions = list(prices.values())
    new = np.stack([revision[0] for revision in revisions])
    former = [revision[1:] for revision in revisions]
    former[0] = [price for price in former[0] if exact(float(price[3])) == used.close]
    if not former[0]:
        return None
    return UnitChange(symbol=used.symbol, on=used.on, old=used.close, new=close, bars=agreeing_bars(former, new))
