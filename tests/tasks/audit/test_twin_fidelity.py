"""The twin of a job: fitted to the past of what the gate lets through, and told in the contract's keys."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from storage.database import connect
from tasks.audit.twin_fidelity import TwinRefused, twin
from tasks.validation.gate import NothingPublishable
from testing.markets.bars import DEEP, UNBORN, FakeBars, Fault
from testing.runs.jobs import a_job, on

END = date(2020, 8, 31)
PATHS = 5


def test_every_fact_is_told_in_the_contract_s_keys(tmp_path: Path) -> None:
    answer = twin(a_job(tmp_path, DEEP.symbols(), END), lambda: DEEP, PATHS).json_values()
    facts = answer["facts"]
    assert isinstance(facts, list)
    assert len(facts) == 26
    assert all(set(fact) == {"name", "symbol", "real", "low", "high", "twin", "pass"} for fact in facts)
    assert {fact["symbol"] for fact in facts} == {"SHARE", "TOKEN", "SHARE/TOKEN"}
    assert all(isinstance(fact["pass"], bool) and fact["low"] <= fact["high"] for fact in facts)
    assert (answer["as_of"], answer["symbols"], answer["paths"]) == ("2020-08-31", ["SHARE", "TOKEN"], PATHS)
    assert (answer["start"], answer["end"], answer["rows"]) == ("2018-01-03", "2020-08-31", 972)
    assert (answer["seed"], answer["level"]) == (7, 0.95)


def test_nothing_after_the_day_is_read(tmp_path: Path) -> None:
    job = a_job(tmp_path, DEEP.symbols(), END)
    later = DEEP.faulty(Fault(symbol="TOKEN", day=date(2020, 9, 1), column="close", value=-1.0))
    told = twin(job, lambda: later, PATHS).json_values()
    assert told == twin(a_job(tmp_path / "clean", DEEP.symbols(), END), lambda: DEEP, PATHS).json_values()
    with connect(tmp_path) as store:
        assert store.execute("SELECT max(open_time)::DATE FROM bars").fetchone() == (END,)
    full = replace(on(job, date(2020, 12, 31)), home=tmp_path / "full")
    assert twin(full, lambda: DEEP, PATHS).json_values()["data_sha256"] != told["data_sha256"]
    # What was published before is not warned of again.
    assert {
        **twin(replace(job, home=tmp_path / "full"), lambda: DEEP, PATHS).json_values(),
        "warnings": told["warnings"],
    } == told


def test_a_symbol_that_is_held_back_is_left_out_with_a_warning(tmp_path: Path) -> None:
    spoiled = DEEP.faulty(Fault(symbol="SHARE", day=date(2020, 7, 1), column="close", value=-1.0))
    answer = twin(a_job(tmp_path, DEEP.symbols(), END), lambda: spoiled, PATHS).json_values()
    assert answer["symbols"] == ["TOKEN"]
    warnings = answer["warnings"]
    assert isinstance(warnings, list)
    assert warnings[0].startswith("SHARE on 2020-07-01: open, high, low or close is not a positive")
    assert warnings[0].endswith("it is left out")
    with pytest.raises(NothingPublishable, match="no twin can be fitted: SHARE on 2020-07-01"):
        twin(a_job(tmp_path / "alone", ("SHARE",), END), lambda: spoiled, PATHS)


def test_what_no_twin_can_be_fitted_to_is_refused(tmp_path: Path) -> None:
    young = FakeBars(listings=(*DEEP.listings, UNBORN))
    with pytest.raises(TwinRefused, match=r"SHARE, TOKEN, UNBORN have \d+ dates in common; a twin needs 252"):
        twin(a_job(tmp_path, young.symbols(), END), lambda: young, PATHS)
    with pytest.raises(TwinRefused, match="UNBORN has 1 bar, hence no return"):
        twin(a_job(tmp_path / "born", young.symbols(), UNBORN.first), lambda: young, PATHS)
    with pytest.raises(TwinRefused, match="no bar of UNBORN is dated 2020-06-01 or earlier; choose a later --as-of"):
        twin(a_job(tmp_path / "before", ("UNBORN",), date(2020, 6, 1)), lambda: young, PATHS)
