"""Accounts of a store: list them, check a name, and forget an account or a source's bars."""

import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from storage.bars import published as bar_store
from storage.database import DATABASE_NAME, Connection, connect
from storage.ledger import accounts as account_store
from storage.ledger import broker_events, risk_state
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.accounts import KnownAccount
from strategy.exit_codes import UsageError
from tasks.daily.account_returns import account_returns
from tasks.run.account_names import none_of
from tasks.run.answers import Answer, Exact
from tasks.run.job import PAPER
from tasks.run.kept_terms import newest_terms, terms_on


class AccountAnswer(Answer):
    """An account of the ledger; its source, strategy, equity and terms are null until it has a day.

    `terms` are those of its last day, `next_terms` those from its next day on. `twr` is the time-weighted return
    since it opened, `mwr` the money-weighted one a year; each is null where it is not defined.
    """

    account: str
    filled_by: str
    source: str | None
    symbols: tuple[str, ...]
    strategy: str | None
    broker: str
    first: date | None
    last: date | None
    equity: Exact | None
    halted: bool
    twr: float | None
    mwr: float | None
    terms: dict[str, JsonValue] | None
    next_terms: dict[str, JsonValue] | None


class AccountsAnswer(Answer):
    """The answer of `turbodmt accounts`."""

    accounts: tuple[AccountAnswer, ...]
    warnings: tuple[str, ...]


class ForgottenAccountAnswer(Answer):
    """The answer of `turbodmt accounts forget`: how many rows of the account are gone."""

    forgotten: str
    filled_by: str
    days: int
    orders: int
    fills: int
    warnings: tuple[str, ...]


class ForgottenBarsAnswer(Answer):
    """The answer of `turbodmt bars forget`: how many bars of the source are gone."""

    forgotten: str
    bars: int
    warnings: tuple[str, ...]


def accounts(home: Path) -> AccountsAnswer:
    """Return the answer of `turbodmt accounts`."""
    with connect(home) as store:
        known = tuple(_account_answer(store, account) for account in account_store.known(store))
    return AccountsAnswer(accounts=known, warnings=())


def _account_answer(store: Connection, known: KnownAccount) -> AccountAnswer:
    source, symbols = ledger.newest_panel(store, known.account)
    returns = account_returns(store, known.account, known.last) if known.last else None
    decided = ledger.provenance_on(store, known.account, known.last) if known.last else None
    return AccountAnswer(
        account=known.account,
        filled_by=known.command,
        source=source,
        symbols=tuple(symbols),
        strategy=decided.strategy if decided else None,
        broker=broker_events.broker_of(store, known.account) or PAPER,
        first=known.first,
        last=known.last,
        equity=known.equity,
        halted=risk_state.load(store, known.account).halted,
        twr=returns.twr if returns else None,
        mwr=returns.mwr if returns else None,
        terms=terms_on(store, known.account, known.last) if known.last else None,
        next_terms=newest_terms(store, known.account),
    )


def demand_known(home: Path, account: str, expected: Collection[str] = ()) -> None:
    """Raise UsageError, naming the known accounts, if the store does not know this one.

    One of those `expected` may not have begun yet; in a store without any account every name passes.
    """
    if not (home / DATABASE_NAME).exists():
        return
    with connect(home) as store:
        names = account_store.names(store)
    if names and account not in names and account not in expected:
        raise UsageError(f"--account is {account!r}, and {none_of(names, account)}")


def demand_forgettable(home: Path, account: str) -> KnownAccount:
    """Return the account; raise UsageError if there is none, or it is halted or open at an external broker."""
    with connect(home) as store:
        return _forgettable(store, account)


def _forgettable(store: Connection, account: str) -> KnownAccount:
    found = next(
        (known_account for known_account in account_store.known(store) if known_account.account == account), None
    )
    if found is None:
        raise UsageError(f"NAME is {account!r}, and {none_of(account_store.names(store), account)}")
    risk = risk_state.load(store, account)
    if risk.halted:
        raise UsageError(
            f"account {account} has been halted since {risk.since}: {risk.reason}; `turbodmt resume --account "
            f"{account} --reason TEXT` first, so that no halt is forgotten by mistake"
        )
    _demand_flat(store, account)
    return found


def _demand_flat(store: Connection, account: str) -> None:
    """Raise UsageError if an external broker may still hold a position or an order of the account."""
    broker = broker_events.broker_of(store, account)
    if broker is None:
        return
    snapshot = position_store.latest_snapshot(store, account)
    held = sorted(snapshot.held) if snapshot else []
    waiting = order_store.open_orders(store, account)
    if held or waiting:
        what = ", ".join([*held, *(order.order_id for order in waiting)])
        raise UsageError(
            f"account {account} is open at {broker} ({what}), and forgetting it here would close nothing there; close "
            "its positions there and run its next day first"
        )


def forget_account(home: Path, account: str) -> ForgottenAccountAnswer:
    """Return the answer of `turbodmt accounts forget`: delete the account's rows and pages, keep its trials counted.

    Raises UsageError.
    """
    with connect(home) as store:
        # Check again: it may have been halted while the confirmation was pending.
        found = _forgettable(store, account)
        rows = account_store.forget(store, account)
    pages = home / "reports" / account
    if pages.is_dir() and not pages.is_symlink():
        shutil.rmtree(pages)
    return ForgottenAccountAnswer(
        forgotten=account,
        filled_by=found.command,
        days=rows.get("account_snapshots", 0),
        orders=rows.get("orders", 0),
        fills=rows.get("fills", 0),
        warnings=(),
    )


def demand_unused(home: Path, source: str) -> int:
    """Return how many bars of the source are published; raise UsageError if none are, or if accounts need them."""
    with connect(home) as store:
        return _unused(store, source)


def _unused(store: Connection, source: str) -> int:
    rows: dict[str, int] = {}
    for count in bar_store.published_counts(store):
        rows[count.source] = rows.get(count.source, 0) + count.rows
    users = account_store.deciding(store, source)
    if source not in rows:
        held = f"there are bars of {', '.join(sorted(rows))}; name one of these" if rows else "there are no bars at all"
        raise UsageError(f"SOURCE is {source!r}, and {held}")
    if users:
        raise UsageError(
            f"bars of {source} are what {', '.join(users)} decided on, and are needed to settle and to explain them; "
            f"`turbodmt accounts forget {users[0]}` first"
        )
    return rows[source]


def forget_bars(home: Path, source: str) -> ForgottenBarsAnswer:
    """Return the answer of `turbodmt bars forget`. Raises UsageError."""
    with connect(home) as store:
        bars = _unused(store, source)
        account_store.forget_bars(store, source)
    return ForgottenBarsAnswer(forgotten=source, bars=bars, warnings=())
