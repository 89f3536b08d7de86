"""What a delivery says of published bars: whether it tells them in another unit, and which ones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storage.bars import published as bars
from storage.bars import staging
from storage.bars.restatements import Restatement, restatement, unchanged_days
from storage.database import Connection, connect
from testing.markets.deliveries import deliver, delivery

LATER = datetime(2020, 3, 1, tzinfo=UTC)
CLOSES = [100.0 + i for i in range(12)]
PRICES = ["open", "high", "low", "close"]


def told(ratio: float = 1.0, volume: float = 1.0, first: int = 0, last: int = 12) -> pd.DataFrame:
    """Bars of numbered days from 1 January, their prices and volumes multiplied."""
    frame = delivery("A", "2020-01-01", CLOSES)
    frame["volume"] = 1_000.0 * volume
    frame[PRICES] *= ratio
    return frame.iloc[first:last].reset_index(drop=True)


@pytest.fixture
def store(home: Path) -> Iterator[Connection]:
    with connect(home) as opened:
        yield opened


def found(store: Connection, frame: pd.DataFrame, source: str = "test") -> Restatement | None:
    """Return what the delivery restates; it stays staged."""
    staging.stage(store, source, frame, ingested_at=LATER)
    return restatement(store, source, "A")


def day(number: int) -> date:
    return date(2020, 1, number)


def test_a_history_in_another_unit_is_told_with_its_ratio_and_its_ends(store: Connection) -> None:
    deliver(store, told())
    assert found(store, told(0.25, 4.0)) == Restatement(
        ratio=0.25, volumes=4.0, bars=12, first=day(1), last=day(12), told_until=day(12), beyond=None
    )
    # Told by value alone, as of a dividend: volumes stay.
    assert found(store, told(0.25)) == Restatement(
        ratio=0.25, volumes=1.0, bars=12, first=day(1), last=day(12), told_until=day(12), beyond=None
    )


def test_a_delivery_of_a_part_says_what_it_does_not_tell(store: Connection) -> None:
    deliver(store, told())
    part = found(store, told(0.25, 4.0, first=2, last=10))
    assert part is not None
    assert (part.first, part.last, part.told_until, part.beyond, part.bars) == (day(3), day(10), day(10), day(12), 8)


def test_bars_that_were_in_the_new_unit_already_are_late(store: Connection) -> None:
    frame = told()
    frame.loc[9:, PRICES] *= 0.25
    # Their volumes say nothing of the ratio.
    frame.loc[9:, "volume"] = 9e9
    deliver(store, frame)
    late = found(store, told(0.25, 4.0))
    assert late is not None
    assert (late.late, late.last, late.bars, late.volumes) == (True, day(9), 9, 4.0)


def test_one_bar_in_the_new_unit_already_is_late(store: Connection) -> None:
    frame = told()
    frame.loc[11:, PRICES] *= 0.25
    deliver(store, frame)
    late = found(store, told(0.25))
    assert late is not None
    assert (late.late, late.last) == (True, day(11))


@pytest.mark.parametrize(
    ("before", "after", "volumes"),
    [
        # Less than a share a day, by thousands; twice as much is as near to four times as to once.
        ([0.5] * 12, [2.0] * 12, 4.0),
        ([0.2] * 12, [0.8] * 12, 4.0),
        ([1.0] * 12, [2.0] * 12, 1.0),
        ([1.0] * 12, [np.nan] * 8 + [1.0] * 4, 1.0),
        ([np.nan] * 8 + [1.0] * 4, [4.0] * 12, 4.0),
        # Nothing says nothing, and neither do the bars that were in the new unit before: the last two.
        ([0.0] * 8 + [1.0] * 4, [4.0] * 12, 4.0),
        ([0.0] * 9 + [1.0, 1.0, 1.0], [4.0] * 10 + [1.0, 1.0], 4.0),
        ([0.0] * 9 + [1.0, 1.0, 1.0], [1.0] * 10 + [100.0, 1.0], 1.0),
    ],
)
def test_volumes_are_judged_by_the_bars_that_changed(
    store: Connection, before: list[float], after: list[float], volumes: float
) -> None:
    old, new = told(), told(0.25)
    old["volume"], new["volume"] = before, after
    old.loc[10:, PRICES] *= 0.25
    deliver(store, old)
    judged = found(store, new)
    assert judged is not None
    assert (judged.last, judged.volumes) == (day(10), volumes)


def test_volumes_that_are_not_known_are_left_alone(store: Connection) -> None:
    before, after = told(), told(0.25, 4.0)
    before.loc[:, "volume"] = np.nan
    deliver(store, before)
    unknown = found(store, after)
    assert unknown is not None
    assert unknown.volumes == 1.0
    deliver(store, told(), at=LATER)
    after.loc[:7, "volume"] = [0.0, np.nan] * 4
    some = found(store, after)
    assert some is not None
    assert some.volumes == 4.0


def test_what_says_nothing_of_another_unit_is_none(store: Connection) -> None:
    assert restatement(store, "test", "A") is None
    assert found(store, told()) is None
    deliver(store, told())
    corrected = told()
    corrected.loc[5, "close"] += 0.5
    assert found(store, corrected) is None
    assert found(store, told(0.25), source="other") is None
    assert found(store, told(0.25)) is not None
    assert restatement(store, "test", "B") is None


def test_bars_that_are_told_as_they_were_are_named(store: Connection) -> None:
    deliver(store, told())
    frame = told()
    frame.loc[3, "high"] += 1.0
    staging.stage(store, "test", frame, ingested_at=LATER)
    same = unchanged_days(store, "test", "A")
    assert day(4) not in same
    assert {day(3), day(5), day(12)} <= same
    assert unchanged_days(store, "other", "A") == frozenset()


def test_bars_from_before_the_delivery_follow_it_into_the_new_unit(store: Connection) -> None:
    deliver(store, told())
    assert deliver(store, told(0.25, 4.0, first=4), at=LATER) == 8 + 4
    rows = store.execute(
        "SELECT open_time::DATE, revision, open, high, low, close, volume, ingested_at FROM bars "
        "WHERE revision > 0 ORDER BY open_time"
    ).fetchall()
    assert [row[0] for row in rows] == [day(number) for number in range(1, 13)]
    assert [row[1:7] for row in rows[:2]] == [
        (1, 25.0, 25.25, 24.75, 25.0, 4_000.0),
        (1, 25.25, 25.5, 25.0, 25.25, 4_000.0),
    ]
    assert {row[7].astimezone(UTC) for row in rows} == {LATER}
    loaded = bars.load(store, "test", ["A"], until=day(12))["A"]
    assert loaded.close.tolist() == [close / 4 for close in CLOSES]
