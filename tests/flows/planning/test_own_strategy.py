"""By name an account goes on with the copy that it is bound to, whatever files of that name came and went."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from flows.config.settings import load
from flows.planning.own_strategy import admit
from flows.planning.plan import strategy_of
from storage.database import connect
from storage.ledger import orders as order_store
from tasks.run.job import Job
from tasks.strategies.audit_gate import audit
from tasks.strategies.catalogue import of_version
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, on, policy, run_day
from testing.runs.own_strategies import TREND, TREND_AGAIN, a_file
from tests.flows.conftest import Run

FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)
#: The same signal in other bytes again.
TREND_ANEW = TREND.replace("np.ones(20) / 20", "np.full(20, 1 / 20)")


def lived(home: Path, account: str, spec: str, day: date) -> Job:
    """Run the day of the account as `daily` does after Prefect has started, and return its job."""
    settings = load({"home": home, "strategy": spec})
    job = replace(on(a_job(home, PAIR.symbols(), day), day), account=account)
    strategy = strategy_of(settings, account)
    admit(settings, account, strategy, job.now)
    job = replace(job, policy=policy(strategy))
    run_day(job, lambda: PAIR)
    audit(job)
    return job


def test_an_account_goes_on_by_name_though_another_file_took_the_name(run: Run, home: Path, tmp_path: Path) -> None:
    versions = {}
    files = {
        "mine": Path(a_file(tmp_path, TREND, "moved.py")),
        "past": tmp_path / "trend.py",
        "mine2": tmp_path / "other.py",
    }
    for (account, file), text in zip(files.items(), (TREND, TREND_AGAIN, TREND_ANEW), strict=True):
        a_file(tmp_path, text, file.name)
        versions[account] = lived(home, account, str(file), FIRST).policy.strategy.version
        if account != "mine2":
            file.unlink()
    assert len(set(versions.values())) == 3
    for account, version in versions.items():
        assert lived(home, account, "trend", SECOND).policy.strategy.version == version
    with connect(home) as store:
        ids = {account: order_store.orders_on(store, account, FIRST)[0].order_id for account in versions}
    for account, order in ids.items():
        ended = run("explain", order, "--account", account, "--json")
        assert ended.code == 0, ended.err
        assert versions[account] in ended.out
        assert of_version(home, "trend", versions[account], {}).version == versions[account], "a replay runs it"

    refused = run("strategies", "accept", "trend", "--account", "mine", "--reason", "x")
    first = f"from {files['mine']} (gone), version {versions['mine'][:12]}, to {files['mine2']}, version "
    assert refused.code == 2
    assert f"would take account mine {first}{versions['mine2'][:12]}; if" in refused.failure
    assert f"accept {files['mine2']} --account mine --reason TEXT" in refused.failure
    meant = run("strategies", "accept", str(files["mine2"]), "--account", "mine", "--reason", "x")
    assert meant.code == 0, meant.err
    assert f"mine goes {first}{versions['mine2'][:12]}." in meant.out
