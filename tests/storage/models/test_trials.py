from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import connect
from storage.models import trials
from storage.models.trials import Trial
from strategy.evaluation.deflated_sharpe import TrialLog

TRIAL = Trial(
    symbols=("SPY", "TLT"),
    start=date(2015, 1, 1),
    end=date(2020, 12, 31),
    config='{"fee": 1, "z": 0.03}',
    recorded_at=datetime(2021, 1, 1, tzinfo=UTC),
)
LATER = TRIAL.recorded_at + timedelta(days=1)
OTHER = '{"fee": 2}'


def test_a_repeated_trial_counts_once_in_any_spelling(home: Path) -> None:
    with connect(home) as store:
        assert trials.record(store, TRIAL) == 1
        assert trials.record(store, replace(TRIAL, symbols=("TLT", "SPY"), config='{"z":0.03,"fee":1}')) == 1


def test_only_overlapping_windows_of_the_same_symbols_count_together(home: Path) -> None:
    with connect(home) as store:
        trials.record(store, TRIAL)
        assert trials.record(store, replace(TRIAL, config=OTHER, start=date(2020, 12, 31), end=date(2022, 1, 1))) == 2
        assert trials.record(store, replace(TRIAL, config=OTHER, start=date(2021, 1, 1), end=date(2022, 1, 1))) == 1
        assert trials.record(store, replace(TRIAL, config=OTHER, symbols=("SPY",))) == 1
        assert trials.record(store, TRIAL) == 2


def test_the_newest_sharpe_of_a_trial_stands_and_one_without_it_changes_nothing(home: Path) -> None:
    with connect(home) as store:
        trials.record(store, TRIAL)
        assert trials.tried(store, TRIAL) == TrialLog(count=1, sharpes=())
        trials.record(store, replace(TRIAL, sharpe=0.05, days=900))
        trials.record(store, replace(TRIAL, sharpe=-0.02, days=1_000, recorded_at=LATER))
        trials.record(store, replace(TRIAL, recorded_at=LATER + timedelta(days=1)))
        assert trials.tried(store, TRIAL) == TrialLog(count=1, sharpes=(-0.02,))
        assert store.execute("SELECT days, recorded_at FROM trials").fetchall() == [(1_000, LATER)]


def test_the_sharpe_of_another_version_of_the_account_is_unknown_and_its_trial_counts(home: Path) -> None:
    with connect(home) as store:
        trials.record(store, replace(TRIAL, sharpe=0.05, days=900))
        rated = replace(TRIAL, config=OTHER, sharpe=0.04, days=900, account_version=2)
        trials.record(store, rated)
        assert trials.tried(store, rated) == TrialLog(count=2, sharpes=(0.04,))
        assert trials.tried(store, TRIAL) == TrialLog(count=2, sharpes=(0.05,))


def test_each_configuration_gives_one_sharpe_of_its_own_window_first_and_then_of_the_newest(home: Path) -> None:
    half = replace(TRIAL, end=date(2017, 12, 31), sharpe=0.09, days=750, recorded_at=LATER)
    whole = replace(TRIAL, sharpe=0.05, days=1_500)
    with connect(home) as store:
        trials.record_all(store, [whole, half, replace(half, config=OTHER, sharpe=0.01)])
        trials.record_all(store, [replace(half, config='{"fee": 3}', sharpe=None, days=None)])
        assert trials.tried(store, whole).count == trials.tried(store, half).count == 3
        assert sorted(trials.tried(store, whole).sharpes) == [0.01, 0.05]
        assert sorted(trials.tried(store, half).sharpes) == [0.01, 0.09]
        between = replace(TRIAL, start=date(2016, 1, 1), end=date(2016, 2, 1))
        assert sorted(trials.tried(store, between).sharpes) == [0.01, 0.09]


def test_many_trials_are_kept_at_once_and_the_last_of_equal_ones_stands(home: Path) -> None:
    points = [replace(TRIAL, config=f'{{"fee": {fee}}}', sharpe=fee / 1e4, days=9) for fee in range(1_000)]
    with connect(home) as store:
        trials.record_all(store, [])
        assert trials.tried(store, TRIAL) == TrialLog(count=0, sharpes=())
        trials.record_all(store, [*points, replace(points[0], sharpe=0.5)])
        found = trials.tried(store, TRIAL)
    assert (found.count, max(found.sharpes), len(set(found.sharpes))) == (1_000, 0.5, 1_000)


def test_an_impossible_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="2015-01-01 to 2014-01-01"):
        replace(TRIAL, end=date(2014, 1, 1))
    with pytest.raises(ValueError, match=r"a Sharpe ratio and its days, or neither: 0\.1, None"):
        replace(TRIAL, sharpe=0.1)
    with pytest.raises(ValueError, match="the Sharpe ratio of a trial is nan; it must be finite"):
        replace(TRIAL, sharpe=float("nan"), days=3)
