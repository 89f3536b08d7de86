"""The list of trials: what was tried, in which settings trials differ, and what luck alone would show."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage.bars import instruments
from storage.database import connect
from storage.models import trials as trial_store
from storage.models.trials import Trial
from strategy.exit_codes import UsageError
from strategy.market.instruments import Calendar, Instrument
from tasks.models.trial_list import TrialFilter, trials

ALL = TrialFilter(symbols=None, account=None, last=20)
FIRST = Trial(
    symbols=("SPY",),
    start=date(2015, 1, 2),
    end=date(2018, 12, 31),
    config='{"strategy": "rules", "neutral_zone": 0.0, "fee_bps": 1.0}',
    recorded_at=datetime(2021, 1, 1, tzinfo=UTC),
    sharpe=0.04,
    days=1000,
)


def later(trial: Trial, **changes: object) -> Trial:
    """The trial with other settings, a day later."""
    settings = {**json.loads(trial.config), **changes}
    return replace(trial, config=json.dumps(settings), recorded_at=trial.recorded_at + timedelta(days=1))


@pytest.fixture
def several(home: Path) -> Path:
    """Two trials on SPY that differ in their neutral zone, and one on SPY and TLT, the newest."""
    second = replace(later(FIRST, neutral_zone=0.03), sharpe=0.06)
    third = replace(later(second), symbols=("TLT", "SPY"), sharpe=None, days=None)
    with connect(home) as store:
        trial_store.record_all(store, [FIRST, second, third])
        share = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1), tick=Decimal("0.01"), shortable=True)
        instruments.save(store, "yahoo", [share])
    return home


def test_trials_are_listed_newest_first_with_what_they_differ_in(several: Path) -> None:
    answer = trials(several, ALL)
    assert [one.symbols for one in answer.trials] == [("SPY", "TLT"), ("SPY",), ("SPY",)]
    pair, second, first = answer.trials
    assert (first.varied, second.varied, pair.varied) == ({"neutral_zone": 0.0}, {"neutral_zone": 0.03}, {})
    assert (first.strategy, first.settings["fee_bps"]) == ("rules", 1.0)
    assert first.sharpe == pytest.approx(0.04 * 252**0.5)
    assert (pair.sharpe, pair.luckiest_sharpe, pair.deflated_if_normal, pair.tried) == (None, None, None, 1)
    assert answer.warnings == (
        "the calendar of SPY,TLT is not known any more, so that its Sharpe ratios cannot be annualised; a backtest on "
        "these symbols brings it back",
    )


def test_the_luckiest_of_two_is_what_the_formula_says(several: Path) -> None:
    _, second, first = trials(several, ALL).trials
    # Variance of 0.04 and 0.06, and the rank of the best of two: Bailey and López de Prado's formula by hand.
    luckiest = 0.0002**0.5 * ((1 - 0.5772156649) * 0.0 + 0.5772156649 * 0.9004526)
    assert (first.tried, second.tried) == (2, 2)
    assert first.luckiest_sharpe == second.luckiest_sharpe == pytest.approx(luckiest * 252**0.5, rel=1e-4)
    assert first.deflated_if_normal is not None
    assert second.deflated_if_normal is not None
    assert 0.5 < first.deflated_if_normal < second.deflated_if_normal < 1.0


def test_the_newest_trials_of_some_symbols_are_listed_and_all_are_counted(several: Path) -> None:
    answer = trials(several, replace(ALL, symbols=("SPY",), last=1))
    assert ([one.settings["neutral_zone"] for one in answer.trials], answer.count) == ([0.03], 2)
    assert trials(several, replace(ALL, symbols=("TLT", "SPY"))).count == 1
    assert trials(several, replace(ALL, symbols=("QQQ",))).trials == ()


def test_an_account_without_a_day_has_no_symbols_to_list_trials_of(several: Path) -> None:
    with pytest.raises(UsageError, match="account daily has decided nothing yet; name symbols with --symbols"):
        trials(several, replace(ALL, account="daily"))
