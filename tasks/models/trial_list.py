"""The list of trials: every configuration ever tried, with what luck alone would have shown among as many."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from storage.bars import instruments as instrument_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.models import trials as trial_store
from storage.models.trials import Trial
from strategy.evaluation.deflated_sharpe import TrialLog, deflated_sharpe, expected_max_sharpe
from strategy.evaluation.sharpe import Sample
from strategy.exit_codes import UsageError
from strategy.market.instruments import account_days_per_year
from tasks.run.answers import Answer

#: The kurtosis of normal returns.
_NORMAL = 3.0


class TrialAnswer(Answer):
    """A configuration that was tried on these symbols and days; `settings` is all that its result depends on.

    `varied` are those of the settings in which the listed trials of the strategy on the same symbols and days differ.
    `sharpe` is the annualised net ratio of `days` returns, null if nobody knows it. `tried` counts the configurations
    tried on these symbols in overlapping windows, `luckiest_sharpe` is what the best of so many without skill is
    expected to show, and `deflated_if_normal` the probability that the true ratio is above that, for normal returns:
    the answer of a backtest has it for its own returns. Ratios of another `account_version` cannot be compared.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    strategy: str | None
    varied: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    sharpe: float | None
    days: int | None
    tried: int
    luckiest_sharpe: float | None
    deflated_if_normal: float | None
    account_version: int


class TrialsAnswer(Answer):
    """The answer of `turbodmt trials`: the trials of the newest windows first, and how many there are in all."""

    trials: tuple[TrialAnswer, ...]
    count: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFilter:
    """Which trials are listed: those on exactly these symbols, or of an account's, and at most `last` of them."""

    symbols: tuple[str, ...] | None
    account: str | None
    last: int


def trials(home: Path, wanted: TrialFilter) -> TrialsAnswer:
    """Return the answer of `turbodmt trials`. Raises UsageError for an account that has decided nothing."""
    with connect(home) as store:
        symbols = wanted.symbols if wanted.account is None else _traded(store, wanted.account)
        found = trial_store.newest(store, symbols, wanted.last)
        count = trial_store.counted(store, symbols)
        logs = {_window(trial): trial_store.tried(store, trial) for trial in found}
        years = {trial.symbols: _days_per_year(store, trial.symbols) for trial in found}
    varied = _varied(found)
    unknown = sorted({",".join(each) for each, days in years.items() if days is None})
    return TrialsAnswer(
        trials=tuple(_answer(trial, logs[_window(trial)], years[trial.symbols], varied) for trial in found),
        count=count,
        warnings=tuple(
            f"the calendar of {each} is not known any more, so that its Sharpe ratios cannot be annualised; a backtest "
            "on these symbols brings it back"
            for each in unknown
        ),
    )


def _traded(store: Connection, account: str) -> tuple[str, ...]:
    _, symbols = ledger.newest_panel(store, account)
    if not symbols:
        raise UsageError(f"account {account} has decided nothing yet; name symbols with --symbols")
    return symbols


def _window(trial: Trial) -> tuple[object, ...]:
    """Return what the trials that are counted together have in common."""
    return trial.symbols, trial.start, trial.end, trial.account_version


def _days_per_year(store: Connection, symbols: tuple[str, ...]) -> int | None:
    """Return the account days in a year on the symbols' calendars; None if one of them is not known."""
    known = instrument_store.find(store, None, symbols)
    if set(known) != set(symbols):
        return None
    return account_days_per_year(frozenset(instrument.calendar for instrument in known.values()))


def _varied(found: Sequence[Trial]) -> Mapping[tuple[object, ...], frozenset[str]]:
    """Return the settings in which the listed trials differ, by their window and strategy."""
    grouped: dict[tuple[object, ...], list[dict[str, JsonValue]]] = {}
    for trial in found:
        settings = json.loads(trial.config)
        grouped.setdefault((*_window(trial), settings.get("strategy")), []).append(settings)
    return {
        group: frozenset(
            name for name in set().union(*several) if len({json.dumps(one.get(name)) for one in several}) > 1
        )
        for group, several in grouped.items()
    }


def _answer(
    trial: Trial, log: TrialLog, days_per_year: int | None, varied: Mapping[tuple[object, ...], frozenset[str]]
) -> TrialAnswer:
    settings = json.loads(trial.config)
    strategy = settings.get("strategy")
    names = varied[*_window(trial), strategy]
    scale = None if days_per_year is None else math.sqrt(days_per_year)
    days = trial.days if trial.days is not None and trial.days > 1 else None
    luckiest = None if days is None else expected_max_sharpe(log.count, log.variance(days))
    return TrialAnswer(
        symbols=trial.symbols,
        start=trial.start,
        end=trial.end,
        strategy=strategy,
        varied={name: settings.get(name) for name in sorted(names)},
        settings=settings,
        sharpe=None if trial.sharpe is None or scale is None else trial.sharpe * scale,
        days=trial.days,
        tried=log.count,
        luckiest_sharpe=None if luckiest is None or scale is None else luckiest * scale,
        deflated_if_normal=_deflated(trial, log) if days is not None else None,
        account_version=trial.account_version,
    )


def _deflated(trial: Trial, log: TrialLog) -> float:
    assert trial.sharpe is not None, "a trial with days has a ratio"
    assert trial.days is not None, "it is asked for trials with days"
    normal = Sample(sharpe=trial.sharpe, days=trial.days, skewness=0.0, kurtosis=_NORMAL)
    return deflated_sharpe(normal, log.count, log.variance(trial.days))
