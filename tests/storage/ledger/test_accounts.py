"""Accounts are known by their days and runs, and forgotten whole."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from storage.database import Connection, connect
from storage.ledger import accounts, runs
from storage.ledger import days as ledger
from storage.ledger.runs import Run
from storage.models import trials
from storage.models.trials import Trial
from strategy.account.state import Account, Snapshot
from strategy.backtest.day_loop import AccountState, Day

DAY = date(2020, 1, 2)
NOW = datetime(2020, 1, 3, tzinfo=UTC)


def lived(store: Connection, account: str) -> None:
    run = Run(
        run_id=account, account=account, command="daily", as_of=DAY, started_at=NOW, code_version="1", config="{}"
    )
    runs.start_run(store, run)
    standing = AccountState(account=Account(as_of=DAY, cash=Decimal(5)), open_orders=(), unit_values=(Decimal(5),))
    ledger.record_settlement(store, account, Day(state=standing, fills=(), entries=(), settled=()))
    assert isinstance(standing.snapshot, Snapshot)


def test_an_account_goes_from_every_table_and_the_others_and_all_trials_stay(tmp_path: Path) -> None:
    with connect(tmp_path / "home") as store:
        lived(store, "one")
        lived(store, "two")
        trial = Trial(symbols=("A",), start=DAY, end=DAY, config="{}", recorded_at=NOW)
        assert trials.record(store, trial) == 1
        tables = {
            row[0]
            for row in store.execute("SELECT table_name FROM duckdb_columns() WHERE column_name = 'account'").fetchall()
        }
        assert tables >= {"orders", "fills", "decisions", "account_snapshots", "runs", "risk_state", "adoptions"}
        before = accounts.known(store)
        assert [(account.account, account.command, account.first, account.equity) for account in before] == [
            ("one", "daily", DAY, 5),
            ("two", "daily", DAY, 5),
        ]
        assert accounts.forget(store, "one") == {"account_snapshots": 1, "runs": 1}
        assert accounts.names(store) == ("two",)
        assert accounts.forget(store, "one") == {}
        assert store.execute("SELECT count(*) FROM trials").fetchone() == (1,)
