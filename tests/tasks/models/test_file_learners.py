"""A learner in a strategy's file goes the way of every learner, fitted and called in a process of its own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from examples import ridge
from storage.database import connect
from storage.models import champions
from storage.models import registry as model_store
from storage.strategies import registrations
from strategy.market.bars import bars_until
from strategy.signals.faults import Check, StrategyRefused
from strategy.signals.strategies import Strategy
from strategy.training.promotion_gate import PRIOR
from tasks.backtest.run import Backtest, Window, backtest
from tasks.data.ingest import ingest
from tasks.models.challenger import challenge
from tasks.models.load import stored_model
from tasks.models.retrain import Champion, retrain
from tasks.models.training_plan import TrainingRefused
from tasks.operations.promote import Filter, models, promote, promote_prior
from tasks.run.answers import ModelCode
from tasks.run.job import Job
from tasks.strategies.acceptance import Acceptance, accept_change
from tasks.strategies.audit_gate import audit
from tasks.strategies.catalogue import of_file, of_name, register
from tasks.strategy_process.child_process import TimeLimits, end_children
from tasks.strategy_process.opening import open_strategy
from tasks.validation.gate import validate
from testing.runs.jobs import RECIPE, a_job, on, policy, run_day
from testing.runs.own_strategies import a_file
from testing.runs.sown_bars import SOWN, SownBars

FOUND = replace(RECIPE, validation_share=0.4, retrain_every_bars=5)
END = date(2000, 2, 29)
RIDGE = Path(ridge.__file__).read_text(encoding="utf-8")
TANH = "{symbol: np.tanh(features(bars) @ self.weights / self.size) for symbol, bars in panel.items()}"
FIT = "rows, targets = [], []"
BARS = bars_until(SOWN, END)


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    end_children()


def a_ridge_job(home: Path, strategy: Strategy, as_of: date = END) -> Job:
    return replace(a_job(home, tuple(SOWN), as_of), policy=policy(strategy, FOUND))


def in_file(folder: Path, text: str = RIDGE) -> Strategy:
    return of_file(a_file(folder, text, "ridge.py"), {})


def walked(job: Job) -> Backtest:
    window = Window(strategies=(job.policy.strategy,), start=date(1999, 12, 1))
    return backtest(job, window, lambda: SownBars(bars=SOWN), lambda text: None)


def changed(old: str, new: str) -> str:
    assert old in RIDGE
    return RIDGE.replace(old, new)


def test_a_backtest_walks_a_file_forward_to_the_bits_of_a_learner_in_this_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    here, there = walked(a_ridge_job(home, ridge.strategy)), walked(a_ridge_job(home, in_file(tmp_path)))
    assert [fold.promoted for fold in there.folds] == [True, True]
    for mine, other in zip(there.folds, here.folds, strict=True):
        assert mine.model_id is not None
        assert other.model_id is not None
        arrays, metadata = model_store.read(home, mine.model_id)
        assert {name: values.tobytes() for name, values in arrays.items()} == {
            name: values.tobytes() for name, values in model_store.read(home, other.model_id)[0].items()
        }
        assert "penalty" in str(metadata["config"])
    decided = {(each.symbol, each.as_of): each.signal for each in there.net.replay.decisions}
    assert decided == {(each.symbol, each.as_of): each.signal for each in here.net.replay.decisions}
    assert set(decided.values()) != {1.0}
    again = walked(a_ridge_job(home, in_file(tmp_path)))
    assert (again.folds, again.net.replay) == (there.folds, there.net.replay)


def run(job: Job) -> Champion:
    """Every step of the day, the audit before the strategy's first trade among them."""
    published(job)
    audit(job)
    return run_day(job, lambda: SownBars(bars=SOWN))[1]


def published(job: Job) -> Job:
    ingest(job, lambda: SownBars(bars=SOWN))
    validate(job)
    return job


def test_daily_runs_retrain_promote_and_roll_back_the_learner_of_a_file(tmp_path: Path) -> None:
    home, strategy = tmp_path / "home", in_file(tmp_path)
    job = a_ridge_job(home, strategy)
    register(home, strategy, job.now)
    first = run(job)
    assert first.code is ModelCode.IN_USE
    assert first.model_id is not None
    named = replace(job, policy=policy(of_name(home, "ridge", {}), FOUND))
    assert run(on(named, date(2000, 3, 1))).model_id == first.model_id
    for day in (2, 3, 6):
        run(on(named, date(2000, 3, day)))
    refreshed = run(on(named, date(2000, 3, 7)))
    assert refreshed.model_id not in (None, first.model_id)
    with connect(home) as store:
        records = model_store.records(store)
    assert {(record.strategy, record.strategy_sha256) for record in records} == {("ridge", strategy.version)}
    back = promote(home, first.model_id, "calmer", on(named, date(2000, 3, 7)).now)
    assert (back.changed, back.as_of, back.strategy_sha256) == (True, date(2000, 3, 8), strategy.version)
    assert run(on(named, date(2000, 3, 8))).model_id == first.model_id
    prior = promote_prior(home, named.panel, "calmer still", on(named, date(2000, 3, 8)).now)
    assert (prior.changed, prior.replaced) == (True, first.model_id)
    assert retrain(on(named, date(2000, 3, 9))).code is ModelCode.NONE_PROMOTED


def test_the_champion_of_an_old_version_does_not_decide_for_an_accepted_one(tmp_path: Path) -> None:
    home, strategy = tmp_path / "home", in_file(tmp_path)
    job = a_ridge_job(home, strategy)
    register(home, strategy, job.now)
    first = run(job).model_id
    a_file(tmp_path, changed("penalty: float = 1.0", "penalty: float = 2.0"), "ridge.py")
    accept_change(
        home,
        Acceptance(name="ridge", account=job.account, reason="stiffer", parameters={}, at=job.now),
        lambda text: None,
    )
    stiff = of_name(home, "ridge", {}, job.account)
    assert stiff.version != strategy.version
    later = on(replace(job, policy=policy(stiff, FOUND)), date(2000, 3, 1))
    with connect(home) as store:
        assert champions.champion(store, later.panel, trained_until=later.as_of) is None
    second = run(later)
    assert second.model_id not in (None, first)
    assert second.reason == "trained and promoted today"
    with connect(home) as store:
        for panel, model_id in ((job.panel, first), (later.panel, second.model_id)):
            found = champions.champion(store, panel, trained_until=date.max)
            assert found is not None
            assert found.model_id == model_id
    assert first is not None
    idle = promote(home, first, "the old one was better", later.now)
    assert (idle.changed, idle.warnings) == (
        False,
        (
            f"{_IDLE} {strategy.version[:12]} of ridge alone, and not for "
            f"accounts that are bound to another one: daily ({stiff.version[:12]})",
        ),
    )
    states = {each.model_id: each.state for each in models(home, Filter(), job.panel).models if each.model_id != PRIOR}
    assert states == {first: "champion", second.model_id: "champion"}


_IDLE = "this decides for version"


@pytest.mark.parametrize(
    ("text", "check", "words"),
    [
        (
            changed(TANH, "{s: np.append(np.sign(np.diff(b.close)), 0.0) for s, b in panel.items()}"),
            Check.LOOKS_AHEAD,
            "its signal of that day is",
        ),
        (
            changed(TANH, "{s: np.full(len(b), np.tanh(b.close[-1] / b.close[0] - 1)) for s, b in panel.items()}"),
            Check.LOOKS_AHEAD,
            "a row may use rows up to its own only",
        ),
        (
            changed("LAGS = 5", "LAGS = 5\nCALLS = []").replace(
                TANH, "CALLS.append(0) or {s: np.full(len(b), np.tanh(len(CALLS) / 1e4)) for s, b in panel.items()}"
            ),
            Check.UNSTABLE,
            "when it is computed again in another order",
        ),
        (
            changed(TANH, "{s: np.full(len(b), np.random.uniform()) for s, b in panel.items()}"),
            Check.UNSTABLE,
            "draws random numbers without a seed",
        ),
        (
            changed(TANH, "{s: np.full(len(b), float(open('/etc/passwd').read(1) == 'r')) for s, b in panel.items()}"),
            Check.OUTSIDE_WORLD,
            "line 31: opens /etc/passwd",
        ),
    ],
)
def test_a_learner_whose_signals_are_not_those_of_the_bars_is_refused_before_its_first_trade(
    tmp_path: Path, text: str, check: Check, words: str
) -> None:
    strategy = in_file(tmp_path, text)
    job = a_ridge_job(tmp_path / "home", strategy)
    with pytest.raises(StrategyRefused, match=f"strategy ridge is refused \\({check}\\)") as refused:
        run(job)
    assert refused.value.fault.check is check
    assert words in str(refused.value)
    with connect(job.home) as store:
        assert model_store.records(store) == ()
        assert registrations.binding(store, job.account, "ridge") is not None, "its prior has passed"
    with pytest.raises(StrategyRefused, match=f"refused \\({check}\\)"):
        walked(job)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(FIT, "import time; rows, targets = [time.time()], []"), "line 52: reads the clock with time.time"),
        (changed(FIT, "open('/tmp/x', 'w'); rows, targets = [], []"), "line 52: writes /tmp/x"),
        (changed(FIT, "raise ZeroDivisionError('no')"), "line 52: fit raises ZeroDivisionError: no"),
        (changed(FIT, "past['S00'].close[0] = 1.0"), "line 52: fit writes to its input; copy an array"),
        (changed('{"weights": self.weights, "size"', '{"weights": np.array(["a"]), "size"'), "holds weights, which is"),
        (changed('{"weights": self.weights, "size": self.size}', "{}"), "the model of ridge holds no array"),
        (changed('{"weights": self.weights, "size": self.size}', "None"), "to_arrays returns a NoneType"),
        (
            changed("return RidgeModel(weights=weights,", "return 3\n        return RidgeModel(weights=weights,"),
            "fit returns a int; a model has signals and to_arrays",
        ),
        (changed('weights=arrays["weights"]', 'weights=arrays["weigths"]'), "from_arrays raises KeyError: 'weigths'"),
        (changed(FIT, "import os; os._exit(3)"), "its process ended with exit code 3"),
    ],
)
def test_a_learner_that_fails_is_not_trained(tmp_path: Path, text: str, words: str) -> None:
    job = published(a_ridge_job(tmp_path / "home", in_file(tmp_path, text)))
    with pytest.raises(TrainingRefused, match=words):
        challenge(job, None, job.as_of)


def test_a_fit_without_an_end_is_stopped_and_no_fold_remembers_it(tmp_path: Path) -> None:
    text = changed(FIT, "rows, targets = [], []\n        while seed: pass")
    strategy = open_strategy(text.encode(), "ridge.py", limits=TimeLimits(fit_s=1.0))
    job = a_ridge_job(tmp_path / "home", strategy)
    with pytest.raises(TrainingRefused, match=r"ridge.py: fit took longer than 1 s and was stopped; make it faster"):
        walked(job)
    with connect(job.home) as store:
        assert store.execute("SELECT count(*) FROM folds").fetchone() == (0,)


def test_nothing_but_arrays_passes_from_one_fit_to_the_next(tmp_path: Path) -> None:
    """A learner that fits once and keeps the result in its module fits each fold all the same."""
    kept = changed("LAGS = 5", "LAGS = 5\nKEPT = []").replace(FIT, f"if KEPT: return KEPT[0]\n        {FIT}")
    kept = kept.replace("return RidgeModel(weights=weights,", "KEPT.append(RidgeModel(weights=weights,", 1)
    kept = kept.replace(
        "size=np.array(np.std(x @ weights)))", "size=np.array(np.std(x @ weights))))\n        return KEPT[0]"
    )
    strategy = in_file(tmp_path, kept)
    assert strategy.learner is not None
    early, late = (
        strategy.learner.fit(bars_until(SOWN, day), 7).to_arrays()["weights"].tolist()
        for day in (date(1998, 6, 1), END)
    )
    assert early != late


def test_a_signal_of_a_model_that_breaks_a_rule_on_a_day_is_left_to_the_prior(tmp_path: Path) -> None:
    odd = TANH.replace("self.size)", "self.size) / (str(bars.open_time[-1])[:10] != '2000-02-29' or symbol != 'S01')")
    strategy = in_file(tmp_path, changed(TANH, odd))
    job = a_ridge_job(tmp_path / "home", strategy, date(2000, 2, 28))
    champion = run(job)
    assert champion.code is ModelCode.IN_USE
    assert champion.model_id is not None
    model = stored_model(job.home, strategy, champion.model_id)
    signals = model.forecast(BARS, np.datetime64(END, "us"))
    assert (signals["S01"][-1], abs(signals["S00"][-1]) < 1.0) == (1.0, True)
    (fault,) = model.refusals(BARS, np.datetime64(END, "us"))
    assert (fault.symbol, fault.day) == ("S01", END)
    spoiled = run(on(job, END))
    assert (spoiled.model_id, spoiled.code) == (champion.model_id, ModelCode.REFUSED)
    assert spoiled.warning.startswith("the prior trades S01: the model of ridge is refused")
