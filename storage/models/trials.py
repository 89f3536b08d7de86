"""Trials: every configuration ever evaluated, because the best of many looks good by chance."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from storage.database import Connection, transaction
from storage.typed_rows import read_all, scalar
from strategy.evaluation.deflated_sharpe import TrialLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An evaluation of a configuration (JSON text) on a set of symbols and a window, both ends included.

    `sharpe` is its daily net Sharpe ratio over `days` days; both are None if unknown. `account_version` is that of the
    account it ran in.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    config: str
    recorded_at: datetime
    sharpe: float | None = None
    days: int | None = None
    account_version: int = 1

    def __post_init__(self) -> None:
        if not self.symbols or self.start > self.end:
            raise ValueError(f"a trial needs symbols and a window: {self.symbols}, {self.start} to {self.end}")
        if (self.sharpe is None) != (self.days is None):
            raise ValueError(f"a trial has a Sharpe ratio and its days, or neither: {self.sharpe}, {self.days}")
        if self.sharpe is not None and not math.isfinite(self.sharpe):
            raise ValueError(f"the Sharpe ratio of a trial is {self.sharpe}; it must be finite, or None")


def record(connection: Connection, trial: Trial) -> int:
    """Record the trial; return the number of distinct configurations tried on the same symbols in overlapping windows.

    The count includes this one. The order of symbols and of keys in the configuration does not matter; recording a
    trial again counts once.
    """
    with transaction(connection):
        record_all(connection, [trial])
        return tried(connection, trial).count


def record_all(connection: Connection, trials: Sequence[Trial]) -> None:
    """Record the trials. A known trial takes the new Sharpe ratio, if there is one."""
    rows = {
        _key(trial): (_spelled(trial.config), trial.recorded_at, trial.sharpe, trial.days, trial.account_version)
        for trial in trials
    }
    if not rows:
        return
    columns = zip(*((*key, *values) for key, values in rows.items()), strict=True)
    # One statement with a list per column: a thousand rows take as long as ten.
    connection.execute(
        "INSERT INTO trials (symbols, start_date, end_date, config_sha256, config, recorded_at, sharpe, days, "
        "account_version) "
        "SELECT unnest(?::VARCHAR[]), unnest(?::DATE[]), unnest(?::DATE[]), unnest(?::VARCHAR[]), "
        "unnest(?::VARCHAR[]), unnest(?::TIMESTAMPTZ[]), unnest(?::DOUBLE[]), unnest(?::INTEGER[]), "
        "unnest(?::INTEGER[]) "
        "ON CONFLICT (symbols, start_date, end_date, config_sha256) DO UPDATE "
        "SET sharpe = excluded.sharpe, days = excluded.days, recorded_at = excluded.recorded_at, "
        "account_version = excluded.account_version "
        "WHERE excluded.sharpe IS NOT NULL",
        [list(column) for column in columns],
    )


def tried(connection: Connection, trial: Trial) -> TrialLog:
    """Return the distinct configurations tried on the trial's symbols in windows that overlap its own.

    If one was tried in several such windows, the Sharpe ratio in the trial's own window counts, else the newest. That
    of another version of the account counts as unknown: it is measured otherwise.
    """
    symbols, start, end, _ = _key(trial)
    found = connection.execute(
        "SELECT CASE WHEN account_version = ? THEN sharpe END FROM trials "
        "WHERE symbols = ? AND start_date <= ? AND end_date >= ? "
        "QUALIFY row_number() OVER (PARTITION BY config_sha256 ORDER BY sharpe IS NULL, "
        "(start_date = ? AND end_date = ?) DESC, recorded_at DESC, start_date, end_date) = 1 ORDER BY config_sha256",
        [trial.account_version, symbols, end, start, start, end],
    ).fetchall()
    return TrialLog(count=len(found), sharpes=tuple(float(sharpe) for (sharpe,) in found if sharpe is not None))


def is_tried(connection: Connection, trial: Trial) -> bool:
    """Return whether the trial's configuration was tried on its symbols in a window that overlaps its own."""
    symbols, start, end, digest = _key(trial)
    select = (
        "SELECT count(*) FROM trials WHERE symbols = $symbols AND config_sha256 = $digest AND start_date <= $end "
        "AND end_date >= $start"
    )
    return bool(scalar(connection, int, select, {"symbols": symbols, "digest": digest, "start": start, "end": end}))


def newest(connection: Connection, symbols: Sequence[str] | None, last: int) -> tuple[Trial, ...]:
    """Return the newest trials on exactly these symbols, or (None) of all, newest first and at most `last` of them."""
    return read_all(
        connection,
        Trial,
        'SELECT symbols, start_date AS start, end_date AS "end", config, recorded_at, sharpe, days, account_version '
        "FROM trials WHERE $symbols IS NULL OR symbols = $symbols "
        "ORDER BY recorded_at DESC, symbols, start_date, end_date, sharpe DESC NULLS LAST, config_sha256 LIMIT $last",
        {"symbols": _listed(symbols), "last": last},
    )


def counted(connection: Connection, symbols: Sequence[str] | None) -> int:
    """Return how many trials there are on exactly these symbols, or (None) in all."""
    select = "SELECT count(*) FROM trials WHERE $symbols IS NULL OR symbols = $symbols"
    return scalar(connection, int, select, {"symbols": _listed(symbols)}) or 0


def _listed(symbols: Sequence[str] | None) -> str | None:
    """Return symbols as the table has them."""
    return None if symbols is None else json.dumps(sorted(set(symbols)))


def configurations(connection: Connection) -> tuple[str, ...]:
    """Return every configuration ever tried, each once, as JSON."""
    return tuple(str(config) for (config,) in connection.execute("SELECT DISTINCT config FROM trials").fetchall())


def _key(trial: Trial) -> tuple[str, date, date, str]:
    """Return the natural key: the symbols sorted, the configuration by its hash."""
    digest = sha256(_spelled(trial.config).encode()).hexdigest()
    return json.dumps(sorted(set(trial.symbols))), trial.start, trial.end, digest


def _spelled(config: str) -> str:
    """Return the configuration in canonical JSON."""
    return json.dumps(json.loads(config), sort_keys=True, separators=(",", ":"))
