import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from storage.bars import published as bars
from storage.bars import staging
from storage.database import Connection, connect
from strategy.market.bars import FloatArray
from testing.markets.deliveries import AT, END, deliver, delivery

TWELVE = [100.0 + i for i in range(12)]


def restated(close: list[float], ex: int) -> list[float]:
    """Adjusted closes that know of one dividend of 0.3 %, before the open of bar `ex`."""
    return [price * (0.997 if t < ex else 1.0) for t, price in enumerate(close)]


def staged_rows(store: Connection, frame: pd.DataFrame) -> int:
    return staging.stage(store, "test", frame, ingested_at=AT)["A"]


def factors(store: Connection) -> list[float]:
    stored: list[float] = bars.load(store, "test", ["A"], until=END)["A"].factor.tolist()
    return stored


@pytest.mark.parametrize("ex", [1, 3, 8, 11])
def test_a_dividend_restated_anywhere_is_a_revision_from_its_ex_date(home: Path, ex: int) -> None:
    corrected = delivery("A", "2020-01-01", TWELVE, restated(TWELVE, ex))
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE))
        assert staged_rows(store, corrected) == 12 - max(0, ex - 5)
        assert deliver(store, corrected) == 12 - ex
        assert [published.revisions for published in bars.published_counts(store)] == [12 - ex]
        assert factors(store) == pytest.approx([1.0] * ex + [1 / 0.997] * (12 - ex), rel=1e-12)
        assert staged_rows(store, corrected) == 0


def test_a_restated_dividend_is_seen_across_a_bar_that_changed(home: Path) -> None:
    close = [*TWELVE[:3], 103.5, *TWELVE[4:]]
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE))
        assert deliver(store, delivery("A", "2020-01-01", close, restated(close, 8))) == 1 + 4
        assert factors(store) == pytest.approx([1.0] * 8 + [1 / 0.997] * 4, rel=1e-12)


def test_one_adjusted_close_restated_is_one_revision(home: Path) -> None:
    for bar in (4, 11):
        with connect(home) as store:
            deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE))
            mended = delivery("A", "2020-01-01", TWELVE, [*TWELVE[:bar], 99.0, *TWELVE[bar + 1 :]])
            assert deliver(store, mended) == 1
            assert deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE)) == 1
            assert factors(store) == [1.0] * 12


def test_a_rebase_of_closes_rounded_to_cents_is_no_change(home: Path) -> None:
    close = [10.01, 10.02, 10.03, 10.04, 10.05, 10.06]
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", close, close))
        assert staged_rows(store, delivery("A", "2020-01-01", close, [9.81, 9.82, 9.83, 9.84, 9.85, 9.86])) == 0


def test_how_one_symbol_is_rounded_says_nothing_of_another(home: Path) -> None:
    cents = delivery("A", "2020-01-01", [10.01, 10.02, 10.03], [10.01, 10.02, 10.03])
    exact = delivery("B", "2020-01-01", [10.01, 10.02, 10.03], [3.336666667, 3.34, 3.343333333])
    with connect(home) as store:
        for frame in (cents, exact):
            deliver(store, frame)
        cents["adj_close"] = [9.81, 9.82, 9.83]
        counts = staging.stage(store, "test", pd.concat([exact, cents], ignore_index=True), ingested_at=AT)
    assert counts == {"B": 0, "A": 0}


def test_adjusted_closes_that_come_later_are_a_revision_from_the_first_ex_date(home: Path) -> None:
    adjusted = delivery("A", "2020-01-01", TWELVE, restated(TWELVE, 3))
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", TWELVE))
        assert deliver(store, adjusted) == 9
        assert factors(store) == pytest.approx([1.0] * 3 + [1 / 0.997] * 9, rel=1e-12)
        assert staged_rows(store, adjusted) == 0
        # A source that stops to tell them has restated nothing.
        assert staged_rows(store, delivery("A", "2020-01-01", TWELVE)) == 0


def test_a_restatement_before_what_is_delivered_is_not_noticed(home: Path) -> None:
    corrected = delivery("A", "2020-01-01", TWELVE, restated(TWELVE, 3))
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE))
        assert staged_rows(store, corrected.iloc[3:]) == 0
        assert staged_rows(store, corrected.iloc[2:]) == 10


@pytest.mark.parametrize("bar", [1, 11])
@pytest.mark.parametrize("impossible", [0.0, -101.0, float("inf")])
def test_an_adjusted_close_that_is_no_price_goes_to_the_gate(home: Path, bar: int, impossible: float) -> None:
    with connect(home) as store:
        deliver(store, delivery("A", "2020-01-01", TWELVE, TWELVE))
        broken = delivery("A", "2020-01-01", TWELVE, [*TWELVE[:bar], impossible, *TWELVE[bar + 1 :]])
        assert staged_rows(store, broken) == 12 - max(0, bar - 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Closes, what adjusts them, and the decimals that adjusted closes are rounded to (15: not at all)."""

    close: FloatArray
    adjustment: FloatArray
    decimals: int

    def delivered(self, scale: FloatArray | float) -> pd.DataFrame:
        adjusted = np.round(self.close * self.adjustment * scale, self.decimals)
        return delivery("A", "2020-01-01", self.close.tolist(), adjusted.tolist())


@st.composite
def series(draw: st.DrawFn) -> Series:
    """From 6 to 30 bars between 10 and 500, of which the first is adjusted by 0.4 or more."""
    T = draw(st.integers(6, 30))
    close = draw(st.lists(st.integers(1_000, 50_000), min_size=T, max_size=T))
    kept = draw(st.lists(st.sampled_from([1.0, 1.0, 1.0, 0.997, 0.98]), min_size=T, max_size=T))
    return Series(
        close=np.array(close) / 100,
        adjustment=np.cumprod(kept)[::-1],
        decimals=draw(st.sampled_from([2, 4, 6, 15])),
    )


def test_what_another_process_has_staged_is_neither_judged_nor_published_nor_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = delivery("A", "2020-01-01", [10.0, 11.0]), delivery("A", "2020-01-01", [10.0, -5.0, 7.0])
    with connect(home) as store, subprocess.Popen(["sleep", "60"]) as other:
        staging.stage(store, "test", ours, ingested_at=AT)
        with monkeypatch.context() as there:
            there.setattr("os.getpid", lambda: other.pid)
            staging.stage(store, "test", theirs, ingested_at=AT)
            assert staging.staged(store, "test", "A")["close"].tolist() == [10.0, -5.0, 7.0]
        assert staging.staged(store, "test", "A")["close"].tolist() == [10.0, 11.0]
        assert bars.publish(store, "test", "A", ingested_at=AT) == 2
        assert staging.staged_symbols(store, "test") == ()
        with monkeypatch.context() as there:
            there.setattr("os.getpid", lambda: other.pid)
            assert staging.staged_symbols(store, "test") == ("A",)
            staging.discard(store, "test", ["A"])
            assert staging.staged_symbols(store, "test") == ()
        other.kill()


def test_what_a_dead_process_has_staged_goes_with_the_next_delivery(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = delivery("A", "2020-01-01", [10.0, 11.0])
    with connect(home) as store:
        with subprocess.Popen(["true"]) as dead, monkeypatch.context() as there:
            there.setattr("os.getpid", lambda: dead.pid)
            staging.stage(store, "test", frame, ingested_at=AT)
        staging.stage(store, "test", frame, ingested_at=AT)
        assert store.execute("SELECT count(*) FROM bars_staged").fetchone() == (2,)


@pytest.fixture(scope="module")
def law_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all examples of a law, each of which empties its store: to create one takes longer."""
    return tmp_path_factory.mktemp("law")


@settings(max_examples=25)
@given(one=series(), cut=st.integers(1, 29), later=st.floats(0.5, 1.0), latest=st.floats(0.5, 1.0))
def test_a_rebase_of_rounded_closes_stages_nothing(
    law_home: Path, one: Series, cut: int, later: float, latest: float
) -> None:
    T, cut = len(one.close), min(cut, len(one.close) - 1)
    with connect(law_home) as store:
        store.execute("DELETE FROM bars").fetchall()
        deliver(store, one.delivered(1.0).iloc[:cut])
        # The rest is published under another link, which rests on a rounded close too.
        assert deliver(store, one.delivered(later)) == T - cut
        assert staged_rows(store, one.delivered(later)) == 0
        assert staged_rows(store, one.delivered(later * latest)) == 0


@settings(max_examples=25)
@given(one=series(), ex=st.integers(1, 29), kept=st.floats(0.5, 0.999), rebase=st.floats(0.5, 1.0))
def test_a_restated_dividend_makes_the_factors_of_a_fresh_store(
    law_home: Path, one: Series, ex: int, kept: float, rebase: float
) -> None:
    T, ex = len(one.close), min(ex, len(one.close) - 1)
    corrected = one.delivered(np.where(np.arange(T) < ex, kept, 1.0) * rebase)
    rounding = 0.5 * 10.0**-one.decimals / corrected["adj_close"].min()
    # Four roundings may hide the step, and four that were made may have made it smaller.
    assume(1 - kept > 10 * rounding)
    with connect(law_home) as store:
        store.execute("DELETE FROM bars").fetchall()
        deliver(store, corrected)
        fresh = factors(store)
        store.execute("DELETE FROM bars").fetchall()
        deliver(store, one.delivered(1.0))
        assert deliver(store, corrected) == T - ex
        assert factors(store)[ex:] == pytest.approx(fresh[ex:], rel=max(1e-6, 5 * rounding))
        assert staged_rows(store, corrected) == 0
