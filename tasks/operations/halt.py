"""Halt and resume by hand: a halted account settles, decides and reports, but sends only orders that reduce."""

from datetime import date
from pathlib import Path

from storage.database import connect, transaction
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from storage.ledger import risk_state
from strategy.exit_codes import UsageError
from strategy.portfolio.drawdown_halt import RiskState
from tasks.run.answers import Answer


class HaltAnswer(Answer):
    """The answer of `turbodmt halt` and `resume`: the account's state, since when, and whether that is new."""

    account: str
    halted: bool
    since: date | None
    reason: str
    changed: bool


def demand_reason(reason: str) -> None:
    """Raise UsageError for a blank reason."""
    if not reason.strip():
        raise UsageError(f"--reason is {reason!r}; say in a few words why, for whoever reads it later")


def halt(home: Path, account: str, reason: str) -> HaltAnswer:
    """Halt the account until it is resumed; return the answer of `turbodmt halt`.

    Raises UsageError.
    """
    return _set(home, account, reason, halted=True)


def resume(home: Path, account: str, reason: str) -> HaltAnswer:
    """Resume trading, with the drawdown counted from today's equity; return the answer of `turbodmt resume`.

    Raises UsageError.
    """
    return _set(home, account, reason, halted=False)


def _set(home: Path, account: str, reason: str, *, halted: bool) -> HaltAnswer:
    demand_reason(reason)
    with connect(home) as store, transaction(store):
        _demand_known(account, ledger.accounts(store))
        before = risk_state.load(store, account)
        snapshot = position_store.latest_snapshot(store, account)
        since = snapshot.account.as_of if snapshot else None
        peak = before.peak_equity if halted else (snapshot.unit_value if snapshot else None)
        unchanged = before.halted == halted
        after = before if unchanged else RiskState(halted=halted, since=since, reason=reason.strip(), peak_equity=peak)
        risk_state.save(store, account, after)
    return HaltAnswer(
        account=account, halted=after.halted, since=after.since, reason=after.reason, changed=not unchanged
    )


def _demand_known(account: str, known: tuple[str, ...]) -> None:
    if account not in known:
        held = (
            f"the ledger holds {', '.join(known)}; name one of these" if known else "no account has settled a day yet"
        )
        raise UsageError(f"--account is {account!r}, and {held}")
