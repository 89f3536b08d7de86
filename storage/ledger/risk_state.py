"""The account's halt, which stays until a person resumes the account."""

from storage.database import Connection
from storage.typed_rows import read_first
from strategy.account.money import quantised
from strategy.portfolio.drawdown_halt import RiskState


def load(connection: Connection, account: str) -> RiskState:
    """Return the account's risk state; not halted if none was ever stored."""
    select = "SELECT halted, since, reason, peak_equity FROM risk_state WHERE account = ?"
    return read_first(connection, RiskState, select, [account]) or RiskState()


def save(connection: Connection, account: str, state: RiskState) -> None:
    """Store the account's risk state, replacing the earlier one."""
    peak = None if state.peak_equity is None else quantised(state.peak_equity)
    connection.execute(
        "INSERT OR REPLACE INTO risk_state (account, halted, since, reason, peak_equity) VALUES (?, ?, ?, ?, ?)",
        [account, state.halted, state.since, state.reason, peak],
    )
