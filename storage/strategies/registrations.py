"""Registered versions of strategies, and the version, parameters and sizing that an account is bound to."""

from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection, transaction
from storage.typed_rows import read_all, read_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A version of a strategy: its name, the sha256 of its file, and where the file lay. `registered_at` is aware."""

    name: str
    sha256: str
    origin: str
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The version of a strategy that an account trades, since when and why; `parameters` are canonical JSON.

    `since` is the account's newest day when it was bound: that of its first run, or its last one before a change was
    accepted, which holds from the next day on. `bound_at` is the instant of that run or acceptance.
    """

    account: str
    name: str
    sha256: str
    parameters: str
    sizing: str
    reason: str
    bound_at: datetime
    since: date | None = None

    @property
    def since_when(self) -> str:
        """Return the account's day since which it is bound; of older records the date on which it was bound."""
        return f"{self.since or self.bound_at:%Y-%m-%d}"

    def same_rule(self, other: "Binding") -> bool:
        """Return whether both bind to the same version, parameters and sizing."""
        return (self.sha256, self.parameters, self.sizing) == (other.sha256, other.parameters, other.sizing)


_REGISTERED = "SELECT name, sha256, origin, registered_at FROM strategies "
_BOUND = "SELECT account, name, sha256, parameters, sizing, reason, bound_at, since FROM strategy_bindings "


def register(connection: Connection, registration: Registration) -> None:
    """Record the version; if it is known, it becomes the newest, with its origin."""
    with transaction(connection):
        connection.execute(
            "INSERT OR REPLACE INTO strategies VALUES (?, ?, ?, ?)",
            [registration.name, registration.sha256, registration.origin, registration.registered_at],
        )


def versions(connection: Connection, name: str | None = None) -> tuple[Registration, ...]:
    """Return the registered versions of a strategy, newest first; without a name those of all, by name."""
    chosen = "WHERE name = ? " if name is not None else ""
    order = "ORDER BY name, registered_at DESC, sha256"
    return read_all(connection, Registration, _REGISTERED + chosen + order, [name] if name is not None else [])


def bind(connection: Connection, binding: Binding) -> None:
    """Bind the account to the version; earlier bindings stay on record."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO strategy_bindings SELECT 1 + coalesce(max(number), 0), ?, ?, ?, ?, ?, ?, ?, ? "
            "FROM strategy_bindings",
            [
                *(binding.account, binding.name, binding.sha256, binding.parameters, binding.sizing),
                *(binding.reason, binding.bound_at, binding.since),
            ],
        )


def binding(connection: Connection, account: str, name: str) -> Binding | None:
    """Return the binding of the account to the strategy of that name; None if it never traded it."""
    newest = _BOUND + "WHERE account = ? AND name = ? ORDER BY number DESC LIMIT 1"
    return read_first(connection, Binding, newest, [account, name])


def bindings(connection: Connection, name: str | None = None) -> tuple[Binding, ...]:
    """Return the binding in force of every account, of one strategy or all, by account and name."""
    chosen = "WHERE name = ? " if name is not None else ""
    newest = "QUALIFY row_number() OVER (PARTITION BY account, name ORDER BY number DESC) = 1 ORDER BY account, name"
    return read_all(connection, Binding, _BOUND + chosen + newest, [name] if name is not None else [])
