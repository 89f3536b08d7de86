"""What `accept` keeps of an account's parameters, and what an account is bound to."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import JsonValue

from flows.cli.strategies.listing import shown_strategies
from strategy.builtin.registry import HOLD
from strategy.signals.strategies import Sizing
from tasks.data.ingest import ingest
from tasks.run.job import Job
from tasks.strategies.acceptance import Acceptance, accept_change
from tasks.strategies.audit_gate import audit
from tasks.strategies.binding import StrategyChanged, bound, demand_bound, in_full
from tasks.strategies.catalogue import of_file, of_name, register
from tasks.strategies.listing import listed
from tasks.validation.gate import validate
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, run_day
from testing.runs.own_strategies import SPEEDS, TREND, TREND_AGAIN, a_file, a_strategy


def a_trend_job(tmp_path: Path, text: str = TREND, **parameters: str) -> Job:
    """A job of a day whose bars are published and whose strategy is registered."""
    strategy = a_strategy(tmp_path, text, **parameters)
    job = a_job(tmp_path / "home", PAIR.symbols(), date(2020, 6, 8), strategy)
    register(job.home, strategy, job.now)
    ingest(job, lambda: PAIR)
    validate(job)
    return job


def accepted(job: Job, **parameters: str) -> dict[str, JsonValue]:
    """Accept what the file is now, and return the parameters that the account trades from then on."""
    wanted = Acceptance(name="speeds", account=job.account, reason="why not", parameters=parameters, at=job.now)
    return accept_change(job.home, wanted, lambda _: None).parameters[job.account]


def test_a_new_default_is_accepted_and_what_was_set_stays(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path, SPEEDS, size="0.5")
    audit(job)
    # A default that the file changes is part of the change, a parameter that was set for the account is not.
    a_file(tmp_path, SPEEDS.replace("bars: int = 20", "bars: int = 25"))
    assert accepted(job) == {"bars": 25, "size": 0.5}
    a_file(tmp_path, SPEEDS.replace("size: float = 1.0", "slow: int = 9").replace("parameters.size *", "1.0 *"))
    assert accepted(job) == {"bars": 20, "slow": 9}
    demand_bound(job.home, job.account, of_file(str(tmp_path / "trend.py"), {}))
    assert accepted(job, bars="40") == {"bars": 40, "slow": 9}


def test_since_when_an_account_is_bound_is_told_in_its_own_days(tmp_path: Path) -> None:
    """An account that replays the past is bound on days long gone, whenever a person accepts a change."""
    job = a_trend_job(tmp_path, SPEEDS)
    audit(job)
    run_day(job, lambda: PAIR)
    first = bound(job.home, job.account, "speeds")
    a_file(tmp_path, SPEEDS.replace("bars: int = 20", "bars: int = 25"))
    years_later = replace(job, now=job.now.replace(year=2031))
    accepted(years_later)
    second = bound(job.home, job.account, "speeds")
    assert first is not None
    assert second is not None
    assert (first.since_when, second.since_when) == ("2020-06-08", "2020-06-08")
    assert (first.bound_at.year, second.bound_at.year) == (2020, 2031)
    with pytest.raises(StrategyChanged, match="of strategy speeds, since 2020-06-08, and "):
        demand_bound(job.home, job.account, a_strategy(tmp_path, SPEEDS))


def test_another_sizing_is_another_rule(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    audit(job)
    resized = replace(job.policy.strategy, sizing=Sizing.DIRECT)
    with pytest.raises(
        StrategyChanged, match=r"bound to the sizing volatility of strategy trend, .* it has direct now"
    ):
        demand_bound(job.home, job.account, resized)


def test_a_parameter_that_cannot_be_set_goes_on_by_name(tmp_path: Path) -> None:
    text = SPEEDS.replace("    size: float = 1.0", "    size: float = 1.0\n    spans: tuple = (5, 10)")
    job = a_trend_job(tmp_path, text)
    audit(job)
    assert of_name(job.home, "speeds", {}, job.account).parameters == job.policy.strategy.parameters


def test_two_accounts_trade_versions_of_their_own(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path)
    other = replace(job, account="other")
    audit(job)
    audit(other)
    a_file(tmp_path, TREND_AGAIN)
    wanted = Acceptance(name="trend", account="other", reason="try it", parameters={}, at=job.now)
    newer = accept_change(job.home, wanted, lambda _: None)
    assert (newer.accounts, newer.changed) == (("other",), True)
    versions = [of_name(job.home, "trend", {}, account).version for account in (job.account, "other")]
    assert versions == [job.policy.strategy.version, newer.sha256]
    found = {known.accounts for known in listed(job.home).strategies if known.name == "trend"}
    assert found == {(job.account,), ("other",)}


def test_a_report_names_parameters_version_and_file(tmp_path: Path) -> None:
    strategy = a_strategy(tmp_path, SPEEDS, bars="30")
    path = tmp_path / "trend.py"
    assert in_full(strategy) == f"speeds with bars=30, size=1.0, version {strategy.version} of {path}"
    assert in_full(HOLD) == "hold"


def test_a_verdict_is_told_with_the_parameters_that_it_holds_for(tmp_path: Path) -> None:
    job = a_trend_job(tmp_path, SPEEDS, size="0.5")
    audit(job)
    known = next(each for each in listed(job.home).strategies if each.name == "speeds")
    assert (known.audit, known.audits_of_parameters) == ("passed", {"bars=20, size=0.5": "passed"})
    assert "passed (bars=20, size=0.5)" in shown_strategies(listed(job.home))
    (tmp_path / "plain").mkdir()
    plain = a_trend_job(tmp_path / "plain", TREND)
    audit(plain)
    assert "trend" in shown_strategies(listed(plain.home))
    assert "(no parameters)" not in shown_strategies(listed(plain.home))
