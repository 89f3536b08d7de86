"""The answer of `turbodmt compare`."""

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import JsonValue

from strategy.evaluation.metrics import Metrics
from strategy.evaluation.paired_differences import Difference
from tasks.comparison.comparison import Against, Chosen, Compared, Comparison, Pair
from tasks.comparison.saved_runs import SavedRun
from tasks.performance.run_record import RunRecord
from tasks.report.markup import several
from tasks.run.answers import Answer


class ComparedAnswer(Answer):
    """A run of a comparison: its folder, and its net metrics on the common days.

    `settings` are those in which the runs differ. `left_out` of its days are not among the common ones. `trials` is the
    count when it was saved, null for a baseline.
    """

    label: str
    folder: str
    strategy: str
    symbols: tuple[str, ...]
    start: date
    end: date
    left_out: int
    net: Metrics
    settings: dict[str, JsonValue]
    data_sha256: str
    code_version: str
    trials: int | None


class DifferenceAnswer(Answer):
    """A figure of a run less that of the first one, with its 95 % interval."""

    difference: float
    low: float
    high: float


class SharpeDifferenceAnswer(DifferenceAnswer):
    """The Sharpe ratio of a run less that of the first one.

    `p` is the probability of a difference at least as large if the run were no better, `p_chosen` the same for the
    best of as many runs as are compared with the first.
    """

    p: float
    p_chosen: float


class AgainstAnswer(Answer):
    """A run less the first one on the same days; null where too few days move, or an account has lost everything.

    `growth` is a fraction a year; `drawdown` is above 0 where the run's deepest is deeper. `drawdown_at_equal_vol` is
    that of the returns above the risk-free rate, the run's scaled to the volatility of the first's.
    """

    label: str
    sharpe: SharpeDifferenceAnswer | None
    growth: DifferenceAnswer | None
    drawdown: DifferenceAnswer | None
    drawdown_at_equal_vol: DifferenceAnswer | None


class PairSharpeAnswer(DifferenceAnswer):
    """The Sharpe ratio of a run less that of another one.

    `p` is the probability of a difference at least as large, in either direction, if the two were the same, `p_all` the
    same for the largest of all pairs.
    """

    p: float
    p_all: float


class PairAnswer(Answer):
    """A run less an earlier one of the list on the same days, as the differences from the first run are."""

    label: str
    other: str
    sharpe: PairSharpeAnswer | None
    growth: DifferenceAnswer | None
    drawdown: DifferenceAnswer | None
    drawdown_at_equal_vol: DifferenceAnswer | None


class ChosenAnswer(Answer):
    """The run with the highest Sharpe ratio, and how much of it may be the luck of having chosen it.

    `deflated_sharpe` is the probability that the true ratio is above `luckiest_sharpe`, the one expected of the best of
    `trials` without skill. `spa_p` is the probability that luck alone makes the best of the others look this much
    better than the first; it and `pbo` are null for two runs.
    """

    label: str
    sharpe: float
    deflated_sharpe: float
    luckiest_sharpe: float
    trials: int
    spa_p: float | None
    pbo: float | None


class CompareAnswer(Answer):
    """The answer of `turbodmt compare`: the runs on the days that all have, the others against the first.

    `pairs` has every two of the runs. `best` is null where no run has a Sharpe ratio.
    """

    start: date
    end: date
    bars: int
    runs: tuple[ComparedAnswer, ...]
    against: tuple[AgainstAnswer, ...]
    pairs: tuple[PairAnswer, ...]
    best: ChosenAnswer | None
    files: tuple[str, ...]
    warnings: tuple[str, ...]


def compare_answer(found: Comparison, files: Sequence[str]) -> CompareAnswer:
    """Return the answer of a comparison, which wrote the files."""
    differing = differing_settings([run.run for run in found.runs])
    return CompareAnswer(
        start=found.dates[0],
        end=found.dates[-1],
        bars=len(found.dates),
        runs=tuple(_run(run, differing) for run in found.runs),
        against=tuple(_against(each) for each in found.against),
        pairs=tuple(_pair(each) for each in found.pairs),
        best=None if found.chosen is None else _best(found.chosen),
        files=tuple(files),
        warnings=cautions(found),
    )


def _run(run: Compared, differing: Sequence[str]) -> ComparedAnswer:
    record = run.run.record
    return ComparedAnswer(
        label=run.label,
        folder=str(run.run.folder),
        strategy=record.strategy,
        symbols=record.symbols,
        start=record.dates[0],
        end=record.dates[-1],
        left_out=run.left_out,
        net=run.metrics,
        settings={name: record.config.get(name) for name in differing},
        data_sha256=record.data_sha256,
        code_version=record.code_version,
        trials=record.trials,
    )


def _against(each: Against) -> AgainstAnswer:
    ratio = each.differences.sharpe
    return AgainstAnswer(
        label=each.label,
        sharpe=None
        if ratio is None or each.p_chosen is None
        else SharpeDifferenceAnswer(
            difference=ratio.difference, low=ratio.low, high=ratio.high, p=ratio.p, p_chosen=each.p_chosen
        ),
        growth=_difference(each.differences.growth),
        drawdown=_difference(each.differences.drawdown),
        drawdown_at_equal_vol=_difference(each.differences.drawdown_at_equal_vol),
    )


def _pair(each: Pair) -> PairAnswer:
    ratio, p, p_all = each.differences.sharpe, each.p, each.p_all
    return PairAnswer(
        label=each.label,
        other=each.other,
        sharpe=None
        if ratio is None or p is None or p_all is None
        else PairSharpeAnswer(difference=ratio.difference, low=ratio.low, high=ratio.high, p=p, p_all=p_all),
        growth=_difference(each.differences.growth),
        drawdown=_difference(each.differences.drawdown),
        drawdown_at_equal_vol=_difference(each.differences.drawdown_at_equal_vol),
    )


def _difference(found: Difference | None) -> DifferenceAnswer | None:
    return None if found is None else DifferenceAnswer.model_validate(found)


def _best(chosen: Chosen) -> ChosenAnswer:
    return ChosenAnswer(
        label=chosen.label,
        sharpe=chosen.sharpe,
        deflated_sharpe=chosen.deflated,
        luckiest_sharpe=chosen.luckiest,
        trials=chosen.trials,
        spa_p=chosen.spa_p,
        pbo=chosen.pbo,
    )


def differing_settings(runs: Sequence[SavedRun]) -> tuple[str, ...]:
    """Return the names of the settings in which the runs differ."""
    configs = [run.record.config for run in runs]
    names = dict.fromkeys(name for config in configs for name in config)
    return tuple(name for name in names if any(config.get(name) != configs[0].get(name) for config in configs[1:]))


def cautions(found: Comparison) -> tuple[str, ...]:
    """Return in sentences why the runs are less comparable than they look; none where nothing but the rules differs."""
    records = {run.label: run.run.record for run in found.runs}
    left_out = [f"{run.left_out:,} of {run.label}" for run in found.runs if run.left_out]
    told = []
    if left_out:
        told.append(
            f"the runs are compared on the {len(found.dates):,} days that all of them have, {found.dates[0]} to "
            f"{found.dates[-1]}; left out are {', '.join(left_out)}, so the figures are not those of their own reports"
        )
    symbols = {label: several(record.symbols, most=6) for label, record in records.items()}
    if len({record.symbols for record in records.values()}) > 1:
        told.append(f"the runs trade other symbols: {_each(symbols)}; a difference is also that of the markets")
    if len({record.days_per_year for record in records.values()}) > 1:
        years = {label: str(record.days_per_year) for label, record in records.items()}
        told.append(
            f"the accounts have other days in a year ({_each(years)}); on the common days all figures are annualised "
            f"with {found.days_per_year}"
        )
    if len({record.source for record in records.values()}) > 1:
        told.append(f"the runs are of other sources: {_each({one: record.source for one, record in records.items()})}")
    rates = {label: _rates(record) for label, record in records.items()}
    # The hash covers the rates, too.
    alike = {(record.source, record.symbols, record.dates[-1], rates[label]) for label, record in records.items()}
    if len(alike) == 1 < len({record.data_sha256 for record in records.values()}):
        told.append("the runs saw other data of the same symbols; a difference may be that of the data: run them again")
    if len({record.code_version for record in records.values()}) > 1:
        versions = {label: record.code_version for label, record in records.items()}
        told.append(f"the runs are of other versions of the code: {_each(versions)}; run them again to be sure")
    if len(set(rates.values())) > 1:
        told.append(f"the runs are charged, and compared, at other rates ({_each(rates)}); give all the same --rates")
    elif len({record.account_version for record in records.values()}) > 1:
        told.append("the Sharpe ratios of the runs are above other rates; give all runs the same --rates")
    return tuple(told)


def _rates(record: RunRecord) -> str:
    """Return the interest rates of a run in words."""
    flat = record.config.get("financing_rate")
    return f"rates {record.config.get('rates')}" if flat is None else f"a flat rate of {flat}"


def _each(values: Mapping[str, str]) -> str:
    return ", ".join(f"{label} {value}" for label, value in values.items())
