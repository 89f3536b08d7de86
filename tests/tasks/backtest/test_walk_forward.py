import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from storage.database import connect
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars
from strategy.market.instruments import Membership
from tasks.backtest.walk_forward import Walk, left_to_the_prior, walk
from tasks.models.fold_models import History
from tasks.models.load import stored_model
from tasks.models.training_plan import TrainingRefused
from tasks.parallel.processes import Processes
from tasks.run.job import Job
from testing.markets.panels import mandate
from testing.runs.compiled_passes import put_start
from testing.runs.jobs import UNTRAINABLE
from testing.runs.sown_bars import SOWN, a_sown_job

START, END = date(1999, 6, 1), date(2000, 6, 30)
FITTED_TO = date(1998, 12, 24)
OF_1999 = "Training the fold of 1999 on bars up to 1998-12-24, 1 of 2."
OF_2000 = "Training the fold of 2000 on bars up to 1999-12-24, 2 of 2."


def history(
    bars: Mapping[str, Bars] = SOWN, start: date = START, end: date = END, costs: Costs | None = None
) -> History:
    """Return what is known on the last day."""
    cut = {symbol: series.until(np.datetime64(end, "us")) for symbol, series in bars.items()}
    return History(bars=cut, config=mandate(bars, costs), start=start, end=end)


def walked(job: Job, asked: History) -> tuple[Walk, list[str]]:
    """The walk, and what was trained for it."""
    told: list[str] = []
    return walk(job, asked, told.append), told


def altered(bars: Mapping[str, Bars], since: str, until: str = "2100-01-01") -> dict[str, Bars]:
    """The same market with all prices of one symbol doubled in these days."""
    one = bars["S01"]
    hit = (one.open_time >= np.datetime64(since)) & (one.open_time < np.datetime64(until))
    names = ("open", "high", "low", "close")
    return {**bars, "S01": replace(one, **{name: np.where(hit, 2 * one[name], one[name]) for name in names})}


def with_recipe(job: Job, **changed: int) -> Job:
    return replace(job, policy=replace(job.policy, recipe=replace(job.policy.recipe, **changed)))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Walk]:
    """A finished walk over the window, which trained both folds."""
    job = a_sown_job(tmp_path_factory.mktemp("walked"), END)
    found, told = walked(job, history())
    assert told == [OF_1999, OF_2000]
    return job, found


@pytest.fixture
def again(first: tuple[Job, Walk], tmp_path: Path) -> tuple[Job, Walk]:
    """The same in a home of its own."""
    job, found = first
    shutil.copytree(job.home, tmp_path / "home")
    return replace(job, home=tmp_path / "home"), found


def model_files(job: Job) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (job.home / "models").iterdir()}


def test_processes_train_the_same_folds(
    first: tuple[Job, Walk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, found = first
    monkeypatch.setenv("PYTHONPATH", put_start(tmp_path / "start"))
    job = a_sown_job(tmp_path / "home", END)
    told: list[str] = []
    assert walk(job, history(), told.append, Processes(workers=2)) == found
    assert told == [OF_1999, OF_2000]
    assert model_files(job).keys() == model_files(done).keys()


def test_a_fold_is_a_year_and_knows_what_its_model_saw(first: tuple[Job, Walk]) -> None:
    _, found = first
    assert [(fold.start, fold.end, fold.fitted_to) for fold in found.folds] == [
        (START, date(1999, 12, 31), FITTED_TO),
        (date(2000, 1, 3), END, date(1999, 12, 24)),
    ]
    assert found.folds[0].json_values() == {
        "start": "1999-06-01",
        "end": "1999-12-31",
        "fitted_to": "1998-12-24",
        "model_id": found.folds[0].model_id,
        "promoted": True,
        "reason": found.folds[0].reason,
    }
    assert left_to_the_prior(TURBO, found.folds) == ()


def test_a_planted_signal_is_promoted_and_trades_by_the_very_signals_of_its_models(first: tuple[Job, Walk]) -> None:
    job, found = first
    assert [fold.promoted for fold in found.folds] == [True, True]
    for fold in found.folds:
        assert fold.model_id is not None
        foretold = stored_model(job.home, TURBO, fold.model_id).forecast(SOWN)
        for symbol, bars in SOWN.items():
            days = bars.open_time.astype("M8[D]").tolist()
            expected = {
                day: signal for day, signal in zip(days, foretold[symbol], strict=True) if fold.start <= day <= fold.end
            }
            assert {day: found.signals[symbol][day] for day in expected} == expected
            assert len(expected) > 100
    assert {(min(signal), max(signal)) for signal in found.signals.values()} == {(START, END)}


def test_a_repeat_reads_everything_from_the_store(again: tuple[Job, Walk], monkeypatch: pytest.MonkeyPatch) -> None:
    job, found = again
    files = model_files(job)
    for module in ("strategy.training.network_trainer", "strategy.networks.ensemble"):
        monkeypatch.setitem(sys.modules, module, None)
    assert walked(job, history()) == (found, [])
    with connect(job.home) as store:
        store.execute("UPDATE fold_signals SET signal = 0.125 WHERE symbol = 'S00' AND day = '2000-03-01'")
        store.execute("UPDATE folds SET reason = 'as the store says'")
    poisoned, _ = walked(job, history())
    assert poisoned.signals["S00"][date(2000, 3, 1)] == 0.125
    assert {fold.reason for fold in poisoned.folds} == {"as the store says"}
    assert model_files(job) == files


def test_no_model_of_a_fold_is_registered(first: tuple[Job, Walk]) -> None:
    with connect(first[0].home) as store:
        for table in ("models", "verdicts", "promotions", "trials"):
            assert store.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_bars_after_the_fit_change_no_model_and_no_signal_before_them(first: tuple[Job, Walk], tmp_path: Path) -> None:
    _, found = first
    other, told = walked(a_sown_job(tmp_path, END), history(altered(SOWN, "1999-09-01")))
    assert told == [OF_1999, OF_2000]
    assert other.folds[0] == found.folds[0]
    assert other.folds[1].reason != found.folds[1].reason
    for symbol, signals in found.signals.items():
        early = {day: signal for day, signal in signals.items() if day < date(1999, 9, 1)}
        assert {day: other.signals[symbol][day] for day in early} == early
        assert other.signals[symbol][date(1999, 9, 1)] != signals[date(1999, 9, 1)]


def test_a_revised_bar_of_the_window_is_foretold_anew_by_the_model_there_was(again: tuple[Job, Walk]) -> None:
    job, found = again
    revised, told = walked(job, history(altered(SOWN, "2000-03-01", "2000-03-02")))
    assert told == []
    assert revised.folds == found.folds
    moved = {day for day, signal in found.signals["S01"].items() if revised.signals["S01"][day] != signal}
    assert min(moved) == date(2000, 3, 1)
    assert walked(job, history()) == (found, [])


def test_a_bar_of_the_past_fits_the_folds_anew_that_saw_it(again: tuple[Job, Walk]) -> None:
    job, _ = again
    assert walked(job, history(altered(SOWN, "1999-06-10", "1999-06-11")))[1] == [OF_2000]
    assert walked(job, history(altered(SOWN, "1998-06-10", "1998-06-11")))[1] == [OF_1999, OF_2000]


def test_what_training_sees_fits_anew_and_what_it_does_not_see_does_not(again: tuple[Job, Walk]) -> None:
    job, found = again
    late = with_recipe(job, retrain_every_bars=3, warm_steps=1, cold_start_every_bars=9, model_max_age_bars=4)
    assert walked(replace(late, account="other", run_id="other"), history()) == (found, [])
    assert walked(with_recipe(job, seed=8), history())[1] == [OF_1999, OF_2000]
    assert walked(replace(job, code_version="other"), history())[1] == [OF_1999, OF_2000]
    assert walked(job, history(costs=Costs(fee_bps=Decimal(3))))[1] == [OF_1999, OF_2000]


def test_who_left_the_universe_since_then_fits_nothing_anew(again: tuple[Job, Walk]) -> None:
    job, _ = again

    def kept_until(last: date | None) -> History:
        plain = history()
        members = (Membership(first=date(1990, 1, 1), last=last),)
        listed = {
            symbol: replace(instrument, memberships=members)
            for symbol, instrument in plain.config.terms.instruments.items()
        }
        terms = replace(plain.config.terms, instruments=listed)
        return replace(plain, config=replace(plain.config, terms=terms))

    assert walked(job, kept_until(None))[1] == [OF_1999, OF_2000]
    assert walked(job, kept_until(date(2000, 2, 1)))[1] == []
    assert walked(job, kept_until(date(1999, 2, 1)))[1] == [OF_2000]


def test_another_window_fits_only_the_years_that_are_new(again: tuple[Job, Walk], tmp_path: Path) -> None:
    job, found = again
    shorter, told = walked(job, history(start=date(1999, 8, 2), end=date(2000, 3, 31)))
    assert told == []
    assert shorter.signals["S00"] == {
        day: signal for day, signal in found.signals["S00"].items() if date(1999, 8, 2) <= day <= date(2000, 3, 31)
    }
    longer = history(start=date(1998, 12, 1), end=date(2000, 9, 29))
    wide, told = walked(job, longer)
    assert told == ["Training the fold of 1998 on bars up to 1997-12-24, 1 of 3."]
    assert walked(replace(job, home=tmp_path / "fresh"), longer)[0] == wide


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, first: tuple[Job, Walk]) -> None:
    job = a_sown_job(tmp_path, END)

    def killed(sentence: str) -> None:
        if sentence == OF_2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        walk(job, history(), killed)
    assert walked(job, history()) == (first[1], [OF_2000])


def test_two_runs_at_once_agree(tmp_path: Path, first: tuple[Job, Walk]) -> None:
    job = a_sown_job(tmp_path, END)
    other: list[Walk] = []

    def overtaken(sentence: str) -> None:
        if sentence == OF_1999:
            other.append(walk(job, history(), lambda _: None))

    assert walk(job, history(), overtaken) == other[0] == first[1]


def test_a_model_whose_file_is_lost_is_trained_again_when_it_is_needed(again: tuple[Job, Walk]) -> None:
    job, found = again
    names = set(model_files(job))
    shutil.rmtree(job.home / "models")
    assert walked(job, history()) == (found, [])
    later, told = walked(job, history(end=date(2000, 9, 29)))
    assert told == []
    assert later.folds[1].model_id == found.folds[1].model_id
    assert set(model_files(job)) < names
    assert later.signals["S00"].items() > found.signals["S00"].items()


def test_the_prior_trades_where_there_is_too_little_to_train_on(tmp_path: Path) -> None:
    job = a_sown_job(tmp_path, END)
    job = replace(job, policy=replace(job.policy, recipe=UNTRAINABLE))
    found, told = walked(job, history())
    assert told == [OF_1999, OF_2000]
    assert set(map(len, found.signals.values())) == {0}
    assert [(fold.promoted, fold.model_id) for fold in found.folds] == [(False, None)] * 2
    assert all(fold.reason.startswith("not enough history to train: ") for fold in found.folds)
    assert left_to_the_prior(TURBO, found.folds) == (
        "the prior traded 2 of 2 folds of turbo (1999, 2000): none could be trained in 2; "
        "--json gives the reason of each",
    )
    assert walked(job, history()) == (found, [])


def test_years_before_and_at_the_first_bars_are_the_priors(tmp_path: Path) -> None:
    found, _ = walked(a_sown_job(tmp_path, END), history(start=date(1995, 1, 2), end=date(1996, 1, 31)))
    assert [(fold.fitted_to, fold.reason.split(" bars")[0]) for fold in found.folds] == [
        (date(1995, 1, 1), "there is no bar to train on"),
        (date(1995, 12, 22), "not enough history to train: 255"),
    ]


def test_a_recipe_that_no_network_can_have_is_refused(tmp_path: Path) -> None:
    job = with_recipe(a_sown_job(tmp_path, END), heads=3)
    with pytest.raises(TrainingRefused, match="3 heads do not divide 8 dimensions; choose a divisor"):
        walk(job, history())


def test_a_device_that_is_missing_is_refused_and_not_taken_for_a_short_history(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    job = a_sown_job(tmp_path, END)
    job = replace(job, policy=replace(job.policy, recipe=replace(job.policy.recipe, device="cuda")))
    with pytest.raises(TrainingRefused, match="device is cuda, but torch finds none on this machine"):
        walk(job, history())
    assert walked(a_sown_job(tmp_path, END), history())[1] == [OF_1999, OF_2000]
