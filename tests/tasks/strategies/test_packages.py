"""A strategy of a really installed package: found, tested, audited before its first trade, and bound to its record."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib import invalidate_caches
from pathlib import Path
from re import escape

import pytest

from strategy.exit_codes import UsageError
from strategy.signals.faults import StrategyRefused
from tasks.backtest.run import Window, backtest
from tasks.models.retrain import retrain
from tasks.run.job import Job
from tasks.strategies.acceptance import Acceptance, accept_change
from tasks.strategies.audit_gate import audit
from tasks.strategies.binding import StrategyChanged, bound, demand_bound
from tasks.strategies.catalogue import of_name, of_version, taken_names
from tasks.strategies.listing import KnownStrategyAnswer, listed
from tasks.strategies.packages import installed
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, on, run_day
from testing.runs.own_strategies import PEEKS, SPEEDS, TREND, TREND_AGAIN, install

NAME = "trend-pack"
PACKED, AGAIN, PEEKING, FAST = (
    text.replace('name="trend"', f'name="{NAME}"').replace('name="speeds"', f'name="{NAME}"')
    for text in (TREND, TREND_AGAIN, PEEKS, SPEEDS)
)
FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)


def forget() -> None:
    """What a new process would not know."""
    installed.cache_clear()
    invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == "trend_pack"]:
        del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages with one that offers a strategy."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    install(folder, PACKED, "1.0")
    yield folder
    forget()


def replaced(site: Path, text: str, version: str = "1.1") -> None:
    install(site, text, version)
    forget()


def a_package_job(home: Path, as_of: date = FIRST, **parameters: str) -> Job:
    return a_job(home, PAIR.symbols(), as_of, of_name(home, NAME, parameters, "daily"))


def day(job: Job) -> None:
    """The steps of a day that `daily` takes, in their order."""
    demand_bound(job.home, job.account, job.policy.strategy)
    run_day(replace(job, account="published"), lambda: PAIR)
    audit(job)
    run_day(job, lambda: PAIR)


def shown(home: Path) -> KnownStrategyAnswer:
    (found,) = (known for known in listed(home).strategies if known.name == NAME)
    return found


def test_it_is_listed_tested_audited_and_traded_by_its_name(site: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert NAME in taken_names()
    before = shown(home)
    assert (before.audit, before.origin, before.accounts) == ("not audited", "trend_pack.rule:strategy", ())
    job = a_package_job(home)
    assert (job.policy.strategy.version, job.policy.strategy.trusted) == (before.sha256, False)
    tested = backtest(job, Window(strategies=(job.policy.strategy,), start=date(2020, 1, 1)), lambda: PAIR, print)
    assert tested.net.replay.decisions
    day(job)
    after = shown(home)
    assert (after.sha256, after.audit, after.accounts) == (before.sha256, "passed", ("daily",))
    assert retrain(on(job, SECOND)).code is not None
    day(on(job, SECOND))


def test_one_that_peeks_is_refused_before_its_first_trade(site: Path, tmp_path: Path) -> None:
    replaced(site, PEEKING)
    with pytest.raises(StrategyRefused, match=r"strategy trend-pack is refused \(looks_ahead\)"):
        day(a_package_job(tmp_path / "home"))
    assert bound(tmp_path / "home", "daily", NAME) is None


def test_another_version_of_the_package_is_refused_with_both_hashes_until_it_is_accepted(
    site: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    job = a_package_job(home)
    day(job)
    old = job.policy.strategy.version
    replaced(site, AGAIN)
    later = a_package_job(home, SECOND)
    new = later.policy.strategy.version
    assert new != old
    words = (
        f"account daily is bound to version {old[:12]} of strategy trend-pack, since 2020-06-08, and "
        f"trend_pack.rule:strategy is {new[:12]} now; accept the change with `turbodmt strategies accept trend-pack "
        "--account daily --reason TEXT`, or install the bound version of its package again"
    )
    with pytest.raises(StrategyChanged, match=f"^{escape(words)}$"):
        day(later)
    with pytest.raises(UsageError, match=f"decided by version {old[:12]} of strategy trend-pack, of an installed"):
        of_version(home, NAME, old, {})
    wanted = Acceptance(name=NAME, account=None, reason="the new release", parameters={}, at=later.now)
    assert accept_change(home, wanted, lambda text: None).sha256 == new
    day(later)
    replaced(site, PACKED, "1.0")
    assert a_package_job(home).policy.strategy.version == old, "the record says the same again"


def test_a_file_that_is_not_what_the_record_says_is_refused(site: Path, tmp_path: Path) -> None:
    (site / "trend_pack" / "rule.py").write_text(AGAIN, encoding="utf-8")
    forget()
    with pytest.raises(StrategyRefused, match=r"rule.py is not what the record of trend-pack 1.0 says; install"):
        a_package_job(tmp_path / "home")
    assert (shown(tmp_path / "home").audit, shown(tmp_path / "home").sha256) == ("refused", None)


def test_without_a_record_of_its_code_a_package_is_known_by_the_code(site: Path, tmp_path: Path) -> None:
    """An editable installation has a record that lacks the code."""
    record = site / "trend_pack-1.0.dist-info" / "RECORD"
    record.write_text("\n".join(line for line in record.read_text().splitlines() if "rule.py" not in line))
    lines = [line for line in record.read_text().splitlines() if not line.startswith("trend_pack/")]
    record.write_text("\n".join(lines), encoding="utf-8")
    forget()
    old = a_package_job(tmp_path / "home").policy.strategy.version
    (site / "trend_pack" / "rule.py").write_text(AGAIN, encoding="utf-8")
    forget()
    assert a_package_job(tmp_path / "home").policy.strategy.version != old


def test_by_name_it_goes_on_with_the_parameters_of_the_account(site: Path, tmp_path: Path) -> None:
    replaced(site, FAST)
    home = tmp_path / "home"
    day(a_package_job(home, bars="30"))
    day(a_package_job(home, SECOND))
    with pytest.raises(StrategyChanged, match="this run gives it bars=20"):
        day(a_package_job(home, SECOND, bars="20"))
