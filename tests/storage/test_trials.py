from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from storage import trials
from storage.database import connect
from storage.trials import Trial

TRIAL = Trial(
    symbols=("SPY", "TLT"),
    start=date(2015, 1, 1),
    end=date(2020, 12, 31),
    config='{"fee": 1, "z": 0.03}',
    recorded_at=datetime(2021, 1, 1, tzinfo=UTC),
)


def test_a_repeated_trial_counts_once_in_any_spelling(home: Path) -> None:
    with connect(home) as store:
        assert trials.record(store, TRIAL) == 1
        assert trials.record(store, replace(TRIAL, symbols=("TLT", "SPY"), config='{"z":0.03,"fee":1}')) == 1


def test_only_overlapping_windows_of_the_same_symbols_count_together(home: Path) -> None:
    other = '{"fee": 2}'
    with connect(home) as store:
        trials.record(store, TRIAL)
        assert trials.record(store, replace(TRIAL, config=other, start=date(2020, 12, 31), end=date(2022, 1, 1))) == 2
        assert trials.record(store, replace(TRIAL, config=other, start=date(2021, 1, 1), end=date(2022, 1, 1))) == 1
        assert trials.record(store, replace(TRIAL, config=other, symbols=("SPY",))) == 1
        assert trials.record(store, TRIAL) == 2


def test_a_window_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="2015-01-01 to 2014-01-01"):
        replace(TRIAL, end=date(2014, 1, 1))
