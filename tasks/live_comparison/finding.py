"""The live accounts of a home that trade the strategy of a backtest, and what each has else than the backtest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from storage.accounts import expectations as expectation_store
from storage.database import Connection, connect
from storage.ledger import accounts as account_store
from storage.ledger import broker_events, runs
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.exit_codes import UsageError
from strategy.signals.faults import StrategyRefused
from tasks.backtest.run import Backtest
from tasks.run.job import PAPER
from tasks.run.kept_terms import terms_among, terms_on
from tasks.run.runs import DAILY
from tasks.run.trial_key import configuration
from tasks.strategies.catalogue import as_recorded

#: What an account may have more or less of without being another one: returns hardly depend on it.
_UNCOMPARED = frozenset({"capital"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAccount:
    """An account that daily runs trade by the strategy of a backtest, on its last day.

    `since` is the first of the days up to the last one that were decided by the strategy, settings, symbols and source
    of today. `differences` say in which of them it is another plan than the backtest; empty for the same.
    """

    account: str
    broker: str
    since: date
    last: date
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Everything that decides: settings as the strategy reads them, by name, and the version of the strategy."""

    source: str
    symbols: tuple[str, ...]
    version: str | None
    settings: Mapping[str, object]


def live_accounts(tested: Backtest) -> tuple[LiveAccount, ...]:
    """Return the home's accounts of that strategy which daily runs have traded, by name. Raises StoreError."""
    with connect(tested.job.home) as store:
        found = [_found(store, account, tested) for account in account_store.names(store)]
    return tuple(each for each in found if each is not None)


def _found(store: Connection, account: str, tested: Backtest) -> LiveAccount | None:
    snapshot, began = position_store.latest_snapshot(store, account), runs.first_run(store, account, DAILY)
    if snapshot is None or began is None:
        return None
    last = snapshot.account.as_of
    decided = ledger.last_decided(store, account, before=date.max) or last
    newest = ledger.provenance_on(store, account, decided)
    if newest is None or newest.strategy != tested.job.policy.strategy.name:
        return None
    expected = expectation_store.newest(store, account)
    # From the first day of an expectation on, strategy, parameters, terms, source and symbols are those of today.
    begun = max(began.run.as_of, expected.begins_on) if expected else began.run.as_of
    settings = runs.settings_since(store, account, DAILY, begun)
    broker = broker_events.broker_of(store, account) or PAPER
    source, symbols = ledger.newest_panel(store, account)
    terms = terms_on(store, account, decided)
    given = json.loads(settings[max(settings)]) if settings else {}
    try:
        strategy = as_recorded(tested.job.home, newest.strategy, newest.strategy_sha256, given)
    except (UsageError, StrategyRefused) as error:
        return LiveAccount(account=account, broker=broker, since=begun, last=last, differences=(str(error),))
    # What is read depends on how many symbols there are, too.
    every = {*symbols, *tested.symbols}
    read = {text: configuration({**json.loads(text), **terms}, strategy, every) for text in {*settings.values(), "{}"}}
    live = _Plan(
        source=source or "",
        symbols=symbols,
        version=newest.strategy_sha256,
        settings=json.loads(read[settings[max(settings)] if settings else "{}"]),
    )
    return LiveAccount(
        account=account,
        broker=broker,
        since=_unchanged({day: read[text] for day, text in settings.items()}, begun),
        last=last,
        differences=_differences(live, _tested_plan(tested, every)),
    )


def _tested_plan(tested: Backtest, every: set[str]) -> _Plan:
    policy = tested.job.policy
    given = json.loads(policy.config)
    return _Plan(
        source=tested.job.source,
        symbols=tuple(sorted(tested.symbols)),
        version=policy.strategy.version or None,
        settings=json.loads(configuration({**given, **terms_among(policy.config)}, policy.strategy, every)),
    )


def _unchanged(settings: Mapping[date, str], begun: date) -> date:
    """Return the first of the days from which on the settings, as the strategy reads them, are those of the last one.

    >>> days = [date(2020, 1, day) for day in (1, 2, 3)]
    >>> str(_unchanged(dict(zip(days, ["a", "b", "b"])), days[0])), str(_unchanged({}, days[0]))
    ('2020-01-02', '2020-01-01')
    """
    days = sorted(settings, reverse=True)
    since = begun
    for day in days:
        if settings[day] != settings[days[0]]:
            return since
        since = day
    return begun


def _differences(live: _Plan, tested: _Plan) -> tuple[str, ...]:
    """Return in words what the account has and what the backtest had instead."""
    told = []
    if live.source != tested.source:
        told.append(f"its source is {live.source}, the backtest's {tested.source}")
    if live.symbols != tested.symbols:
        told.append(f"its symbols are {', '.join(live.symbols)}, the backtest's {', '.join(tested.symbols)}")
    if live.version != tested.version:
        own, other = live.version or "built in", tested.version or "built in"
        told.append(f"its version of the strategy is {own[:12]}, the backtest's {other[:12]}")
    names = [*dict.fromkeys([*live.settings, *tested.settings])]
    for name in names:
        ours, theirs = live.settings.get(name), tested.settings.get(name)
        if ours != theirs and name not in {*_UNCOMPARED, "strategy_sha256"}:
            told.append(f"its {name} is {_value(ours)}, the backtest's {_value(theirs)}")
    return tuple(told)


def _value(value: object) -> str:
    """Return a setting as text.

    >>> _value(None), _value(0.35), _value({"fast": 20})
    ('not set', '0.35', '{"fast": 20}')
    """
    return "not set" if value is None else value if isinstance(value, str) else json.dumps(value)
