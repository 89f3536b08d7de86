"""Verdicts on models, and promotions: which model decides from which day. Rows are only ever added."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from storage.database import Connection, transaction
from storage.keyed_rows import Table, insert_once
from storage.models.panels import OF_PANEL, Panel, as_json
from storage.typed_rows import read_all, read_first, scalar
from strategy.training.promotion_gate import PRIOR, Verdict


class Promoter(StrEnum):
    """The promoter of a model: the promotion gate or a person."""

    GATE = "gate"
    HAND = "hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A promotion: from `as_of` on the model, or `prior`, decides for the strategy on these symbols of the source.

    It decides for that version of the strategy alone. `at` is timezone-aware.
    """

    source: str
    symbols: tuple[str, ...]
    strategy: str
    model_id: str
    as_of: date
    by: Promoter
    reason: str
    at: datetime
    strategy_sha256: str | None = None

    @property
    def panel(self) -> Panel:
        """Return what the model decides for."""
        return Panel(
            source=self.source,
            symbols=self.symbols,
            strategy=self.strategy,
            strategy_sha256=self.strategy_sha256,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """A verdict on the model, judged on bars up to `as_of`."""

    model_id: str
    as_of: date
    verdict: Verdict
    created_at: datetime


# The first verdict stands: a repetition can differ only by trials that had not been made when it was passed.
_VERDICTS = Table(
    name="verdicts",
    key=("model_id", "rival", "as_of"),
    values=(),
    changing=("promoted", "figures", "reason", "created_at"),
)
_SELECT = (
    "SELECT source, symbols, strategy, strategy_sha256, model_id, as_of, promoted_by AS by, reason, promoted_at AS at "
    "FROM promotions "
)
_NEWEST_FIRST = " ORDER BY as_of DESC, number DESC "
_IN_FORCE = (
    f"WHERE {OF_PANEL} AND as_of <= ? "  # noqa: S608 - a constant
    "AND (model_id = 'prior' OR model_id IN (SELECT model_id FROM models WHERE trained_to <= ?))"
)


def record_verdict(connection: Connection, stored: StoredVerdict) -> Verdict:
    """Record the verdict unless one is stored for its model, rival and day; return the stored one."""
    verdict = stored.verdict
    figures = json.dumps(asdict(verdict.figures), sort_keys=True, allow_nan=False)
    key = (stored.model_id, verdict.rival, stored.as_of)
    insert_once(connection, _VERDICTS, [(*key, verdict.promoted, figures, verdict.reason, stored.created_at)])
    return next(
        stored_verdict for stored_verdict in verdicts(connection, stored.model_id) if _key(stored_verdict) == key
    ).verdict


def verdicts(connection: Connection, model_id: str) -> tuple[StoredVerdict, ...]:
    """Return every verdict on the model, newest day first."""
    return read_all(
        connection,
        StoredVerdict,
        "SELECT model_id, rival, as_of, promoted, figures, reason, created_at FROM verdicts WHERE model_id = ? "
        "ORDER BY as_of DESC, created_at DESC, rival",
        [model_id],
    )


def promote(connection: Connection, promotion: Promotion) -> bool:
    """Record the promotion; return False if it changes nothing.

    The gate promotes a model once a day, a person only a model that is not in force already. A promotion of an earlier
    day does not displace that of a later one. Raises ValueError if the model is not registered, belongs to another
    strategy, version or other symbols, or saw bars after the day.
    """
    with transaction(connection):
        _refuse_strangers(connection, promotion)
        if _is_known(connection, promotion):
            return False
        connection.execute(
            "INSERT INTO promotions "
            "(number, source, symbols, strategy, strategy_sha256, model_id, as_of, promoted_by, reason, promoted_at) "
            "SELECT 1 + coalesce(max(number), 0), ?, ?, ?, ?, ?, ?, ?, ?, ? FROM promotions",
            [
                *(*promotion.panel.key, promotion.model_id, promotion.as_of, str(promotion.by)),
                *(promotion.reason, promotion.at),
            ],
        )
    return True


def in_force(connection: Connection, panel: Panel, as_of: date) -> Promotion | None:
    """Return the promotion in force on the day: the newest whose model saw nothing after it.

    None if nothing was promoted up to that day: the prior decides.
    """
    found = _SELECT + _IN_FORCE + _NEWEST_FIRST + "LIMIT 1"
    return read_first(connection, Promotion, found, [*panel.key, as_of, as_of])


def history(connection: Connection, panel: Panel) -> tuple[Promotion, ...]:
    """Return every promotion for the panel, the one in force first."""
    ruled = f"{_SELECT}WHERE {OF_PANEL}{_NEWEST_FIRST}"
    return read_all(connection, Promotion, ruled, panel.key)


def first_open_day(connection: Connection, panel: Panel, trained_to: date) -> date:
    """Return the first day from which a promotion by hand may apply: it changes no day that is already decided.

    Days of other symbols, another source or strategy do not count, nor do those of a backfill, which has models of its
    own; a day whose source is unknown does. Never before `trained_to` or a promotion that is in force.
    """
    decided = scalar(
        connection,
        date,
        "SELECT max(as_of) FROM (SELECT as_of FROM decisions WHERE strategy = ? AND coalesce(source = ?, true) "
        "AND (account NOT IN (SELECT account FROM runs WHERE command = 'backfill') "
        "OR (account, as_of) IN (SELECT account, as_of FROM runs WHERE command = 'daily')) "
        "GROUP BY account, as_of HAVING list(symbol ORDER BY symbol) = ?)",
        [panel.strategy, panel.source, sorted(panel.symbols)],
    )
    newest = in_force(connection, panel, date.max)
    open_since = decided + timedelta(days=1) if decided else trained_to
    return max(open_since, trained_to, newest.as_of if newest else trained_to)


def _is_known(connection: Connection, promotion: Promotion) -> bool:
    if promotion.by is Promoter.HAND:
        ruling = in_force(connection, promotion.panel, promotion.as_of)
        return (ruling.model_id if ruling else PRIOR) == promotion.model_id
    found = scalar(
        connection,
        int,
        f"SELECT 1 FROM promotions WHERE {OF_PANEL} AND model_id = ? AND as_of = ? AND promoted_by = ?",  # noqa: S608 - a constant
        [*promotion.panel.key, promotion.model_id, promotion.as_of, str(promotion.by)],
    )
    return found is not None


def _refuse_strangers(connection: Connection, promotion: Promotion) -> None:
    if promotion.model_id == PRIOR:
        return
    model_id = promotion.model_id
    row = connection.execute(
        "SELECT source, symbols, strategy, strategy_sha256, trained_to FROM models WHERE model_id = ?", [model_id]
    ).fetchone()
    if row is None:
        raise ValueError(f"model {model_id} is not registered; `turbodmt models` lists those that are")
    source, symbols, strategy, version, trained_to = row
    if strategy != promotion.strategy:
        raise ValueError(
            f"model {model_id[:12]} belongs to strategy {strategy}, not to {promotion.strategy}; promote it for its own"
        )
    if version != promotion.strategy_sha256:
        versions = [(each or "built in")[:12] for each in (version, promotion.strategy_sha256)]
        raise ValueError(
            f"model {model_id[:12]} belongs to version {versions[0]} of strategy {strategy}, not to {versions[1]}; "
            "promote it for its own"
        )
    if (source, symbols) != (promotion.source, as_json(promotion.symbols)):
        raise ValueError(
            f"model {model_id[:12]} was trained on {symbols} of {source}, not on {as_json(promotion.symbols)} of "
            f"{promotion.source}; promote it for its own symbols"
        )
    if trained_to > promotion.as_of:
        raise ValueError(
            f"model {model_id[:12]} saw bars up to {trained_to} and cannot decide on {promotion.as_of}; promote it as "
            "of that day or a later one"
        )


def _key(stored: StoredVerdict) -> tuple[str, str, date]:
    return stored.model_id, stored.verdict.rival, stored.as_of
