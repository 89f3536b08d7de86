"""Trials: every configuration that was ever looked at, because the best of many looks good by chance."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from storage.database import Connection, transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One look at a configuration (JSON text) on a set of symbols and a window, both ends included."""

    symbols: tuple[str, ...]
    start: date
    end: date
    config: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        if not self.symbols or self.start > self.end:
            raise ValueError(f"a trial needs symbols and a window: {self.symbols}, {self.start} to {self.end}")


def record(connection: Connection, trial: Trial) -> int:
    """How many distinct configurations were tried on the same set of symbols in an overlapping window, this included.

    The order of symbols and of keys in the configuration does not matter; recording a trial again counts once.
    """
    symbols = json.dumps(sorted(set(trial.symbols)))
    config = json.dumps(json.loads(trial.config), sort_keys=True, separators=(",", ":"))
    digest = sha256(config.encode()).hexdigest()
    with transaction(connection):
        connection.execute(
            "INSERT INTO trials (symbols, start_date, end_date, config_sha256, config, recorded_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [symbols, trial.start, trial.end, digest, config, trial.recorded_at],
        )
        row = connection.execute(
            "SELECT count(DISTINCT config_sha256) FROM trials WHERE symbols = ? AND start_date <= ? AND end_date >= ?",
            [symbols, trial.end, trial.start],
        ).fetchone()
    return int(row[0]) if row else 0
