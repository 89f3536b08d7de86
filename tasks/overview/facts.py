"""What the page of all accounts tells, read from the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from storage.database import Connection
from storage.ledger import accounts as account_store
from storage.ledger import broker_events, runs
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from storage.ledger.runs import RunRecord, RunStatus
from storage.models import registry as model_store
from storage.models import saved_backtests, saved_pages
from storage.models.registry import ModelState
from storage.models.saved_backtests import SavedBacktest
from storage.models.saved_pages import SavedPage
from storage.reports import MODELS, address, day_pages, is_there, model_file
from tasks.digest.facts import DayKind, Equity, equity_on, kind_on
from tasks.operations.concerns import Concern, concerns_in, is_live
from tasks.run.job import PAPER
from tasks.run.runs import DAILY

#: The equity is drawn over so many account days: about a quarter of trading.
DAYS_DRAWN = 63
#: Saved backtests that are looked at, comparisons and sweeps, and models that are listed.
BACKTESTS = 20
PAGES = 20
MODELS_SHOWN = 20


class Standing(StrEnum):
    """Where an account's newest day stands.

    WAITING: symbols or the source itself are late and may still come. INCOMPLETE: the day's time is over without some
    symbols. HALTED: only orders that reduce are sent. RUNNING: a run has begun and not ended. FILLED: a backfill has
    filled the account. EMPTY: it has no day yet.
    """

    DONE = "done"
    WAITING = "waiting"
    INCOMPLETE = "incomplete"
    HALTED = "halted"
    FAILED = "failed"
    RUNNING = "running"
    FILLED = "filled"
    EMPTY = "empty"


_STANDINGS = {
    DayKind.DONE: Standing.DONE,
    DayKind.PARTIAL: Standing.WAITING,
    DayKind.HALTED: Standing.HALTED,
    DayKind.FAILED: Standing.FAILED,
    DayKind.UNFINISHED: Standing.RUNNING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """An account at a glance. `day` is that of its standing, `equity` that of its last settled day.

    `exposures` are the signed values of its positions over equity, the largest first. `live` says whether somebody runs
    it every day, and `next_run` when its schedule starts the next run: None without one. `page` is the newest daily
    page, its address relative to the folder of all reports, `pages` their number; `backtests` are saved ones of the
    same strategy on the same bars. `concerns` are sentences that end with a remedy.
    """

    account: str
    standing: Standing
    live: bool
    broker: str
    source: str | None = None
    symbols: tuple[str, ...] = ()
    strategy: str | None = None
    day: date | None = None
    equity: Equity | None = None
    exposures: tuple[tuple[str, float], ...] = ()
    next_run: datetime | None = None
    concerns: tuple[str, ...] = ()
    page: str | None = None
    pages: int = 0
    backtests: tuple[SavedBacktest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model that has a page, its address relative to the folder of all reports, and where the model stands."""

    model_id: str
    strategy: str
    symbols: tuple[str, ...]
    trained_to: date
    state: ModelState
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the store does not know: the instant, when each account is run next, and concerns of Prefect's server.

    `next_runs` is None where no server was asked, or it did not answer: nobody knows then.
    """

    now: datetime
    next_runs: Mapping[str, datetime] | None = None
    concerns: tuple[Concern, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All accounts of a home at the instant `now`; `concerns` are those of no single account.

    `scheduled` says whether the schedules are known. `backtests` are saved ones whose files are still there, `pages`
    such comparisons and sweeps, and `addresses` holds the address of each by its path.
    """

    now: datetime
    scheduled: bool
    accounts: tuple[AccountFacts, ...] = ()
    concerns: tuple[str, ...] = ()
    backtests: tuple[SavedBacktest, ...] = ()
    models: tuple[ModelFacts, ...] = ()
    pages: tuple[SavedPage, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)


def overview(store: Connection, home: Path, beside: Beside) -> Overview:
    """Return the facts of every account: live ones first, those with concerns before others, then by name."""
    names = account_store.names(store)
    concerns = (*concerns_in(store, beside.now, set(names)), *beside.concerns)
    newest = {record.run.account: record for record in runs.newest_runs(store, DAILY)}
    saved = tuple(each for each in saved_backtests.newest(store, BACKTESTS) if is_there(Path(each.report)))
    pages = tuple(each for each in saved_pages.newest(store, PAGES) if is_there(Path(each.page)))
    paths = (*(each.report for each in saved), *(each.page for each in pages))
    found = [
        _account(store, home, name, newest.get(name), _Around(beside=beside, concerns=concerns, saved=saved))
        for name in names
    ]
    return Overview(
        now=beside.now,
        scheduled=beside.next_runs is not None,
        accounts=tuple(sorted(found, key=lambda one: (not one.live, not one.concerns, one.account))),
        concerns=tuple(each.text for each in concerns if _owner(each, names) is None),
        backtests=saved,
        models=_models(store, home),
        pages=pages,
        addresses={path: address(home, Path(path)) for path in paths},
    )


def _models(store: Connection, home: Path) -> tuple[ModelFacts, ...]:
    """Return the newest models that have a page, the newest training first."""
    shown = [each for each in reversed(model_store.records(store)) if is_there(model_file(home, each.model_id))]
    return tuple(
        ModelFacts(
            model_id=each.model_id,
            strategy=each.strategy,
            symbols=each.symbols,
            trained_to=each.trained_to,
            state=each.state,
            page=f"{MODELS}/{model_file(home, each.model_id).name}",
        )
        for each in shown[:MODELS_SHOWN]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What the facts of every account are chosen from."""

    beside: Beside
    concerns: Sequence[Concern]
    saved: tuple[SavedBacktest, ...]


def _account(store: Connection, home: Path, account: str, record: RunRecord | None, around: _Around) -> AccountFacts:
    own = [each for each in around.concerns if _owner(each, {account}) == account]
    standing, day = _standing(store, account, record, {each.key.partition(":")[0] for each in own})
    snapshot = position_store.latest_snapshot(store, account)
    last = snapshot.account.as_of if snapshot else None
    decided = ledger.provenance_on(store, account, last) if last else None
    source, symbols = ledger.newest_panel(store, account)
    pages = day_pages(home, account)
    shown = next((day for day in reversed(pages) if is_there(pages[day])), None)
    exposures = [(symbol, snapshot.exposure(symbol)) for symbol in snapshot.held] if snapshot else []
    strategy = decided.strategy if decided else None
    return AccountFacts(
        account=account,
        standing=standing,
        live=record is not None and is_live(record),
        broker=broker_events.broker_of(store, account) or PAPER,
        source=source,
        symbols=symbols,
        strategy=strategy,
        day=day or last,
        equity=equity_on(store, account, last, DAYS_DRAWN) if last else None,
        exposures=tuple(sorted(exposures, key=lambda one: -abs(one[1]))),
        next_run=(around.beside.next_runs or {}).get(account),
        concerns=tuple(each.text for each in own),
        page=f"{account}/{shown}.html" if shown else None,
        pages=len(pages),
        backtests=tuple(
            each
            for each in around.saved
            if (each.source, each.strategy, set(each.symbols)) == (source, strategy, set(symbols))
        ),
    )


def _standing(
    store: Connection, account: str, record: RunRecord | None, kinds: set[str]
) -> tuple[Standing, date | None]:
    """Return where the account's newest day stands, and that day; None for an account without one."""
    if record is None:
        filled = runs.runs(store, account=account, last=1)
        return (Standing.FILLED, filled[0].run.as_of) if filled else (Standing.EMPTY, None)
    day = record.run.as_of
    standing = _STANDINGS.get(kind_on(store, account, day), Standing.EMPTY)
    late = record.outcome is not None and record.outcome.status is RunStatus.LATE
    if standing is Standing.FAILED and late and "failed" not in kinds:
        # The source is asked again until the time of the day is over.
        standing = Standing.WAITING
    if standing is Standing.WAITING and "partial" in kinds:
        standing = Standing.INCOMPLETE
    if "halted" in kinds:
        standing = Standing.HALTED
    return standing, day


def _owner(concern: Concern, names: Collection[str]) -> str | None:
    """Return the account of these names that the concern is about; None if it is about none of them."""
    about = concern.key.partition(":")[2]
    return about if about in names else None
