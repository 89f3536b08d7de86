from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from storage.database import connect
from storage.models import folds
from storage.models.folds import SignalKey, StoredFold
from strategy.training.promotion_gate import PRIOR, Figures, Verdict

FIGURES = Figures(trials=1, days=652, margin=None, sharpe=0.7, rival_sharpe=0.5, p=0.01, p_deflated=0.01)
FOLD = StoredFold(
    key="ab" * 32,
    fitted_to=date(2019, 12, 23),
    model_id="cd" * 32,
    verdict=Verdict(promoted=True, rival=PRIOR, figures=FIGURES, reason="better"),
    created_at=datetime(2021, 1, 1, tzinfo=UTC),
)
SIGNALS: dict[SignalKey, float] = {
    ("A", date(2020, 1, 2), "history of one day"): 0.1 + 0.2,
    ("A", date(2020, 1, 3), "history of two days"): -1.0,
    ("B", date(2020, 1, 3), "history of two days"): 1.0 / 3.0,
}


def test_a_fold_and_its_signals_read_back_to_the_last_bit(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        folds.record(store, FOLD, SIGNALS)
    with connect(tmp_path) as store:
        assert folds.find(store, FOLD.key) == FOLD
        assert folds.signals(store, FOLD.key) == SIGNALS
        assert folds.find(store, "another key") is None
        assert folds.signals(store, "another key") == {}


def test_what_was_kept_first_stands_and_more_signals_come_to_it(tmp_path: Path) -> None:
    first, second, third = SIGNALS
    later = replace(FOLD, created_at=datetime(2022, 1, 1, tzinfo=UTC), verdict=replace(FOLD.verdict, reason="again"))
    with connect(tmp_path) as store:
        folds.record(store, FOLD, {first: 0.5})
        folds.record(store, later, {first: 0.6, second: 0.7})
        assert folds.find(store, FOLD.key) == FOLD
        assert folds.signals(store, FOLD.key) == {first: 0.5, second: 0.7}
        revised = (third[0], third[1], "history with a revised bar")
        folds.record(store, FOLD, {third: 0.1, revised: 0.2})
        assert folds.signals(store, FOLD.key) == {first: 0.5, second: 0.7, third: 0.1, revised: 0.2}


def test_a_fold_without_a_model_reads_back(tmp_path: Path) -> None:
    nothing = Verdict(
        promoted=False, rival=PRIOR, figures=Figures(trials=1, days=0, margin=None), reason="too little history"
    )
    fold = replace(FOLD, model_id=None, verdict=nothing)
    with connect(tmp_path) as store:
        folds.record(store, fold, {})
        assert folds.find(store, FOLD.key) == fold


def test_a_fold_whose_signals_cannot_be_kept_is_not_kept_either(tmp_path: Path) -> None:
    broken = {**SIGNALS, ("C", date(2020, 1, 3), "history"): None}
    with connect(tmp_path) as store:
        with pytest.raises(duckdb.ConstraintException, match="NOT NULL constraint failed"):
            folds.record(store, FOLD, broken)  # type: ignore[arg-type]
        assert folds.find(store, FOLD.key) is None
        assert folds.signals(store, FOLD.key) == {}
