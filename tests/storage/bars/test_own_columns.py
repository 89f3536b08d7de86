"""Columns of the user's own are kept beside the bars, revised as they are, and seen after their lag."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.bars import published, staging
from storage.bars.own_columns import known_columns, with_columns
from storage.database import Connection, connect
from storage.ledger.accounts import forget_bars
from strategy.exit_codes import UsageError
from strategy.market.bars import FloatArray
from strategy.market.delivered_columns import OWN
from strategy.market.own_columns import Lag
from testing.markets.deliveries import AT, END, deliver, delivery

LATER = datetime(2020, 2, 2, tzinfo=UTC)
NOW = {"eps": Lag(days=0)}
NAN = float("nan")


def told(eps: list[float], symbol: str = "A", name: str = "eps") -> pd.DataFrame:
    closes = [10.0 + row for row in range(len(eps))]
    return delivery(symbol, "2020-01-01", closes).assign(**{OWN + name: eps})


def seen(store: Connection, columns: Mapping[str, Lag] = NOW, symbol: str = "A", name: str = "eps") -> list[float]:
    bars = published.load(store, "test", ["A", "B"], until=END)
    values: FloatArray = with_columns(store, "test", bars, columns)[symbol].columns[name]
    return values.tolist()


def test_a_value_holds_until_the_next_one(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([NAN, 1.0, NAN, 2.0]))
        assert seen(store) == pytest.approx([NAN, 1.0, 1.0, 2.0], nan_ok=True)
        assert seen(store, {"eps": Lag(days=2)}) == pytest.approx([NAN, NAN, NAN, 1.0], nan_ok=True)


def test_a_value_from_before_the_loaded_rows_is_seen(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0, NAN, NAN, 2.0]))
        newest = published.load(store, "test", ["A"], until=END, last_bars=2)
        assert with_columns(store, "test", newest, NOW)["A"].columns["eps"].tolist() == [1.0, 2.0]


def test_a_cell_that_is_no_number_is_none_until_the_next_one(home: Path) -> None:
    """An older value would be seen as the newest one."""
    with connect(home) as store:
        deliver(store, told([1.0, np.inf, NAN, 2.0]))
        assert seen(store) == pytest.approx([1.0, NAN, NAN, 2.0], nan_ok=True)


def test_bars_without_declared_columns_have_none(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0]))
        bars = published.load(store, "test", ["A"], until=END)
        assert bars["A"].columns == with_columns(store, "test", bars, {})["A"].columns == {}


def test_a_symbol_without_the_column_has_no_value(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0, 2.0]))
        deliver(store, delivery("B", "2020-01-01", [10.0, 11.0]))
        assert seen(store, symbol="B") == pytest.approx([NAN, NAN], nan_ok=True)
        assert seen(store) == [1.0, 2.0]


def test_a_column_that_the_source_lacks_is_refused(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0]))
        deliver(store, told([1.0], "B", "sales"))
        with pytest.raises(
            UsageError, match=r"test has no column earnings .*; it has eps, sales: declare one of these"
        ):
            seen(store, {"earnings": Lag(days=1)})
        forget_bars(store, "test")
        with pytest.raises(UsageError, match="it has none beside its bars: only a file: source can have some"):
            with_columns(store, "test", {}, NOW)


def test_a_column_alone_is_revised_without_a_new_bar(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0, 2.0, NAN]))
        assert staging.stage(store, "test", told([1.0, 3.0, 4.0]), ingested_at=LATER) == {"A": 0}
        assert seen(store) == [1.0, 3.0, 4.0]
        rows = store.execute(
            "SELECT open_time::DATE::VARCHAR, revision, value FROM bar_columns ORDER BY ALL"
        ).fetchall()
    day = "2020-01-0{}".format
    assert rows == [(day(1), 0, 1.0), (day(2), 0, 2.0), (day(2), 1, 3.0), (day(3), 0, 4.0)]


def test_the_same_delivery_again_writes_nothing(home: Path) -> None:
    with connect(home) as store:
        for at in (AT, LATER):
            deliver(store, told([1.0, np.inf, NAN]), at)
        assert store.execute("SELECT count(*), max(revision) FROM bar_columns").fetchone() == (2, 0)
        assert store.execute("SELECT count(*) FROM bar_columns_staged").fetchone() == (0,)


def test_a_value_that_is_no_longer_delivered_is_taken_back_and_may_return(home: Path) -> None:
    with connect(home) as store:
        deliver(store, told([1.0, 2.0, 3.0]))
        deliver(store, told([1.0, NAN]))
        assert seen(store) == [1.0, 1.0, 3.0]
        deliver(store, told([1.0, 2.0]))
        assert seen(store) == [1.0, 2.0, 3.0]
        deliver(store, delivery("A", "2020-01-01", [10.0, 11.0, 12.0]))
        assert known_columns(store, "test") == ()


def test_columns_wait_with_their_bars_at_the_gate(home: Path) -> None:
    with connect(home) as store:
        assert staging.stage(store, "test", told([1.0, 2.0]), ingested_at=AT) == {"A": 2}
        assert known_columns(store, "test") == ()
        staging.stage(store, "test", told([1.0, 5.0]), ingested_at=AT)
        published.publish(store, "test", "A", ingested_at=AT)
        assert seen(store) == [1.0, 5.0]


def test_of_two_rows_of_a_date_the_later_one_counts(home: Path) -> None:
    with connect(home) as store:
        twice = pd.concat([told([1.0, 2.0]), told([NAN, 7.0]).iloc[1:]], ignore_index=True)
        deliver(store, twice)
        assert seen(store) == [1.0, 7.0]
