from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from storage.database import connect
from storage.models import champions, promotions
from storage.models import registry as models
from storage.models.promotions import Promoter
from storage.models.registry import ModelRecord, ModelState
from strategy.training.promotion_gate import PRIOR
from testing.runs.model_records import NEWER, RECORD, panel, promotion_of


def test_a_champion_never_saw_the_future(home: Path) -> None:
    symbols = ("^IXIC", "^GSPC")
    with connect(home) as store:
        models.register(store, RECORD)
        models.register(store, NEWER)
        assert champions.champion(store, panel("sample", symbols), trained_until=date(2020, 1, 1)) is None
        for record in (RECORD, NEWER):
            promotions.promote(store, promotion_of(record))
        found = [
            champions.champion(store, panel("sample", symbols), trained_until=day)
            for day in (date(2010, 1, 3), date(2010, 1, 4), date(2012, 1, 2), date(2012, 1, 3))
        ]
    assert [record and record.model_id for record in found] == [None, "m1", "m1", "m2"]


def test_the_prior_is_no_model(home: Path) -> None:
    with connect(home) as store:
        models.register(store, RECORD)
        promotions.promote(store, promotion_of(RECORD))
        back = replace(promotion_of(RECORD), model_id=PRIOR, as_of=date(2015, 1, 1), by=Promoter.HAND)
        promotions.promote(store, back)
        found = [
            champions.champion(store, panel("sample", RECORD.symbols), trained_until=day)
            for day in (date(2014, 12, 31), date(2015, 1, 1))
        ]
    assert [record and record.model_id for record in found] == ["m1", None]


def test_the_champion_of_a_version_decides_for_that_version_alone(home: Path) -> None:
    first = replace(RECORD, strategy="ridge", strategy_sha256="ab")
    other = replace(first, model_id="m2", strategy_sha256="cd", trained_to=date(2011, 1, 3))
    day = date(2020, 1, 1)

    def champion(record: ModelRecord) -> str | None:
        found = champions.champion(store, record.panel, trained_until=day)
        return found and found.model_id

    with connect(home) as store:
        models.register(store, first)
        promotions.promote(store, promotion_of(first))
        assert (champion(first), champion(other)) == ("m1", None)
        assert models.last_trained(store, other.panel, until=day) is None
        models.register(store, other)
        promotions.promote(store, promotion_of(other))
        assert (champion(first), champion(other)) == ("m1", "m2")
        with pytest.raises(ValueError, match="model m1 belongs to version ab of strategy ridge, not to cd"):
            promotions.promote(store, replace(promotion_of(first), strategy_sha256="cd"))
        promotions.promote(store, replace(promotion_of(other), model_id=PRIOR, as_of=day, by=Promoter.HAND))
        assert (champion(first), champion(other)) == ("m1", None)
        states = {record.model_id: record.state for record in models.records(store)}
    assert states == {"m1": ModelState.CHAMPION, "m2": ModelState.RETIRED}


def test_the_models_of_two_strategies_never_meet(home: Path) -> None:
    ridge = replace(RECORD, model_id="r1", strategy="ridge", strategy_sha256="cd", trained_to=date(2011, 1, 3))
    own, other = ridge.panel, RECORD.panel
    day = date(2020, 1, 1)
    with connect(home) as store:
        for record in (RECORD, ridge):
            models.register(store, record)
        promotions.promote(store, promotion_of(ridge))
        assert champions.champion(store, own, trained_until=day) == models.registered(store, "r1")
        assert champions.champion(store, other, trained_until=day) is None
        assert promotions.history(store, other) == ()
        promotions.promote(store, promotion_of(RECORD))
        promotions.promote(store, replace(promotion_of(RECORD), model_id=PRIOR, as_of=day, by=Promoter.HAND))
        states = {record.model_id: record.state for record in models.records(store)}
        assert champions.champion(store, own, trained_until=day) == models.registered(store, "r1")
        assert models.last_trained(store, other, until=date(2010, 12, 31)) == RECORD.trained_to
        assert models.last_trained(store, own, until=date(2010, 12, 31)) is None
        with pytest.raises(ValueError, match="model r1 belongs to strategy ridge, not to turbo"):
            promotions.promote(store, replace(promotion_of(ridge), strategy="turbo"))
    assert states == {"m1": ModelState.RETIRED, "r1": ModelState.CHAMPION}
