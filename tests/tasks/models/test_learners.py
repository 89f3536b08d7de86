"""A learner that is no network goes the same way: walk-forward, gate, registry, retraining, promotion and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from examples import ridge
from examples.ridge import Ridge, RidgeModel, always_long
from storage.database import connect
from storage.models import champions, promotions
from storage.models import registry as model_store
from storage.models.promotions import Promoter, Promotion
from strategy.audit.learners import fold_audit
from strategy.builtin.registry import HOLD, TURBO
from strategy.market.bars import Bars, FloatArray
from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Model, Strategy
from strategy.training.promotion_gate import PRIOR
from strategy.training.walk_forward import yearly
from tasks.backtest.run import Backtest, Window, backtest
from tasks.models.challenger import challenge
from tasks.models.load import stored_model
from tasks.models.retrain import retrain
from tasks.models.training_plan import TrainingRefused
from tasks.run.answers import ModelCode
from tasks.run.job import Job
from testing.runs.jobs import RECIPE, a_job, on, policy, promote, run_day
from testing.runs.sown_bars import SOWN, SownBars

RIDGE: Strategy = ridge.strategy
FOUND = replace(RECIPE, validation_share=0.4, retrain_every_bars=5)
END = date(2000, 2, 29)


def a_ridge_job(home: Path, as_of: date = END, strategy: Strategy = RIDGE) -> Job:
    return replace(a_job(home, tuple(SOWN), as_of), policy=policy(strategy, FOUND))


def walked(job: Job, *strategies: Strategy) -> Backtest:
    window = Window(strategies=strategies, start=date(1999, 12, 1))
    return backtest(job, window, lambda: SownBars(bars=SOWN), lambda text: None)


@dataclass(frozen=True, kw_only=True)
class Spoilt:
    """A learner whose models go wrong on a symbol from a day on."""

    how: str
    since: str = "1900-01-01"
    history_bars: int = 6
    prior: Strategy = field(default_factory=lambda: Ridge().prior)

    def fit(self, past: Mapping[str, Bars], seed: int) -> Model:
        if self.how == "cannot fit":
            raise ZeroDivisionError("no bars of mine")
        model = Ridge().fit(past, seed)
        return self.from_arrays({**model.to_arrays(), **({"odd": np.array(["a"])} if self.how == "words" else {})})

    def from_arrays(self, arrays: Mapping[str, FloatArray]) -> Model:
        return SpoiltModel(arrays=arrays, learner=self)


@dataclass(frozen=True, kw_only=True)
class SpoiltModel:
    arrays: Mapping[str, FloatArray]
    learner: Spoilt

    def to_arrays(self) -> Mapping[str, FloatArray]:
        return self.arrays

    def signals(self, panel: Mapping[str, Bars]) -> dict[str, FloatArray]:
        found = RidgeModel(weights=self.arrays["weights"], size=self.arrays["size"]).signals(panel)
        newest = max(bars.open_time[-1] for bars in panel.values())
        if newest < np.datetime64(self.learner.since) or "S01" not in found:
            return found
        if self.learner.how == "raises":
            raise KeyError("volume of S01")
        values = {"nan": found["S01"] * np.nan, "short": found["S01"][1:], "beyond": found["S01"] * 0 + 1.7}
        return {**found, "S01": values[self.learner.how]}


def spoilt(how: str, since: str = "1900-01-01") -> Strategy:
    return replace(RIDGE, name="spoilt", learner=Spoilt(how=how, since=since))


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Backtest]:
    job = a_ridge_job(tmp_path_factory.mktemp("ridge"))
    return job, walked(job, RIDGE, HOLD)


def test_a_backtest_walks_the_ridge_forward_and_its_gate_promotes_what_beats_its_own_prior(
    tested: tuple[Job, Backtest],
) -> None:
    job, found = tested
    assert [(fold.fitted_to, fold.promoted) for fold in found.folds] == [
        (date(1998, 12, 24), True),
        (date(1999, 12, 24), True),
    ]
    assert found.net.metrics.sharpe is not None
    assert found.net.metrics.sharpe > 2.0
    again = walked(job, RIDGE, HOLD)
    assert (again.folds, again.net.replay) == (found.folds, found.net.replay)


def test_a_stored_model_is_the_trained_one_to_the_last_bit(tested: tuple[Job, Backtest]) -> None:
    job, found = tested
    fold = found.folds[1]
    assert fold.model_id is not None
    arrays, _ = model_store.read(job.home, fold.model_id)
    assert (arrays["weights"].shape, arrays["size"].shape) == ((5,), ())
    fitted = RidgeModel(weights=arrays["weights"], size=arrays["size"])
    model = stored_model(job.home, RIDGE, fold.model_id)
    decided = {(decision.symbol, decision.as_of): decision.signal for decision in found.net.replay.decisions}
    for symbol, bars in SOWN.items():
        row = int(np.searchsorted(bars.open_time, np.datetime64("2000-02-01")))
        day = bars.open_time[row].astype("M8[D]").item()
        bare = fitted.signals({symbol: bars.rows(row - 5, row + 1)})[symbol][-1]
        assert decided[symbol, day] == bare == model.forecast(SOWN)[symbol][row]


def test_another_setting_of_the_learner_is_another_fold_and_another_trial(tested: tuple[Job, Backtest]) -> None:
    job, found = tested
    stiff = replace(RIDGE, learner=Ridge(penalty=100.0))
    other = walked(replace(job, policy=replace(job.policy, strategy=stiff)), stiff)
    assert {fold.model_id for fold in other.folds} & {fold.model_id for fold in found.folds} == set()
    assert (found.trials, other.trials) == (1, 2)


def test_its_folds_are_audited_by_fitting_them_again(tested: tuple[Job, Backtest]) -> None:
    job, _ = tested
    config = job.policy.account_config(job.account, job.symbols, _instruments(job))
    audit = fold_audit(RIDGE, FOUND, config)
    dates = SOWN["S00"].open_time
    plan = yearly(dates, np.datetime64("2000-01-03"), dates[-1])
    assert audit.teachable(SOWN, plan[0])
    assert audit.check(SOWN, dates, plan).differences == ()


def _instruments(job: Job) -> dict[str, object]:
    return {each.symbol: each for each in SownBars(bars=SOWN).instruments(job.symbols)}


def test_daily_runs_retrain_promote_and_roll_back_the_ridge_beside_turbo(tmp_path: Path) -> None:
    job, source = a_ridge_job(tmp_path), SownBars(bars=SOWN)
    _, champion = run_day(job, lambda: source)
    assert champion.code is ModelCode.IN_USE
    first = champion.model_id
    assert first is not None
    _, kept = run_day(on(job, date(2000, 3, 1)), lambda: source)
    assert (kept.model_id, kept.reason) == (first, "trained 1 bars ago")
    for day in (2, 3, 6):
        run_day(on(job, date(2000, 3, day)), lambda: source)
    _, refreshed = run_day(on(job, date(2000, 3, 7)), lambda: source)
    with connect(tmp_path) as store:
        records = {record.model_id: record for record in model_store.records(store)}
        verdict = model_store.judged_on(store, job.panel, date(2000, 3, 7))
    assert verdict is not None
    assert (verdict.verdict.rival, verdict.verdict.promoted) == (first, True)
    assert refreshed.model_id == verdict.model_id != first
    assert {(record.strategy, record.strategy_sha256) for record in records.values()} == {("ridge", None)}
    promote(on(job, date(2000, 3, 8)), first)
    assert retrain(on(job, date(2000, 3, 8))).model_id == first
    turbo = replace(job, policy=policy(TURBO, replace(FOUND, context_bars=100_000)))
    with connect(tmp_path) as store:
        assert champions.champion(store, turbo.panel, trained_until=date.max) is None
    assert retrain(on(turbo, date(2000, 3, 8))).model_id is None
    back = Promotion(
        source=job.source,
        symbols=job.symbols,
        strategy="ridge",
        model_id=PRIOR,
        as_of=date(2000, 3, 8),
        by=Promoter.HAND,
        reason="calmer",
        at=job.now,
    )
    with connect(tmp_path) as store:
        promotions.promote(store, back)
    assert retrain(on(job, date(2000, 3, 8))).code is ModelCode.NONE_PROMOTED


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            "raises",
            r"the model of spoilt is refused (raises) for S00 on 1999-09-17: it raises KeyError: 'volume of S01'",
        ),
        ("nan", "(not_a_number) for S01 on 1999-09-17: it is nan after 6 bars"),
        ("short", "(length) for S01 on 1999-09-17: it returns the shape (5,); it must be (6,)"),
        ("beyond", "(out_of_range) for S01 on 1999-09-17: it is 1.7; a signal lies between -1 and 1"),
    ],
)
def test_a_model_that_breaks_a_rule_before_the_gate_is_refused(tmp_path: Path, how: str, words: str) -> None:
    job, source = a_ridge_job(tmp_path, strategy=spoilt(how)), SownBars(bars=SOWN)
    _, champion = run_day(job, lambda: source)
    assert champion.code is ModelCode.NONE_PROMOTED
    assert words.split(" on ")[0] in champion.reason
    assert words.split(": ", 1)[1] in champion.reason


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cannot fit", "the learner of spoilt raises ZeroDivisionError: no bars of mine"),
        ("words", "the model of spoilt holds odd, which is not an array of finite numbers"),
    ],
)
def test_a_learner_that_fails_leaves_the_fold_to_the_prior_and_refuses_the_training(
    tmp_path: Path, how: str, words: str
) -> None:
    job = a_ridge_job(tmp_path, strategy=spoilt(how))
    found = walked(job, job.policy.strategy)
    assert {(fold.promoted, fold.model_id) for fold in found.folds} == {(False, None)}
    assert all(fold.reason.startswith(words) for fold in found.folds)
    assert any("the prior traded 2 of 2 folds of spoilt" in warning for warning in found.warnings)
    with pytest.raises(TrainingRefused, match=words):
        challenge(job, None, job.as_of)


def test_a_champion_that_breaks_a_rule_later_leaves_those_signals_to_the_prior_with_a_warning(tmp_path: Path) -> None:
    late = spoilt("nan", since="2000-02-29")
    job, source = a_ridge_job(tmp_path, date(2000, 2, 28), late), SownBars(bars=SOWN)
    _, champion = run_day(job, lambda: source)
    assert champion.code is ModelCode.IN_USE
    _, spoiled = run_day(on(job, date(2000, 2, 29)), lambda: source)
    assert (spoiled.model_id, spoiled.code) == (champion.model_id, ModelCode.REFUSED)
    assert spoiled.warning.startswith(
        "the prior trades S01: the model of spoilt is refused (not_a_number) for S01 on 2000-02-29: it is nan"
    )
    found = walked(on(job, END), late)
    signals = {decision.symbol: decision.signal for decision in found.net.replay.decisions if decision.as_of == END}
    assert signals["S01"] == 1.0
    assert abs(signals["S00"] or 1.0) < 1.0
    assert any("1 signals by models of spoilt are refused" in warning for warning in found.warnings)


def test_a_strategy_that_learns_declares_what_its_prior_does() -> None:
    with pytest.raises(ValueError, match=r"sizing of ridge is .* of its prior; give both the same"):
        replace(RIDGE, sizing="full")
    assert RIDGE.signal is always_long


def test_the_model_of_another_strategy_is_not_read(tested: tuple[Job, Backtest]) -> None:
    job, found = tested
    assert found.folds[0].model_id is not None
    with pytest.raises(Exception, match="it is a model of strategy ridge, not of spoilt"):
        stored_model(job.home, spoilt("nan"), found.folds[0].model_id)
    read: Forecaster = stored_model(job.home, RIDGE, found.folds[0].model_id)
    assert read.history_bars == 6
