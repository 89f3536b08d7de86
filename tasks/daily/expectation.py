"""Expectation: what an account's past leads to expect of it, frozen once, on its first day, under its own terms."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

import numpy as np

from storage.accounts import expectations as expectation_store
from storage.accounts import terms as term_store
from storage.accounts.expectations import StoredExpectation
from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.drift.band import FEWEST_PAST_DAYS, Band, frozen_band
from strategy.drift.cost import frozen_limit
from strategy.drift.looks import Looks
from strategy.drift.shift import FEWEST_RETURNS, Reference, covered, frozen_reference
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray
from strategy.market.data_hash import data_sha256
from strategy.market.instruments import account_days_per_year
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Status
from strategy.signals.outlook import symbol_signals
from tasks.daily.account_state import account_config
from tasks.data.own_columns import seen_by
from tasks.run.job import Job
from tasks.run.kept_terms import canonical, terms_on
from tasks.strategies.audit_gate import Subject, proven
from tasks.strategy_process.child_process import ChildLost

log = logging.getLogger(__name__)

#: The years before the first day that count: what is older says little of the year to come.
PAST_YEARS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the past leads to expect from the first day on; a part that it cannot tell is None, with the reason.

    `symbols` are those of the reference. The cost of fills needs no past: only its limit is frozen.
    """

    source: str
    symbols: tuple[str, ...]
    year_days: int
    past_from: date | None
    past_until: date | None
    cost_limit: float
    band: Band | None
    no_band: str
    reference: Reference | None
    no_reference: str


def expect(job: Job, model_id: str | None) -> None:
    """Freeze what the account's past leads to expect, unless that is done; the store is open only to read and write.

    An account whose strategy, terms or symbols have changed has another expectation from the day on; one that opened
    before there were any has one from its first day, or from the last change of its terms.
    """
    with connect(job.home) as store:
        opened = ledger.first_day(store, job.account)
        known = expectation_store.newest(store, job.account)
        subject = _subject(store, job, model_id)
        if opened is None or (known and (known.subject == subject or known.begins_on >= job.as_of)):
            return
        begins_on = job.as_of if known else _began(store, job.account, opened, job.as_of)
        config = account_config(store, job)
        bars = bar_store.load(store, job.source, job.symbols, until=begins_on)
    frozen = _frozen(job, config, bars, model_id)
    content = _content(frozen)
    stored = StoredExpectation(
        begins_on=begins_on,
        subject=subject,
        seed=job.policy.recipe.seed,
        data_sha256=data_sha256(bars),
        code_version=job.code_version,
        content=content,
        sha256=sha256(content.encode()).hexdigest(),
    )
    with connect(job.home) as store:
        expectation_store.record(store, job.account, stored)
    log.info("What the past of %s leads to expect from %s on is frozen: %s.", job.account, begins_on, stored.sha256)


def expectation_of(stored: StoredExpectation) -> Expectation:
    """Return the expectation as it was frozen."""
    content = json.loads(stored.content)
    band, reference = content.pop("band"), content.pop("reference")
    if reference:
        reference |= {name: tuple(reference[name]) for name in ("mean", "deviation", "edges", "counts")}
    first, last = content.pop("past_from"), content.pop("past_until")
    return Expectation(
        **{**content, "symbols": tuple(content["symbols"])},
        past_from=date.fromisoformat(first) if first else None,
        past_until=date.fromisoformat(last) if last else None,
        band=Band(**band) if band else None,
        reference=Reference(**reference) if reference else None,
    )


def log_returns(bars: Mapping[str, Bars], dates: Sequence[date]) -> FloatArray:
    """Return the daily log returns of adjusted closes, (T, S): from each symbol's own bar before, NaN without a bar."""
    result = np.full((len(dates), len(bars)), np.nan)
    days = np.array(dates, dtype="datetime64[D]")
    for column, (_, series) in enumerate(sorted(bars.items())):
        changes = np.diff(np.log(series.adjusted_close))
        own = series.open_time[1:].astype("datetime64[D]")
        within = np.isin(own, days)
        result[np.searchsorted(days, own[within]), column] = changes[within]
    return result


def _subject(store: Connection, job: Job, model_id: str | None) -> str:
    """Return the hash of what an expectation holds for: strategy, who decides for it, terms, source and symbols."""
    strategy = job.policy.strategy
    parts = (strategy.name, strategy.version, repr(strategy.parameters), "model" if model_id else "rule")
    terms = canonical(terms_on(store, job.account, job.as_of))
    return sha256(json.dumps([*parts, terms, job.source, job.symbols]).encode()).hexdigest()


def _began(store: Connection, account: str, opened: date, day: date) -> date:
    """Return the first day, or that of the newest change of terms."""
    in_force = term_store.in_force(store, account, day)
    return max(opened, in_force.in_force_from) if in_force and in_force.before is not None else opened


def _frozen(job: Job, config: AccountConfig, bars: Mapping[str, Bars], model_id: str | None) -> Expectation:
    calendars = frozenset(config.terms.instruments[symbol].calendar for symbol in bars)
    year_days = account_days_per_year(calendars)
    looks = Looks(year_days=year_days, seed=job.policy.recipe.seed)
    dates = account_dates(bars)[-PAST_YEARS * year_days :]
    band, reason = _band(job, (config, dates), bars, model_id, looks)
    returns = log_returns(bars, dates)
    enough = covered(returns) if returns.size else np.zeros(len(bars), dtype=np.bool_)
    symbols = tuple(symbol for symbol, is_enough in zip(sorted(bars), enough, strict=True) if is_enough)
    return Expectation(
        source=job.source,
        symbols=symbols,
        year_days=year_days,
        past_from=dates[0] if dates else None,
        past_until=dates[-1] if dates else None,
        cost_limit=frozen_limit(looks),
        band=band,
        no_band=reason,
        reference=frozen_reference(returns[:, enough], looks) if symbols else None,
        no_reference="" if symbols else f"no symbol has the {FEWEST_RETURNS:,} returns before it that this needs",
    )


def _band(
    job: Job,
    account: tuple[AccountConfig, Sequence[date]],
    bars: Mapping[str, Bars],
    model_id: str | None,
    looks: Looks,
) -> tuple[Band | None, str]:
    """Return the band, or None and why there is none."""
    config, dates = account
    if model_id is not None:
        return None, "a network decides, and its past would be traded by networks of that time"
    if job.policy.strategy.sleeves:
        return None, "several strategies share the account, whose past is not replayed"
    short = f"its past has {{}} account days, fewer than {FEWEST_PAST_DAYS}"
    if len(dates) < FEWEST_PAST_DAYS:
        return None, short.format(len(dates))
    try:
        units = _unit_values(_past(job, config, dates, bars))
    except (ValueError, ChildLost) as error:
        return None, f"its past cannot be replayed: {error}"
    if len(units) <= FEWEST_PAST_DAYS:
        return None, short.format(max(0, len(units) - 1))
    if min(units) <= 0.0:
        return None, "nothing is left of the account at the end of its past"
    try:
        return frozen_band(np.diff(np.log(units)), looks), ""
    except ValueError as error:
        return None, str(error)


def _past(job: Job, config: AccountConfig, dates: Sequence[date], bars: Mapping[str, Bars]) -> Replay:
    """Return the account as it would have traded the days before its first one."""
    calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in bars}
    subject = Subject(
        home=job.home, source=job.source, symbols=tuple(sorted(bars)), strategy=job.policy.strategy, at=job.now
    )
    if not bars:
        raise UsageError("no bar is known")
    seen = seen_by(job.policy.strategy, job.home, job.source, bars)
    signals = symbol_signals(seen, calendars, proven(subject), since=np.datetime64(dates[0], "us"))
    quotes = fill_quotes(bars, dates[0], dates[-1], config.terms)
    return replay(aligned_signals(signals, job.symbols), quotes, dates, job.policy.capital, config)


def _unit_values(past: Replay) -> list[float]:
    """Return the unit value of each day since something was first decided."""
    decided = min((each.as_of for each in past.decisions if each.status is Status.TRADED), default=None)
    if decided is None:
        return []
    return [float(each.unit_value) for each in past.snapshots if each.account.as_of >= decided]


def _content(frozen: Expectation) -> str:
    """Return canonical JSON, whose numbers read back as they were."""
    values = asdict(frozen)
    days = {name: values[name].isoformat() if values[name] else None for name in ("past_from", "past_until")}
    return json.dumps({**values, **days}, sort_keys=True, allow_nan=False)
