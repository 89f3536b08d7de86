"""Notes of days that are done: a scheduled repeat that finds its own ends before it imports what a day's work needs.

A note holds for one request, and until the next bar of its symbols closes. It only saves time: it is never believed
against the store, and without it a repeat finds the day done as well.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from flows.config.paths import default_home, expanded
from storage.bars.named_calendars import load_calendars
from storage.database import DATABASE_NAME, connect
from storage.files import write_whole
from storage.ledger import runs

FOLDER = Path("prefect") / "done"
#: Files of the home whose contents are settings.
_FILES = ("settings.toml", "instruments.toml")
#: Names in the environment that no day depends on, or that hold secrets.
_UNREAD = ("TURBODMT_TESTNET_", "TURBODMT_ALERT_", "TURBODMT_HOME")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """How a day ended: the JSON text of its answer, and the same in one sentence."""

    answer: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked for: the account in its home, and the hash of its parameters and all settings."""

    home: Path
    account: str
    fingerprint: str

    @property
    def file(self) -> Path:
        """Return the path of the account's note."""
        # The name becomes a path: one that is no name of an account is refused later, and has no note.
        return self.home / FOLDER / f"{sha256(self.account.encode()).hexdigest()[:16]}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Why a repeat has nothing to do: the day, how its newest run ended, and until when no later day can be asked for.

    `until` is None for a day that was named. `calendars` are those set by hand for symbols of the source, and `file` is
    the source's file with its size and time, if it has one. `store` is that of the database, if the note ends with
    anything that is written there.
    """

    command: str
    as_of: date
    status: str
    until: datetime | None
    source: str
    calendars: Mapping[str, str]
    file: tuple[str, int, int] | None
    store: tuple[str, int, int] | None = None


def asked(parameters: Mapping[str, object], account: str, as_of: date | None) -> Asked:
    """Return what a run of these parameters is asked for. Raises HomeUnknown."""
    given = parameters.get("home") or os.environ.get("TURBODMT_HOME")
    home = expanded(Path(str(given))) if given else default_home()
    found = sha256(repr((sorted(parameters.items()), account, as_of)).encode())
    for name, value in sorted(os.environ.items()):
        if name.upper().startswith("TURBODMT_") and not name.upper().startswith(_UNREAD):
            found.update(f"{name}={value}\0".encode())
    for name in _FILES:
        path = home / name
        found.update(path.read_bytes() if path.is_file() else b"\0")
    return Asked(home=home, account=account, fingerprint=found.hexdigest())


def file_seen(path: Path) -> tuple[str, int, int]:
    """Return the file's path, size and time. Raises OSError."""
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns


def store_seen(home: Path) -> tuple[str, int, int]:
    """Return the database's path, size and time; no connection may be open. Raises OSError."""
    return file_seen(home / DATABASE_NAME)


def note(request: Asked, rest: Rest, end: DayEnd, now: datetime) -> None:
    """Note that a repeat of the request has nothing to do; a note of another request is replaced."""
    kept = {**asdict(rest), **asdict(end), "fingerprint": request.fingerprint, "noted_at": now}
    request.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(request.file, json.dumps(kept, default=str).encode())


def noted(request: Asked, now: datetime) -> DayEnd | None:
    """Return the end of the request's day if its note says that nothing is left to do, and the store agrees.

    Raises StoreError.
    """
    try:
        kept = json.loads(request.file.read_bytes())
        rest = Rest(
            command=kept["command"],
            as_of=date.fromisoformat(kept["as_of"]),
            status=kept["status"],
            until=kept["until"] and datetime.fromisoformat(kept["until"]),
            source=kept["source"],
            calendars=kept["calendars"],
            file=kept["file"] and tuple(kept["file"]),
            store=kept["store"] and tuple(kept["store"]),
        )
        fresh = kept["fingerprint"] == request.fingerprint and datetime.fromisoformat(kept["noted_at"]) <= now
        fresh = fresh and (rest.until is None or now < rest.until)
        fresh = fresh and (rest.file is None or file_seen(Path(rest.file[0])) == rest.file)
        end = DayEnd(answer=kept["answer"], sentence=kept["sentence"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return end if fresh and _in_store(request, rest) else None


def _in_store(request: Asked, rest: Rest) -> bool:
    """Return whether the store still has the day as the note says, and the same calendars set by hand."""
    if not (request.home / DATABASE_NAME).is_file():
        return False
    with connect(request.home) as store:
        status = runs.last_status(store, request.account, rest.as_of, rest.command)
        named = {symbol: str(calendar) for symbol, calendar in load_calendars(store, rest.source).items()}
    # Looked at last: what a killed process left beside the database has entered it by now.
    unchanged = rest.store is None or store_seen(request.home) == rest.store
    return unchanged and status == rest.status and named == dict(rest.calendars)
