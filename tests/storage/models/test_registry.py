import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from storage.database import connect
from storage.keyed_rows import LedgerConflict
from storage.models import promotions
from storage.models import registry as models
from storage.models.promotions import Promoter, StoredVerdict
from storage.models.registry import ModelDamaged, ModelRecord, ModelState
from strategy.exit_codes import UsageError
from strategy.training.promotion_gate import PRIOR, Figures, Verdict
from testing.runs.model_records import AT, NEWER, RECORD, panel, promotion_of

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.array([1.5])}
METADATA = {"context_bars": 252, "scales": [0.1, 1 / 3], "name": "turbo"}


def refusal_of(record: ModelRecord) -> StoredVerdict:
    figures = Figures(trials=3, days=400, margin=None)
    verdict = Verdict(promoted=False, rival=PRIOR, figures=figures, reason="no better than the prior")
    return StoredVerdict(model_id=record.model_id, as_of=record.trained_to, verdict=verdict, created_at=AT)


def test_a_model_is_named_by_the_hash_of_its_file_and_comes_back(home: Path) -> None:
    model_id = models.save(home, ARRAYS, METADATA)
    path = home / "models" / f"{model_id}.safetensors"
    arrays, metadata = models.read(home, model_id)
    assert sha256(path.read_bytes()).hexdigest() == model_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert metadata == METADATA
    assert {name: values.tolist() for name, values in arrays.items()} == {n: v.tolist() for n, v in ARRAYS.items()}
    assert arrays["b"].dtype == np.float32


def test_the_same_model_has_the_same_name_in_every_process(home: Path) -> None:
    reordered = models.save(home, dict(reversed(ARRAYS.items())), dict(reversed(METADATA.items())))
    assert models.save(home, ARRAYS, METADATA) == reordered
    code = "import sys; from pathlib import Path; from tests.storage.models import test_registry as t; "
    code += "print(t.models.save(Path(sys.argv[1]), t.ARRAYS, t.METADATA))"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    other = subprocess.run(
        [sys.executable, "-c", code, str(home)],
        cwd=Path(__file__).parents[3],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == reordered
    assert len(list((home / "models").iterdir())) == 1


def test_a_damaged_or_missing_model_is_named(home: Path) -> None:
    model_id = models.save(home, ARRAYS, METADATA)
    path = home / "models" / f"{model_id}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelDamaged, match="is damaged: its sha256 is"):
        models.read(home, model_id)
    path.unlink()
    with pytest.raises(ModelDamaged, match="is missing"):
        models.read(home, model_id)


def test_a_file_of_another_program_is_refused(home: Path) -> None:
    data = b"weights"
    folder = home / "models"
    folder.mkdir(parents=True)
    (folder / f"{sha256(data).hexdigest()}.safetensors").write_bytes(data)
    with pytest.raises(ModelDamaged, match="was not written by this program"):
        models.read(home, sha256(data).hexdigest())


def test_a_model_that_is_not_finite_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="array w holds a number that is not finite"):
        models.save(home, {"w": np.array([np.nan])}, {})
    assert not (home / "models").exists()


def test_what_a_killed_run_left_is_swept(home: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = home / "models"
    folder.mkdir(parents=True)
    leftover, foreign = folder / f".abc.safetensors.{dead.pid}.tmp", folder / f".abc.safetensors.{os.getppid()}.tmp"
    leftover.write_bytes(b"half")
    foreign.write_bytes(b"busy")
    models.save(home, ARRAYS, METADATA)
    assert not leftover.exists()
    assert foreign.exists()


def test_records_come_back_and_registering_again_is_no_news(home: Path) -> None:
    with connect(home) as store:
        models.register(store, NEWER)
        for _ in range(2):
            models.register(store, RECORD)
        assert models.records(store) == (RECORD, NEWER)
        with pytest.raises(LedgerConflict, match="models already holds another row for m1"):
            models.register(store, replace(RECORD, seed=8))


def test_a_promotion_retires_the_champion_of_the_same_symbols(home: Path) -> None:
    elsewhere = replace(RECORD, model_id="m3", symbols=("SPY",))
    with connect(home) as store:
        for record in (RECORD, NEWER, elsewhere):
            models.register(store, record)
            promotions.promote(store, promotion_of(record))
        states = {record.model_id: (record.state, record.reason) for record in models.records(store)}
    assert states == {
        "m1": (ModelState.RETIRED, "replaced by m2"),
        "m2": (ModelState.CHAMPION, "no worse"),
        "m3": (ModelState.CHAMPION, "no worse"),
    }


def test_a_model_that_nobody_registered_is_not_found(home: Path) -> None:
    with connect(home) as store, pytest.raises(UsageError, match="model m9 is not registered; `turbodmt models`"):
        models.registered(store, "m9")


def test_a_model_that_gave_way_to_the_prior_is_retired(home: Path) -> None:
    with connect(home) as store:
        models.register(store, RECORD)
        promotions.promote(store, promotion_of(RECORD))
        back = replace(promotion_of(RECORD), model_id=PRIOR, as_of=date(2015, 1, 1), by=Promoter.HAND)
        promotions.promote(store, back)
        states = [(record.state, record.reason) for record in models.records(store)]
    assert states == [(ModelState.RETIRED, "replaced by prior")]


def test_a_model_that_was_refused_says_why(home: Path) -> None:
    with connect(home) as store:
        models.register(store, RECORD)
        models.register(store, NEWER)
        promotions.record_verdict(store, refusal_of(RECORD))
        states = [(record.state, record.reason) for record in models.records(store)]
        promotions.promote(store, replace(promotion_of(RECORD), by=Promoter.HAND, reason="all the same"))
        after = models.records(store)[0]
    assert states == [(ModelState.REFUSED, "no better than the prior"), (ModelState.CHALLENGER, "")]
    assert (after.state, after.reason) == (ModelState.CHAMPION, "all the same")


def test_a_model_is_found_by_the_beginning_of_its_id(home: Path) -> None:
    ids = ("abcdef0123", "abcdef01ff", "0123456789")
    with connect(home) as store:
        for model_id in ids:
            models.register(store, replace(RECORD, model_id=model_id))
        assert models.find(store, "01234567").model_id == "0123456789"
        assert models.find(store, "abcdef012").model_id == "abcdef0123"
        with pytest.raises(UsageError, match="more than one registered model has an id that begins with abcdef01;"):
            models.find(store, "abcdef01")
        with pytest.raises(UsageError, match="no registered model has an id that begins with ffffffff"):
            models.find(store, "ffffffff")
        with pytest.raises(UsageError, match="model '0123456' has 7 characters; give at least 8"):
            models.find(store, "0123456")


def test_the_last_training_counts_whatever_the_gate_said_of_it(home: Path) -> None:
    elsewhere = replace(RECORD, model_id="m3", symbols=("SPY",), trained_to=date(2019, 1, 2))
    with connect(home) as store:
        for record in (RECORD, NEWER, elsewhere):
            models.register(store, record)
        promotions.promote(store, promotion_of(RECORD))
        promotions.record_verdict(store, refusal_of(NEWER))
        days = [
            models.last_trained(store, panel("sample", ("^IXIC", "^GSPC")), until=day)
            for day in (date(2010, 1, 3), date(2011, 1, 1), date(2012, 1, 3), date.max)
        ]
    assert days == [None, RECORD.trained_to, NEWER.trained_to, NEWER.trained_to]


def test_a_training_that_was_stopped_before_the_gate_does_not_count(home: Path) -> None:
    with connect(home) as store:
        models.register(store, RECORD)
        assert models.last_trained(store, panel("sample", RECORD.symbols), until=date.max) is None
