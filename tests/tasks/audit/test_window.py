"""The audits on a store: what is equal passes and leaves no trace, what is not is named."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from storage.database import connect
from storage.ledger import positions as position_store
from storage.models import registry as model_store
from storage.models.registry import ModelRecord
from strategy.audit.lookahead import Checked
from strategy.builtin.registry import BUILT_IN, HOLD, RULES, TURBO
from strategy.networks.ensemble import keep
from strategy.training.network_trainer import network_trainer
from tasks.audit.claims import headline
from tasks.audit.lookahead import look_ahead
from tasks.audit.parity import daily_parity
from tasks.audit.window import AuditFailed, AuditRefused, AuditRequest, answered, audited
from tasks.parallel.processes import Processes
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable
from testing.markets.bars import COIN, MARKET, STOCK, UNBORN, FakeBars, Fault
from testing.runs.jobs import RECIPE, UNTRAINABLE, a_job, policy, promote
from testing.runs.networks import opinionated

#: A stock with a split and dividends, and a coin that trades on weekends too.
MIXED = FakeBars(listings=(STOCK, COIN))
LAST = date(2020, 7, 7)
ALL = AuditRequest(strategies=tuple(BUILT_IN.values()), start=None, days=3)


def mixed() -> FakeBars:
    return MIXED


def rows(answer: Mapping[str, Any]) -> set[tuple[str, str]]:
    assert all(
        check["pass"] and check["mismatches"] == 0 and check["first_mismatch"] is None for check in answer["checks"]
    )
    return {(check["check"], check["strategy"]) for check in answer["checks"]}


@pytest.fixture
def job(home: Path) -> Job:
    """A job whose network needs little enough history for the fold of 2020."""
    usual = a_job(home, MIXED.symbols(), LAST, TURBO)
    recipe = replace(RECIPE, validation_share=0.6)
    return replace(usual, account="audit", policy=policy(TURBO, recipe))


def put_in_charge(job: Job) -> str:
    """The id of a network with an opinion, which decides for the job's symbols as if it had been trained."""
    shape = network_trainer(job.policy.recipe).shape
    arrays = keep([opinionated(shape), opinionated(shape, seed=2)])
    model_id = model_store.save(job.home, arrays, {"config": json.dumps({"shape": asdict(shape)})})
    record = ModelRecord(
        model_id=model_id,
        source=job.source,
        symbols=job.symbols,
        strategy="turbo",
        trained_from=STOCK.first,
        trained_to=job.as_of,
        created_at=job.now,
        seed=1,
        config="{}",
        code_version=job.code_version,
        data_sha256="",
        validation="{}",
    )
    with connect(job.home) as store:
        model_store.register(store, record)
    promote(job, model_id)
    return model_id


def test_nothing_that_we_have_looks_ahead(job: Job) -> None:
    put_in_charge(job)
    answer = look_ahead(job, ALL, mixed).json_values()
    names = ("turbo (prior)", "rules", "hold", "vol-target", "momentum")
    of_strategies = {(check, name) for name in names for check in ("estimates", "decisions", "account", "fills")}
    of_networks = {("features", "network"), ("inputs", "network"), ("estimates", "turbo (model)"), ("folds", "turbo")}
    assert rows(answer) == of_strategies | of_networks
    assert (answer["audit"], answer["pass"], answer["symbols"]) == ("lookahead", True, ["COIN", "STOCK"])
    assert (answer["start"], answer["end"]) == ("2018-01-01", "2020-07-07")


def test_processes_find_what_one_finds(job: Job) -> None:
    asked = AuditRequest(strategies=(BUILT_IN["rules"], BUILT_IN["hold"]), start=date(2020, 1, 1), days=2)
    assert look_ahead(job, asked, mixed, Processes(workers=2)) == look_ahead(job, asked, mixed)


def test_without_a_network_only_the_prior_is_audited_and_that_is_said(job: Job) -> None:
    asked = AuditRequest(strategies=(TURBO,), start=date(2020, 1, 1), days=2)
    answer = look_ahead(job, asked, mixed).json_values()
    assert ("estimates", "turbo (model)") not in rows(answer)
    assert {check["dates"] for check in answer["checks"] if check["check"] == "features"} == {2}
    assert "no model of turbo is promoted for these symbols, so only its prior was audited" in answer["warnings"]


def test_daily_runs_of_every_strategy_equal_a_backtest_and_leave_nothing_behind(job: Job) -> None:
    put_in_charge(job)
    before = sorted(job.home.rglob("*"))
    chosen = (TURBO, RULES, HOLD)
    answer = daily_parity(job, AuditRequest(strategies=chosen, start=date(2020, 6, 20), days=5), mixed).json_values()
    names = ("turbo (model)", "rules", "hold")
    checks = ("decisions", "orders", "fills", "entries", "equity", "passes")
    assert rows(answer) == {(check, name) for name in names for check in checks}
    # On the weekend a coin alone has a bar: one of the five days can come in two passes.
    dates = {check["check"]: check["dates"] for check in answer["checks"]}
    assert dates == {**dict.fromkeys(checks, 5), "passes": 1}
    assert (answer["start"], answer["end"]) == ("2020-06-20", "2020-06-24")
    assert sorted(job.home.rglob("*")) == before
    with connect(job.home) as store:
        assert position_store.latest_snapshot(store, job.account) is None


def test_the_newest_days_are_lived_where_none_are_named(job: Job) -> None:
    answer = daily_parity(job, AuditRequest(strategies=(TURBO,), start=None, days=2), mixed).json_values()
    assert {strategy for _, strategy in rows(answer)} == {"turbo (prior)"}
    assert (answer["start"], answer["end"]) == ("2020-07-06", "2020-07-07")


def test_one_day_is_too_few_for_parity(job: Job) -> None:
    with pytest.raises(AuditRefused, match=r"2020-07-07 is the only day; .* raise --days"):
        daily_parity(job, AuditRequest(strategies=(RULES,), start=None, days=1), mixed)


def test_the_headline_stands_beside_what_is_measured(job: Job) -> None:
    asked, counted = (
        AuditRequest(strategies=(RULES, HOLD), start=None, days=1),
        list[tuple[int, ...]](),
    )
    answer = headline(
        replace(job, symbols=(COIN.symbol,)), asked, mixed, print, lambda *done: counted.append(done)
    ).json_values()
    assert counted == [(0, 3), (1, 3), (2, 3), (3, 3)]
    measured = {account["account"]: account for account in answer["accounts"]}
    assert list(measured) == ["claimed", "turbo (prior)", "rules", "hold", "foresight"]
    claimed = {"total_return": 3.5099, "sharpe": 5.77, "max_drawdown": 0.0943, "win_rate": 0.682}
    assert claimed.items() <= measured["claimed"].items()
    assert measured["foresight"]["sharpe"] > 10 > 5.77 > measured["hold"]["sharpe"]
    assert 0.6 < measured["claimed"]["days_right_needed"] < 0.8
    assert answer["verdict"].startswith("Not reproducible here: a ")
    assert "Sharpe ratio of 5.77" in answer["verdict"]
    assert answer["days"] == 663


def test_the_headline_walks_the_network_forward_if_it_is_asked_for(job: Job) -> None:
    """No fold of this recipe can be trained, so the prior trades them all."""
    job = replace(job, symbols=(COIN.symbol,), policy=policy(TURBO, UNTRAINABLE))
    answer = headline(
        job, AuditRequest(strategies=(TURBO,), start=date(2020, 1, 1), days=1), mixed, print, print
    ).json_values()
    measured = {one.pop("account"): one for one in answer["accounts"]}
    assert list(measured) == ["claimed", "turbo (prior)", "foresight", "turbo"]
    assert measured["turbo"] == measured["turbo (prior)"]


def test_the_headline_is_of_one_symbol(job: Job) -> None:
    with pytest.raises(AuditRefused, match="of one symbol, not of COIN, STOCK; name one"):
        headline(job, ALL, mixed, print, print)


def test_a_failed_audit_names_its_first_mismatches_and_counts_the_rest(job: Job) -> None:
    known = audited(job, None, mixed)
    bad = Checked(check="fills", subject="rules", dates=9, differences=("first", "second"))
    good = Checked(check="fills", subject="hold", dates=9, differences=())
    with pytest.raises(AuditFailed, match=r"^1 of 2 checks failed: fills of rules, 2 mismatches, the first: first$"):
        answered(known, "lookahead", [good, bad])
    with pytest.raises(AuditFailed, match=r"^5 of 5 checks failed: (fills of rules, .*){3}; …$"):
        answered(known, "lookahead", [bad] * 5)


def test_a_symbol_that_the_gate_holds_back_is_left_out_and_a_model_of_both_is_not_asked(job: Job) -> None:
    put_in_charge(job)
    faulty = MIXED.faulty(Fault(symbol=STOCK.symbol, day=date(2020, 3, 2), column="close", value=-1.0))
    answer = look_ahead(job, AuditRequest(strategies=(TURBO,), start=None, days=2), lambda: faulty).json_values()
    assert answer["symbols"] == [COIN.symbol]
    assert "STOCK" in answer["warnings"][0]
    assert any("a model decides for all of its symbols together" in warning for warning in answer["warnings"])


def test_what_cannot_be_audited_is_refused_in_one_sentence(job: Job) -> None:
    unborn = replace(job, symbols=(UNBORN.symbol,), as_of=date(2020, 6, 1))
    with pytest.raises(
        AuditRefused, match="no bar of UNBORN is dated 2020-06-01 or earlier; choose a later --end-date"
    ):
        look_ahead(unborn, ALL, lambda: MARKET)
    with pytest.raises(AuditRefused, match="no bar lies between 2021-01-01 and 2020-07-07; they run from 2018-01-01"):
        look_ahead(job, replace(ALL, start=date(2021, 1, 1)), mixed)
    young = replace(job, as_of=date(2018, 6, 1), symbols=(COIN.symbol,))
    with pytest.raises(AuditRefused, match="the history is too short: a look-ahead audit samples dates after 253"):
        look_ahead(young, ALL, mixed)
    with pytest.raises(AuditRefused, match="the history is too short: the accounts need 257 bars"):
        headline(young, ALL, mixed, print, print)


def test_bars_that_the_gate_refuses_altogether_are_not_audited(job: Job) -> None:
    faulty = MIXED.faulty(
        *(Fault(symbol=symbol, day=date(2020, 3, 2), column="close", value=-1.0) for symbol in MIXED.symbols())
    )
    with pytest.raises(NothingPublishable, match="nothing can be audited: COIN on 2020-03-02"):
        look_ahead(job, ALL, lambda: faulty)
