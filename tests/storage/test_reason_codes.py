"""Stores of before 0021 and 0022 said by sentences alone why an order stood as it did, and a model decided."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from storage.database import DATABASE_NAME, MIGRATIONS, connect, migrate
from storage.ledger import bulk, orders
from strategy.account.orders import Order, OrderState, ReasonCode
from tasks.daily.order import withheld

MONDAY = date(2020, 1, 6)
CUT = "halted: cut to what closes the position"
LATE = "not sent: too late at 2020-01-07 09:00 UTC, orders leave until 2020-01-07 08:00"
THIN = "filled 3.000000000000 of 40.000000000000, 10% of the bar's volume; the rest is cancelled"
BALANCES = "what it may have traded is in the balances of adoption 2"
#: Symbol, state, reason and code, as versions before wrote them, and the code and the flag that they are read as.
OLD = (
    ("TINY", "skipped", "change of 0.3 is below one lot of 1", None, "too_small", False),
    ("LEAST", "skipped", "change of 0.3 is worth 3.00, below the least order, 10.00", None, "too_small", False),
    ("HELD", "skipped", "halted: only orders that reduce are sent", None, "halted", False),
    ("STOPPED", "expired", "halted: only orders that reduce are sent", None, "halted", False),
    ("LATE", "expired", LATE, None, "not_sent", False),
    ("OVER", "expired", "not sent on 2020-01-06, which is over", None, "not_sent", False),
    ("ADOPTED", "expired", "the broker was adopted before it left", None, "overtaken", False),
    ("GONE", "cancelled", "delisted", None, "delisted", False),
    ("THIN", "cancelled", THIN, None, "volume", False),
    ("CUT", "filled", CUT, None, None, True),
    ("TOLD", "acknowledged", f"the venue says NEW; {CUT}", None, None, True),
    ("DOUBT", "unknown", f"HTTP 502; {CUT}", "unseen", "unseen", True),
    ("ENDED", "expired", f"HTTP 502; {CUT}; {BALANCES}", "adopted", "adopted", True),
    ("STEPPED", "expired", "testnet-spot knows no such order", "absent", "absent", True),
    ("AGAIN", "filled", "attempt 2", None, None, True),
    ("PLAIN", "filled", "", None, None, False),
    ("VENUE", "cancelled", "the venue says CANCELED", None, None, False),
    ("BROKER", "rejected", "not sent: said by nobody but the broker", None, None, False),
)


AGED = "the prior trades: the model is 70 bars old, above 63"
LACKING = "trained 5 bars ago; no newer one could be trained: no room"
BROKEN = "the prior trades: the file of model 3f9a51c07b2e is damaged"
#: By run, why its model decided, what it warned of, and the code that this is read as.
MODELS = {
    "aged": (AGED, ["SPY moved", AGED], "too_old"),
    "lacking": (LACKING, [LACKING], "not_trained"),
    "broken": (BROKEN, [BROKEN], "damaged"),
    "first": ("the prior trades: no network is promoted", ["SPY moved"], None),
    "rules": (None, [], None),
}


def up_to(folder: Path, last: int) -> Path:
    """The folder, which now holds the migrations up to that number."""
    folder.mkdir()
    for script in MIGRATIONS.glob("*.sql"):
        if int(script.name[:4]) <= last:
            (folder / script.name).write_bytes(script.read_bytes())
    return folder


@pytest.fixture
def old(tmp_path: Path, home: Path) -> Path:
    """A home whose store was written by the version before."""
    home.mkdir()
    store = duckdb.connect(str(home / DATABASE_NAME))
    store.execute("SET TimeZone = 'UTC'")
    migrate(store, up_to(tmp_path / "old", 20))
    rows = [(symbol, symbol, state, reason, code) for symbol, state, reason, code, *_ in OLD]
    for name, *row in [*rows, ("AGAIN-1", "AGAIN", "rejected", "never arrived: the venue knows no such order", None)]:
        store.execute(
            "INSERT INTO orders (account, order_id, symbol, as_of, side, quantity, state, reason, code) "
            "VALUES ('daily', ?, ?, '2020-01-06', 'sell', 1, ?, ?, ?)",
            [name, *row],
        )
    for name in ("STEPPED", "AGAIN-1"):
        store.execute(
            "INSERT INTO order_events VALUES ('daily', ?, 1, 'sent', ?, '2020-01-07 00:05:00+00')", [name, CUT]
        )
    for run_id, (reason, warnings, _) in MODELS.items():
        store.execute(
            "INSERT INTO runs (run_id, account, command, as_of, started_at, status, code_version, config, warnings, "
            "result) VALUES (?, 'daily', 'daily', '2020-01-06', '2020-01-07', 'done', '', '{}', ?, ?)",
            [run_id, json.dumps(warnings), json.dumps({"as_of": "2020-01-06", "model_reason": reason})],
        )
    store.execute(
        "INSERT INTO runs (run_id, account, command, as_of, started_at, status, code_version, config, warnings) "
        """VALUES ('failed', 'daily', 'daily', '2020-01-06', '2020-01-07', 'failed', '', '{}', '["no answer"]')"""
    )
    store.close()
    return home


def test_the_sentences_of_an_old_store_become_codes(old: Path) -> None:
    with connect(old) as store:
        found = {order.order_id: order for order in orders.orders_on(store, "daily", MONDAY)}
        words = dict(store.execute("SELECT order_id, reason FROM orders").fetchall())
    told = {symbol: (found[symbol].code, found[symbol].cut_by_halt) for symbol, *_ in OLD}
    assert told == {symbol: (code and ReasonCode(code), cut) for symbol, _, _, _, code, cut in OLD}
    assert {symbol: words[symbol] for symbol, *_ in OLD} == {symbol: reason for symbol, _, reason, *_ in OLD}


def test_what_a_halt_withheld_in_an_old_store_is_still_known(old: Path) -> None:
    def named(some: tuple[Order, ...]) -> set[str]:
        return {order.order_id for order in some}

    with connect(old) as store:
        known = orders.orders_on(store, "daily", MONDAY)
        counted = bulk.order_counts(store, "daily", MONDAY)
    cut = {"CUT", "TOLD", "DOUBT", "ENDED", "STEPPED", "AGAIN", "AGAIN-1"}
    assert named(withheld(known)) == {"HELD", "STOPPED", *cut}
    assert counted == (len(OLD) + 1, 9)
    assert {order.state for order in known if order.order_id == "DOUBT"} == {OrderState.UNKNOWN}


def test_what_an_old_run_warned_of_its_model_becomes_a_code(old: Path) -> None:
    with connect(old) as store:
        rows = dict(store.execute("SELECT run_id, result FROM runs").fetchall())
    assert rows.pop("failed") is None
    answers = {run_id: json.loads(answer) for run_id, answer in rows.items()}
    assert {run_id: answer.get("model_code") for run_id, answer in answers.items()} == {
        run_id: code for run_id, (_, _, code) in MODELS.items()
    }
    assert {run_id: (answer["as_of"], answer["model_reason"]) for run_id, answer in answers.items()} == {
        run_id: ("2020-01-06", reason) for run_id, (reason, _, _) in MODELS.items()
    }
