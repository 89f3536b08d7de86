"""Versions, bindings and verdicts of a user's strategies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import connect
from storage.strategies import copies, registrations, verdicts
from storage.strategies.registrations import Binding, Registration
from storage.strategies.verdicts import StrategyVerdict
from strategy.exit_codes import UsageError

NOW = datetime(2020, 1, 2, tzinfo=UTC)
SOURCE = b"strategy = None\n"


def a_binding(account: str = "daily", sha256: str = "aa", **changed: str) -> Binding:
    given = {"name": "trend", "parameters": "{}", "sizing": "volatility", "reason": "first run", **changed}
    return Binding(account=account, sha256=sha256, bound_at=NOW, **given)


def test_a_copy_is_what_its_name_says(tmp_path: Path) -> None:
    name = copies.save(tmp_path, SOURCE)
    assert copies.save(tmp_path, SOURCE) == name
    assert copies.load(tmp_path, name) == SOURCE
    path = copies.copy_of(tmp_path, name)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"strategy = 1\n")
    with pytest.raises(UsageError, match="delete it and name the file again"):
        copies.load(tmp_path, name)
    # The file, named again, is whole again.
    copies.save(tmp_path, SOURCE)
    assert copies.load(tmp_path, name) == SOURCE
    path.unlink()
    with pytest.raises(UsageError, match="is missing; name the strategy's file again"):
        copies.load(tmp_path, name)


def test_the_newest_registration_comes_first(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        for day, sha256 in enumerate(("aa", "bb", "aa")):
            at = NOW + timedelta(days=day)
            registrations.register(store, Registration(name="trend", sha256=sha256, origin="t.py", registered_at=at))
        assert [version.sha256 for version in registrations.versions(store, "trend")] == ["aa", "bb"]
        assert registrations.versions(store, "other") == ()
        assert len(registrations.versions(store)) == 2


def test_an_account_has_one_binding_in_force_for_each_name(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        assert registrations.binding(store, "daily", "trend") is None
        for bound in (a_binding(), a_binding(sha256="bb"), a_binding("other"), a_binding(name="carry")):
            registrations.bind(store, bound)
        assert registrations.binding(store, "daily", "trend") == a_binding(sha256="bb")
        assert [(bound.account, bound.name, bound.sha256) for bound in registrations.bindings(store)] == [
            ("daily", "carry", "aa"),
            ("daily", "trend", "bb"),
            ("other", "trend", "aa"),
        ]
        assert len(registrations.bindings(store, "trend")) == 2
    assert a_binding().same_rule(a_binding(reason="again"))
    assert not a_binding().same_rule(a_binding(parameters='{"fast": 1}'))


def test_a_verdict_is_kept_by_version_parameters_source_and_symbol(tmp_path: Path) -> None:
    def verdict(symbol: str, *, passed: bool, audit_version: int = 1) -> StrategyVerdict:
        return StrategyVerdict(
            sha256="aa",
            parameters="{}",
            source="sample",
            symbol=symbol,
            audit_version=audit_version,
            passed=passed,
            findings="{}",
            judged_at=NOW,
        )

    with connect(tmp_path) as store:
        verdicts.record(store, [verdict("SPY", passed=False), verdict("TLT", passed=True)])
        verdicts.record(store, [verdict("SPY", passed=True)])
        found = verdicts.load(store, "aa", "{}", "sample")
        assert {symbol: each.passed for symbol, each in found.items()} == {"SPY": True, "TLT": True}
        verdicts.record(store, [verdict("SPY", passed=False, audit_version=2)])
        assert not verdicts.load(store, "aa", "{}", "sample", ["SPY"])["SPY"].passed
        assert verdicts.load(store, "aa", '{"fast": 1}', "sample") == {}
        assert verdicts.load(store, "aa", "{}", "yahoo") == {}
        assert len(verdicts.of_version(store, "aa")) == 3
