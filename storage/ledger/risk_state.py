"""The account's halt, which stays until a person resumes the account, and the log of its halts and resumptions."""

from datetime import datetime

from storage.database import Connection, transaction
from storage.typed_rows import read_all, read_first
from strategy.account.money import quantised
from strategy.portfolio.drawdown_halt import HaltEvent, RiskState


def load(connection: Connection, account: str) -> RiskState:
    """Return the account's risk state; not halted if none was ever stored."""
    select = "SELECT halted, since, reason, peak_equity, flatten FROM risk_state WHERE account = ?"
    return read_first(connection, RiskState, select, [account]) or RiskState()


def save(connection: Connection, account: str, state: RiskState, at: datetime) -> None:
    """Store the account's risk state, replacing the earlier one; a halt or resumption is an event of its log."""
    peak = None if state.peak_equity is None else quantised(state.peak_equity)
    with transaction(connection):
        if load(connection, account).kind is not state.kind:
            connection.execute(
                "INSERT INTO halts (account, number, kind, since, reason, recorded_at) "
                "SELECT $account, count(*) + 1, $kind, $since, $reason, $at FROM halts WHERE account = $account",
                {
                    "account": account,
                    "kind": str(state.kind),
                    "since": state.since,
                    "reason": state.reason,
                    "at": at,
                },
            )
        connection.execute(
            "INSERT OR REPLACE INTO risk_state (account, halted, since, reason, peak_equity, flatten) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [account, state.halted, state.since, state.reason, peak, state.flatten],
        )


def events(connection: Connection, account: str) -> tuple[HaltEvent, ...]:
    """Return every halt and resumption of the account, oldest first."""
    select = "SELECT kind, since, reason, recorded_at FROM halts WHERE account = ? ORDER BY number"
    return read_all(connection, HaltEvent, select, [account])
