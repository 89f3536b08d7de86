"""Adoption of the present defaults by an account, which keeps the terms of its opening otherwise."""

from datetime import date
from pathlib import Path

from pydantic import JsonValue

from storage.accounts.terms import TermsCause
from storage.database import Connection, connect
from storage.ledger import days as ledger
from strategy.exit_codes import UsageError
from tasks.operations.halt import demand_reason
from tasks.run.account_names import none_of
from tasks.run.answers import Answer
from tasks.run.kept_terms import Terms, change_terms, last_settled, newest_terms


class AdoptedDefaultsAnswer(Answer):
    """The answer of `turbodmt accounts adopt-defaults`: the account's terms now and before.

    `in_force_from` is null if the account had these terms already.
    """

    account: str
    terms: dict[str, JsonValue]
    before: dict[str, JsonValue]
    in_force_from: date | None
    reason: str
    changed: bool
    warnings: tuple[str, ...]


def panel_of(home: Path, account: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the source and symbols of the account's newest day; (None, ()) if it has decided none yet.

    Raises UsageError for an account that has not opened.
    """
    with connect(home) as store:
        _demand_opened(store, account)
        return ledger.newest_panel(store, account)


def adopt_defaults(home: Path, account: str, defaults: Terms, reason: str) -> AdoptedDefaultsAnswer:
    """Give the account the terms of a new account from its next day on; return the answer of the command.

    Raises UsageError.
    """
    demand_reason(reason)
    with connect(home) as store:
        before, last = _demand_opened(store, account)
        # Beside a flat rate nothing names a series, and none is read.
        # The cash stays in its currency.
        kept = {"rates": defaults["rates"] or before["rates"], "base_currency": before["base_currency"]}
        wanted = {**defaults, **kept}
        entry = change_terms(store, account, wanted, (TermsCause.ADOPTED, reason.strip()), last)
    return AdoptedDefaultsAnswer(
        account=account,
        terms=wanted,
        before=before,
        in_force_from=entry.in_force_from if entry else None,
        reason=reason.strip(),
        changed=entry is not None,
        warnings=(),
    )


def _demand_opened(store: Connection, account: str) -> tuple[dict[str, JsonValue], date]:
    """Return the account's terms and its last settled day. Raises UsageError if it has not opened."""
    terms, last = newest_terms(store, account), last_settled(store, account)
    if terms is None or last is None:
        held = none_of(ledger.accounts(store), account, "no account has opened yet")
        raise UsageError(f"--account is {account!r}, and {held}")
    return terms, last
