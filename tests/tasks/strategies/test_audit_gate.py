"""No strategy of the user's own trades before its audit has passed, and what was tested is what trades."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from storage.ledger import days as ledger
from storage.strategies import registrations
from strategy.audit.user_strategy import Audit
from strategy.builtin.registry import HOLD, RULES
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars
from strategy.portfolio.decision import Status
from strategy.signals.evaluation import evaluate
from strategy.signals.faults import Check, StrategyRefused
from strategy.signals.strategies import Strategy
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import StrategyFailed, signal
from tasks.data.ingest import ingest
from tasks.models.retrain import retrain
from tasks.run.job import Job
from tasks.strategies import audit_gate
from tasks.strategies.acceptance import Acceptance, accept_change
from tasks.strategies.audit_gate import AuditUnfinished, Subject, audit, audit_state, proven
from tasks.strategies.binding import (
    StrategyChanged,
    bound,
    bound_parameters,
    changed_file,
    demand_bound,
    demand_one_file,
    other_strategy,
)
from tasks.strategies.catalogue import of_name, register
from tasks.strategies.listing import listed
from tasks.validation.gate import validate
from testing.markets.bars import PAIR, record
from testing.markets.panels import walk
from testing.runs.jobs import a_job, on, policy
from testing.runs.own_strategies import PEEKS, SPEEDS, TREND, TREND_AGAIN, a_file, a_strategy, fails_on

FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)


def a_trend_job(tmp_path: Path, text: str = TREND, as_of: date = FIRST, **parameters: str) -> Job:
    strategy = a_strategy(tmp_path, text, **parameters)
    job = a_job(tmp_path / "home", PAIR.symbols(), as_of, strategy)
    register(job.home, strategy, job.now)
    return job


def published(job: Job) -> Job:
    ingest(job, lambda: PAIR)
    validate(job)
    return job


def run_day(job: Job) -> tuple[str, ...]:
    """Every step of the day; return the warnings of its signals."""
    ingest(job, lambda: PAIR)
    gate = validate(job)
    settle(job, PaperBroker)
    audit(job)
    warnings = signal(job, retrain(job), gate.barred)
    trade(job, PaperBroker)
    reconcile(job)
    return warnings


def test_a_strategy_is_audited_once_and_then_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = published(a_trend_job(tmp_path))
    assert bound(job.home, job.account, "trend") is None
    audit(job)
    found = bound(job.home, job.account, "trend")
    assert found is not None
    assert (found.sha256, found.parameters, found.sizing) == (job.policy.strategy.version, "{}", "volatility")
    monkeypatch.setattr(audit_gate, "performed", lambda *_: pytest.fail("audited again"))
    audit(on(job, SECOND))


def test_a_strategy_that_peeks_is_refused_before_it_decides(tmp_path: Path) -> None:
    job = published(a_trend_job(tmp_path, PEEKS))
    with pytest.raises(StrategyRefused, match=r"strategy trend is refused \(looks_ahead\)") as refused:
        audit(job)
    assert refused.value.fault.check is Check.LOOKS_AHEAD
    assert refused.value.details["code"] == "strategy_refused"
    assert refused.value.details["symbol"] in PAIR.symbols()
    assert bound(job.home, job.account, "trend") is None
    known = next(known for known in listed(job.home).strategies if known.name == "trend")
    assert (known.audit, known.audits, known.accounts) == ("refused", {"fake": "refused"}, ())
    # A verdict is no memory of one bad day: the next run looks again.
    with pytest.raises(StrategyRefused, match="looks_ahead"):
        audit(job)


def test_a_new_symbol_is_audited_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = PAIR.symbols()
    job = published(a_trend_job(tmp_path))
    audit(replace(job, symbols=(first,)))
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=job.policy.strategy, at=job.now)
    assert audit_state(replace(subject, symbols=(first,))) == "passed"
    assert audit_state(subject) == "not audited"
    seen: list[tuple[str, ...]] = []

    def performed(strategy: Strategy, bars: Mapping[str, Bars], notify: Callable[[str], None]) -> Audit:
        seen.append(tuple(bars))
        return performed_before(strategy, bars, notify)

    performed_before = audit_gate.performed
    monkeypatch.setattr(audit_gate, "performed", performed)
    audit(job)
    assert seen == [(second,)]
    assert audit_state(subject) == "passed"


def test_an_audit_that_takes_too_long_decides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = published(
        a_trend_job(tmp_path, TREND.replace("    close = ", "    import time\n    time.sleep(0.05)\n    close = "))
    )
    monkeypatch.setattr(audit_gate, "AUDIT_TIMEOUT_S", 0.5)
    with pytest.raises(AuditUnfinished, match=r"took longer than 0\.5 s and was stopped, so nothing is decided"):
        audit(job)
    assert bound(job.home, job.account, "trend") is None


def test_two_days_are_decided_by_the_bound_version_and_the_replay_agrees(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    assert run_day(job) == run_day(on(job, SECOND)) == ()
    with connect(job.home) as store:
        provenance = ledger.provenance_on(store, job.account, SECOND)
    assert provenance is not None
    assert (provenance.strategy, provenance.strategy_sha256) == ("trend", job.policy.strategy.version)


def test_a_changed_file_is_refused_until_it_is_accepted(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    run_day(job)
    older, newer = job.policy.strategy, a_strategy(tmp_path, TREND_AGAIN)
    with pytest.raises(StrategyChanged, match="accept the change with `turbodmt strategies accept trend") as refused:
        demand_bound(job.home, job.account, newer)
    assert older.version[:12] in str(refused.value)
    assert newer.version[:12] in str(refused.value)
    # By name the bound copy goes on, with a warning.
    by_name = of_name(job.home, "trend", {}, job.account)
    assert by_name.version == older.version
    assert f"has changed to {newer.version[:12]}" in changed_file(by_name)[0]
    second = on(replace(job, policy=policy(by_name)), SECOND)
    wanted = Acceptance(name="trend", account=None, reason="rounder", parameters={}, at=second.now)
    answer = accept_change(job.home, wanted, lambda _: None)
    assert (answer.sha256, answer.accounts, answer.changed) == (newer.version, (job.account,), True)
    assert not accept_change(job.home, wanted, lambda _: None).changed
    demand_bound(job.home, job.account, newer)
    # The account goes on with the new version, and the replay of the day agrees.
    run_day(replace(second, policy=policy(of_name(job.home, "trend", {}, job.account))))
    with connect(job.home) as store:
        versions = [ledger.provenance_on(store, job.account, day) for day in (FIRST, SECOND)]
    assert [found.strategy_sha256 for found in versions if found] == [older.version, newer.version]


def test_a_change_that_peeks_is_not_accepted(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    run_day(job)
    a_file(tmp_path, PEEKS)
    wanted = Acceptance(name="trend", account=None, reason="better", parameters={}, at=job.now)
    with pytest.raises(StrategyRefused, match="looks_ahead"):
        accept_change(job.home, wanted, lambda _: None)
    found = bound(job.home, job.account, "trend")
    assert found is not None
    assert found.sha256 == job.policy.strategy.version


def test_a_change_needs_a_reason_and_an_account(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    wanted = Acceptance(name="trend", account=None, reason=" ", parameters={}, at=job.now)
    with pytest.raises(UsageError, match="say in a few words why"):
        accept_change(job.home, wanted, lambda _: None)
    with pytest.raises(UsageError, match=r"no account  ?is bound to a strategy trend"):
        accept_change(job.home, replace(wanted, reason="why not"), lambda _: None)


def test_other_parameters_are_another_rule(tmp_path: Path) -> None:
    job = published(a_trend_job(tmp_path, SPEEDS, bars="30"))
    audit(job)
    found = bound(job.home, job.account, "speeds")
    assert found is not None
    assert found.parameters == '{"bars": 30, "size": 1.0}'
    with pytest.raises(
        StrategyChanged,
        match=r"with bars=30, size=1\.0, .* gives it bars=20, size=1\.0; .* --set bars=20 --set size=1\.0 ",
    ):
        demand_bound(job.home, job.account, a_strategy(tmp_path, SPEEDS))
    # By name, the parameters of the binding go on.
    by_name = of_name(job.home, "speeds", {}, job.account)
    assert repr(by_name.parameters).endswith("(bars=30, size=1.0)")
    assert bound_parameters(found, {"bars": "40"}) == {"bars": "40"}


def test_a_failure_on_a_day_holds_that_symbol_and_the_others_trade(tmp_path: Path) -> None:
    listing = next(listing for listing in PAIR.listings if listing.symbol == "TOKEN")
    odd = float(record(listing).set_index("open_time").loc[str(SECOND), "close"])
    job = a_trend_job(tmp_path, fails_on("TOKEN", odd))
    assert run_day(job) == ()
    (warning,) = run_day(on(job, SECOND))
    assert warning.startswith("TOKEN: ")
    assert "raises ValueError: odd" in warning
    with connect(job.home) as store:
        statuses = {decision.symbol: decision.status for decision in ledger.decisions_on(store, job.account, SECOND)}
    assert statuses["TOKEN"] is Status.QUARANTINED
    assert statuses["SHARE"] is not Status.QUARANTINED


def test_a_failure_on_every_symbol_decides_nothing(tmp_path: Path) -> None:
    listing = next(listing for listing in PAIR.listings if listing.symbol == "TOKEN")
    odd = float(record(listing).set_index("open_time").loc[str(SECOND), "close"])
    job = replace(a_trend_job(tmp_path, fails_on("TOKEN", odd)), symbols=("TOKEN",))
    run_day(job)
    with pytest.raises(StrategyFailed, match="fails on every symbol of 2020-06-09, so nothing is decided") as failed:
        run_day(on(job, SECOND))
    assert int(failed.value.exit_code) == 3
    with connect(job.home) as store:
        assert ledger.decisions_on(store, job.account, SECOND) == ()


def test_a_built_in_strategy_needs_no_audit_and_no_binding(tmp_path: Path) -> None:
    job = published(a_job(tmp_path / "home", PAIR.symbols(), FIRST))
    audit(job)
    with connect(job.home) as store:
        assert registrations.bindings(store) == ()


def test_an_audited_strategy_is_called_once_on_the_whole_history(tmp_path: Path) -> None:
    """Its windows need not be called again: the audit found them equal to the bit."""
    check = "    CALLS.append(1)\n    if len(CALLS) > 1:\n        raise ValueError('again')\n    close = "
    counted = TREND.replace("    close = ", check).replace("def signal", "CALLS = []\n\n\ndef signal")
    job = published(a_trend_job(tmp_path))
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=job.policy.strategy, at=job.now)
    assert not proven(subject).exact
    audit(job)
    assert proven(subject).exact
    assert not proven(replace(subject, symbols=(*subject.symbols, "OTHER"))).exact
    bars = {"A": walk("A", 1, 300)}
    strategy = a_strategy(tmp_path, counted)
    assert evaluate(strategy, bars).faults != {}
    found = evaluate(replace(a_strategy(tmp_path, counted + "\n"), exact=True), bars)
    assert found.faults == {}
    assert np.array_equal(found.signals["A"], evaluate(job.policy.strategy, bars).signals["A"], equal_nan=True)


def test_an_account_that_another_strategy_takes_over_says_so(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    run_day(job)
    assert other_strategy(on(job, SECOND)) == ()
    (warning,) = other_strategy(on(replace(job, policy=policy(RULES)), SECOND))
    assert warning.startswith(
        "account daily was traded by trend before 2020-06-09, and is traded by rules from then on"
    )
    # Between two that are built in, it is the user's choice of every day.
    plain = a_job(tmp_path / "plain", PAIR.symbols(), FIRST)
    run_day(plain)
    assert other_strategy(on(replace(plain, policy=policy(HOLD)), SECOND)) == ()


def test_a_name_is_that_of_one_file_and_a_file_that_moved_is_accepted_by_its_path(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    run_day(job)
    (tmp_path / "other").mkdir()
    other = a_strategy(tmp_path / "other", TREND_AGAIN)
    with pytest.raises(UsageError, match="has one of the same name; name yours differently, or delete"):
        demand_one_file(job.home, other)
    with pytest.raises(UsageError, match="has one of the same name"):
        register(job.home, other, job.now)
    wanted = Acceptance(name=other.origin, account=None, reason="moved", parameters={}, at=job.now)
    with pytest.raises(UsageError, match="has one of the same name"):
        accept_change(job.home, wanted, lambda _: None)
    # Its place taken, the refusal names the file, and that is accepted.
    (tmp_path / "trend.py").unlink()
    demand_one_file(job.home, other)
    with pytest.raises(StrategyChanged, match=f"accept {other.origin} --account daily"):
        demand_bound(job.home, job.account, other)
    assert accept_change(job.home, wanted, lambda _: None).sha256 == other.version
    demand_bound(job.home, job.account, other)
    # A copy of the same bytes is the same strategy.
    demand_one_file(job.home, a_strategy(tmp_path, TREND_AGAIN))


def test_a_fault_that_ends_the_audit_lets_no_other_symbol_pass(tmp_path: Path) -> None:
    """What was not looked at has not passed: traded alone, it would go unaudited."""
    first, second = PAIR.symbols()
    check = f"    if bars.symbol == {first!r}:\n        import os\n        os._exit(3)\n    close = "
    ends = TREND.replace("    close = ", check)
    job = published(a_trend_job(tmp_path, ends))
    with pytest.raises(StrategyRefused, match="its process ended"):
        audit(job)
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=job.policy.strategy, at=job.now)
    assert audit_state(replace(subject, symbols=(first,))) == "refused"
    assert audit_state(replace(subject, symbols=(second,))) == "not audited"


def test_a_fault_of_a_strategy_across_symbols_is_one_of_all(tmp_path: Path) -> None:
    peeks = """
import numpy as np
from turbodmt import Strategy


def signals(panel):
    later = np.vstack([panel.close[1:], panel.close[-1:]])
    return np.sign(np.nan_to_num(later - panel.close))


strategy = Strategy(name="trend", signals=signals, history_bars=2)
"""
    job = published(a_trend_job(tmp_path, peeks))
    with pytest.raises(StrategyRefused, match="trend is refused"):
        audit(job)
    subject = Subject(home=job.home, source=job.source, symbols=job.symbols, strategy=job.policy.strategy, at=job.now)
    assert [audit_state(replace(subject, symbols=(symbol,))) for symbol in job.symbols] == ["refused", "refused"]
