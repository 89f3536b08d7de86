"""Comparison of saved backtests on the days that all of them have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.database import connect
from storage.models import trials
from storage.models.trials import Trial
from strategy.account.risk_free import RiskFree
from strategy.evaluation.deflated_sharpe import TrialLog, deflated_sharpe, expected_max_sharpe
from strategy.evaluation.metrics import Metrics, daily_returns, excess_returns, metrics, moving_days
from strategy.evaluation.paired_differences import (
    DailyReturns,
    PairedDifferences,
    paired_differences,
)
from strategy.evaluation.pbo import overfitting
from strategy.evaluation.sharpe import sample, sharpe
from strategy.evaluation.sharpe_tests import MIN_DAYS, RESAMPLES, Incomparable, SharpeDifference, sidak
from strategy.evaluation.spa import superiority
from strategy.exit_codes import UsageError
from strategy.market.bars import FloatArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR
from strategy.work_progress import WorkName, counted
from tasks.comparison.saved_runs import SavedRun
from tasks.performance.run_record import RunRecord

#: Blocks of days that the probability of backtest overfitting is computed from.
BLOCKS = 16
PAIRS = WorkName(name="Comparing", unit="pairs")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """A run on the common days: its equity (T,), its returns (T − 1,), and its metrics; `left_out` of its days are not.

    The excess returns are zeros where the account moves on too few days to be judged.
    """

    run: SavedRun
    equity: FloatArray
    daily: DailyReturns
    metrics: Metrics
    left_out: int

    @property
    def label(self) -> str:
        """Return the name of the run."""
        return self.run.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A run less the first one; `p_chosen` is the p of its Sharpe ratio after as many looks as there are such runs."""

    label: str
    differences: PairedDifferences
    p_chosen: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A run less an earlier one of the list.

    `p` is the probability of a Sharpe ratio at least so much higher or lower if both were the same, `p_all` that of one
    such difference among all pairs.
    """

    label: str
    other: str
    differences: PairedDifferences
    p: float | None
    p_all: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The run with the highest Sharpe ratio, and how much of it may be the luck of the choice; ratios are annualised.

    `deflated` is the probability that its true ratio is above `luckiest`, the one expected of the best of `trials`
    without skill. `spa_p` is the probability that luck alone makes the best of the others look this much better than
    the first, and `pbo` that of backtest overfitting of the choice; None where too little moves, or for two runs.
    """

    label: str
    sharpe: float
    deflated: float
    luckiest: float
    trials: int
    spa_p: float | None
    pbo: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Runs on the same days, the others against the first, and every pair of them.

    `chosen` is None where no Sharpe ratio is defined.
    """

    dates: tuple[date, ...]
    days_per_year: int
    runs: tuple[Compared, ...]
    against: tuple[Against, ...]
    pairs: tuple[Pair, ...]
    chosen: Chosen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How figures are annualised, and what resampling starts from."""

    days_per_year: int
    seed: int


def compare_runs(runs: Sequence[SavedRun], home: Path) -> Comparison:
    """Compare the runs on the days that all of them have; the home knows the trials beside them.

    Raises UsageError for fewer than two common days, StoreError.
    """
    shared = set(runs[0].record.dates).intersection(*(run.record.dates for run in runs[1:]))
    dates = tuple(sorted(shared))
    if len(dates) < 2:
        spans = ", ".join(f"{run.label} {run.record.dates[0]} to {run.record.dates[-1]}" for run in runs)
        raise UsageError(
            f"the runs share {len(dates)} days and a comparison needs 2: {spans}; test them on the same days"
        )
    days_per_year = min(run.record.days_per_year for run in runs)
    compared = tuple(_on(dates, run, days_per_year) for run in runs)
    how = _How(days_per_year=days_per_year, seed=runs[0].record.seed)
    pairs = _pairs(compared, how)
    return Comparison(
        dates=dates,
        days_per_year=days_per_year,
        runs=compared,
        against=tuple(_against(pair, len(runs) - 1) for pair in pairs if pair.other == runs[0].label),
        pairs=pairs,
        chosen=_chosen(compared, tried(runs, home), how),
    )


def _on(dates: Sequence[date], run: SavedRun, days_per_year: int) -> Compared:
    """Return the run on some of its dates; what accrues on days between two of them counts to the later one."""
    record = run.record
    rows: NDArray[np.int64] = np.flatnonzero(
        np.isin(np.array(record.dates, dtype="datetime64[D]"), np.array(dates, dtype="datetime64[D]"))
    )
    equity = np.array(record.equity)[rows]
    stamps = np.array(dates, dtype="datetime64[D]")
    free = _accrued(record.risk_free, rows)
    years = float((stamps[-1] - stamps[0]).astype(int)) / CALENDAR_DAYS_PER_YEAR
    cash = RiskFree(returns=free, idle=_accrued(record.idle, rows), mean=float(free.sum()) / years)
    turnover = np.array(record.turnover)
    traded = np.concatenate([turnover[rows[:1]], _accrued(turnover[1:], rows)])
    excess = excess_returns(equity, cash)
    judged = int(moving_days(equity, cash).sum()) >= MIN_DAYS
    return Compared(
        run=run,
        equity=equity,
        daily=DailyReturns(returns=daily_returns(equity), excess=excess if judged else np.zeros_like(excess)),
        metrics=metrics(equity, traded, days_per_year, cash),
        left_out=len(record.dates) - len(rows),
    )


def _accrued(values: Sequence[float] | FloatArray, rows: NDArray[np.int64]) -> FloatArray:
    """Return the sums of what lies between two neighbouring rows each."""
    between = np.asarray(values, dtype=np.float64)[: rows[-1]]
    result: FloatArray = np.add.reduceat(between, rows[:-1])
    return result


def _against(pair: Pair, looks: int) -> Against:
    ratio = pair.differences.sharpe
    p = None if ratio is None else sidak(ratio.p, looks)
    return Against(label=pair.label, differences=pair.differences, p_chosen=p)


def _pairs(runs: Sequence[Compared], how: _How) -> tuple[Pair, ...]:
    """Return every later run less every earlier one, with the p of as many looks as there are pairs."""
    every = tuple(combinations(runs, 2))
    found = []
    for earlier, later in counted(every, PAIRS, len(every)):
        differences = paired_differences(later.daily, earlier.daily, days_per_year=how.days_per_year, seed=how.seed)
        p = None if differences.sharpe is None else _either_way(differences.sharpe)
        found.append(
            Pair(
                label=later.label,
                other=earlier.label,
                differences=differences,
                p=p,
                p_all=None if p is None else sidak(p, len(every)),
            )
        )
    return tuple(found)


def _either_way(found: SharpeDifference) -> float:
    """Return the probability of a difference at least as large in either direction: the sign is seen, too."""
    if not found.difference:
        return 1.0
    one_sided = found.p if found.difference > 0 else 1.0 - found.p
    return min(1.0, 2.0 * max(one_sided, 1.0 / (1 + RESAMPLES)))


def _chosen(runs: Sequence[Compared], log: TrialLog, how: _How) -> Chosen | None:
    ratios = {run.label: sharpe(run.daily.excess, 1) for run in runs}
    known = {label: ratio for label, ratio in ratios.items() if ratio is not None}
    if not known:
        return None
    label = max(known, key=known.__getitem__)
    best = next(run for run in runs if run.label == label).daily.excess
    variance, year = log.variance(len(best)), float(np.sqrt(how.days_per_year))
    matrix = np.column_stack([run.daily.excess for run in runs])
    several = len(runs) > 2
    return Chosen(
        label=label,
        sharpe=known[label] * year,
        deflated=deflated_sharpe(sample(best), log.count, variance),
        luckiest=expected_max_sharpe(log.count, variance) * year,
        trials=log.count,
        spa_p=_superiority(matrix, how.seed) if several else None,
        pbo=overfitting(matrix, BLOCKS).pbo if several and len(matrix) >= 2 * BLOCKS else None,
    )


def _superiority(matrix: FloatArray, seed: int) -> float | None:
    try:
        return superiority(matrix[:, 1:], matrix[:, 0], seed=seed)
    except Incomparable:
        return None


def tried(runs: Sequence[SavedRun], home: Path) -> TrialLog:
    """Return the trials among which the best run is chosen: all that the home knows, and at least the runs themselves.

    Those on the same symbols count once, in windows that overlap the runs'. A run whose trial the home does not know
    was made in another one: it counts beside, and so many as it was one of when it was saved count at least. A baseline
    is no trial, but a candidate here like the others.
    Raises StoreError.
    """
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.record.symbols, []).append(run.record)
    count, ratios = 0, list[float]()
    with connect(home) as store:
        for records in groups.values():
            log = trials.tried(store, _window(records))
            baselines = [record for record in records if record.trial is None]
            own = [record for record in records if record.trial is not None]
            foreign = {record.trial: record for record in own if not trials.is_tried(store, _trial(record))}
            # A baseline was counted as one more when it was saved.
            least = [(record.trials or 0) - (record.trial is None) for record in records]
            count += max(log.count + len(foreign), *least) + len(baselines)
            ratios += [*log.sharpes, *_ratios(foreign.values()), *_ratios(baselines)]
    return TrialLog(count=max(count, len(runs)), sharpes=tuple(ratios))


def _window(records: Sequence[RunRecord]) -> Trial:
    """Return a trial with the symbols of the runs, over the days of all of them."""
    every = [_trial(record) for record in records]
    return replace(every[0], start=min(each.start for each in every), end=max(each.end for each in every))


def _trial(record: RunRecord) -> Trial:
    return Trial(
        symbols=record.symbols,
        start=record.dates[0],
        end=record.dates[-1],
        config=record.trial or "{}",
        recorded_at=record.saved_at,
        account_version=record.account_version,
    )


def _ratios(records: Iterable[RunRecord]) -> list[float]:
    """Return the daily Sharpe ratios of whole runs, as far as they are defined."""
    ratios = []
    for record in records:
        cash = RiskFree(returns=np.array(record.risk_free), idle=np.array(record.idle), mean=None)
        ratios.append(sharpe(excess_returns(np.array(record.equity), cash), 1) if len(record.dates) > 2 else None)
    return [ratio for ratio in ratios if ratio is not None]
