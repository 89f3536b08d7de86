import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from storage.database import connect
from storage.models import champions, promotions
from storage.models import registry as model_store
from storage.models.panels import Panel
from storage.models.promotions import Promoter, Promotion, StoredVerdict
from storage.models.registry import ModelDamaged, ModelRecord
from strategy.exit_codes import UsageError
from strategy.networks.ensemble import keep
from strategy.networks.transformer import new_network
from strategy.training.promotion_gate import PRIOR, Figures, Verdict
from tasks.operations.promote import Filter, Stated, models, promote, promote_prior
from testing.runs.networks import TINY

AT = datetime(2020, 6, 9, tzinfo=UTC)
FIRST, SECOND = date(2020, 1, 6), date(2020, 2, 3)
USUAL = Panel(source="sample", symbols=("A", "B"), strategy="turbo")
REFUSAL = Verdict(
    promoted=False, rival=PRIOR, figures=Figures(trials=3, days=400, margin=None, p=0.25), reason="no better"
)


def panel(source: str, symbols: tuple[str, ...]) -> Panel:
    return Panel(source=source, symbols=symbols, strategy="turbo")


def trained(home: Path, seed: int, trained_to: date) -> ModelRecord:
    """A registered network of the usual panel; nobody has judged it."""
    config = json.dumps({"shape": asdict(TINY)})
    model_id = model_store.save(home, keep([new_network(TINY, seed=seed)]), {"config": config})
    record = ModelRecord(
        model_id=model_id,
        source=USUAL.source,
        symbols=USUAL.symbols,
        strategy="turbo",
        trained_from=date(2010, 1, 4),
        trained_to=trained_to,
        created_at=AT,
        seed=seed,
        config=config,
        code_version="test",
        data_sha256="ab",
        validation=json.dumps({"network_sharpe": 0.5}),
    )
    with connect(home) as store:
        model_store.register(store, record)
    return record


@pytest.fixture
def pair(home: Path) -> tuple[str, str]:
    """The ids of a champion, promoted by the gate, and of a newer challenger that it refused."""
    old, new = trained(home, 1, FIRST), trained(home, 2, SECOND)
    promotion = Promotion(
        source=USUAL.source,
        symbols=USUAL.symbols,
        strategy="turbo",
        model_id=old.model_id,
        as_of=FIRST,
        by=Promoter.GATE,
        reason="better",
        at=AT,
    )
    with connect(home) as store:
        promotions.promote(store, promotion)
        promotions.record_verdict(
            store, StoredVerdict(model_id=new.model_id, as_of=SECOND, verdict=REFUSAL, created_at=AT)
        )
    return old.model_id, new.model_id


def listed(home: Path, wanted: Filter | None = None) -> list[tuple[object, object, object]]:
    answer = json.loads(models(home, wanted or Filter(), USUAL).to_json())
    return [(one["model_id"], one["state"], one["reason"]) for one in answer["models"]]


def test_the_list_begins_with_the_newest_and_ends_with_the_prior(home: Path, pair: tuple[str, str]) -> None:
    old, new = pair
    assert listed(home) == [
        (new, "refused", "no better"),
        (old, "champion", "better"),
        (PRIOR, "fallback", "trades where no model may"),
    ]
    newest = models(home, Filter(), USUAL).json_values()["models"][0]
    assert newest["verdict"]["figures"]["p"] == 0.25
    assert newest["validation"] == {"network_sharpe": 0.5}
    assert (newest["trained_to"], newest["seed"]) == ("2020-02-03", 2)


def test_an_empty_registry_holds_the_prior(home: Path) -> None:
    assert listed(home) == [(PRIOR, "champion", "no model of these symbols was promoted")]


def test_the_list_is_narrowed_by_source_and_symbols(home: Path, pair: tuple[str, str]) -> None:
    assert len(listed(home, Filter(source="sample", symbols=("B", "A")))) == 3
    for wanted in (Filter(source="binance"), Filter(symbols=("A",))):
        assert [one[:2] for one in listed(home, wanted)] == [(PRIOR, "champion")]


def test_a_hand_promotes_a_refused_model_and_puts_the_old_one_back(home: Path, pair: tuple[str, str]) -> None:
    old, new = pair
    answer = promote(home, new[:8], " I know better ", AT).json_values()
    assert answer == {
        "model_id": new,
        "source": "sample",
        "symbols": ["A", "B"],
        "strategy": "turbo",
        "strategy_sha256": None,
        "as_of": "2020-02-03",
        "reason": "I know better",
        "replaced": old,
        "changed": True,
        "warnings": [],
    }
    assert listed(home)[0] == (new, "champion", "I know better")
    again = promote(home, new, "again", AT).json_values()
    assert (again["changed"], again["reason"]) == (False, "I know better")
    back = promote(home, old, "I did not", AT).json_values()
    assert (back["replaced"], back["as_of"]) == (new, "2020-02-03")
    with connect(home) as store:
        found = [
            champions.champion(store, panel("sample", ("A", "B")), trained_until=day)
            for day in (FIRST, SECOND - timedelta(days=1), SECOND)
        ]
    assert [record and record.model_id for record in found] == [old] * 3


def test_the_prior_is_put_back_by_hand(home: Path, pair: tuple[str, str]) -> None:
    answer = promote_prior(home, USUAL, "a storm", AT).json_values()
    assert (answer["model_id"], answer["replaced"], answer["changed"]) == (PRIOR, pair[0], True)
    assert listed(home)[1:] == [(pair[0], "retired", "replaced by prior"), (PRIOR, "champion", "a storm")]
    assert promote_prior(home, USUAL, "again", AT).changed is False


def test_the_prior_of_symbols_without_a_model_rules_already(home: Path) -> None:
    answer = promote_prior(home, USUAL, "why not", AT).json_values()
    assert (answer["changed"], answer["as_of"], answer["reason"]) == (False, None, "nothing was ever promoted")


def test_no_reason_is_refused(home: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="--reason is ' '; say in a few words why"):
        promote(home, pair[1], " ", AT)
    with pytest.raises(UsageError, match="--reason is ''"):
        promote_prior(home, USUAL, "", AT)


def test_an_unknown_model_is_refused(home: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="no registered model has an id that begins with zzzzzzzz"):
        promote(home, "zzzzzzzz", "why", AT)


def test_a_damaged_file_is_not_promoted(home: Path, pair: tuple[str, str]) -> None:
    path = home / "models" / f"{pair[1]}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    before = listed(home)
    with pytest.raises(ModelDamaged, match="is damaged: its sha256 is"):
        promote(home, pair[1], "why", AT)
    path.unlink()
    with pytest.raises(ModelDamaged, match="is missing"):
        promote(home, pair[1], "why", AT)
    assert listed(home) == before


@pytest.mark.parametrize("config", ["{}", "[", '{"shape": {"width": 8}}'])
def test_a_model_of_another_version_is_not_promoted(home: Path, pair: tuple[str, str], config: str) -> None:
    model_id = model_store.save(home, {"0.weight": np.zeros(3, dtype=np.float32)}, {"config": config})
    with connect(home) as store:
        model_store.register(store, replace(trained(home, 1, FIRST), model_id=model_id))
    with pytest.raises(ModelDamaged, match=f"model {model_id[:12]} was made by another version"):
        promote(home, model_id, "why", AT)


def test_what_is_said_of_a_model_must_be_so(home: Path, pair: tuple[str, str]) -> None:
    _, new = pair
    agreed = Stated(source="sample", symbols=("B", "A"), strategy="turbo")
    assert promote(home, new, "mine", AT, agreed).changed
    for stated, words in (
        (Stated(source="yahoo"), "is of sample, and --source says yahoo; leave --source out"),
        (Stated(symbols=("A", "C")), "is of A, B, and --symbols says A, C; leave"),
        (Stated(strategy="ridge"), "is of turbo, and --strategy says ridge; leave"),
        (Stated(strategy_sha256="c" * 64), "is of built in, and --strategy says version cccccccccccc; leave"),
    ):
        with pytest.raises(UsageError, match=f"^model {new[:12]} {words}"):
            promote(home, new, "mine", AT, stated)
