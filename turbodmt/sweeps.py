"""Sweep over a grid of parameters, by the code of `turbodmt backtest --grid`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from typing import Any

import pandas as pd

from flows.cli.research.sweep import carry_out, plan_sweep
from flows.cli.research.sweep_file import checked_axes
from flows.cli.research.window_options import GridOptions
from flows.config.settings import load
from flows.planning.plan import between
from strategy.signals.strategies import Strategy
from tasks.backtest.sweep import Sweep as Swept
from tasks.backtest.sweep_answer import found_answer, own_columns, sweep_table
from tasks.backtest.sweep_answer_model import SweepAnswer
from tasks.backtest.sweep_walk_forward import WalkedSweep, sweep_of
from tasks.parallel.runner import Here
from turbodmt.bar_tables import Bars, read_bars
from turbodmt.option_names import Day, Money, Names, day_text, in_terms_of_python, merged, money_text
from turbodmt.own_strategies import strategy_of
from turbodmt.process_state import quiet

#: The figures that say how much of the best point may be luck.
DOUBTS = ("pbo", "probability_of_loss", "deflated_sharpe", "luckiest_sharpe", "trials")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """A finished sweep: one account per point of the grid, on the same bars, each counted as a trial."""

    found: Swept | WalkedSweep = field(repr=False)

    @property
    def swept(self) -> Swept:
        """Return the accounts of all points."""
        return sweep_of(self.found)

    @property
    def points(self) -> pd.DataFrame:
        """Return one row per point, best first: its parameters and its statistics, net of every cost."""
        return sweep_table(self.swept)

    @property
    def robustness(self) -> "pd.Series[float]":
        """Return how much of the best point may be luck; NaN where there is too little to judge.

        `pbo` is the share of splits in which the best of one half is no better than the median of the other,
        `deflated_sharpe` the chance that its Sharpe ratio is above `luckiest_sharpe`, the one that the best of as many
        trials without skill would show.
        """
        return pd.Series({name: getattr(self._answer, name) for name in DOUBTS}, dtype="float64")

    @property
    def folds(self) -> pd.DataFrame:
        """Return one row per year of a sweep with `walk_forward`: the point picked on the past alone, and how it did.

        Empty without `walk_forward`.
        """
        walk = self._answer.walk_forward
        rows = [dict(fold) for fold in walk.folds] if walk else []
        return pd.DataFrame([{**row, **own_columns(row.pop("parameters"))} for row in rows])

    @property
    def out_of_sample(self) -> "pd.Series[float]":
        """Return the statistics of the account that trades each year's pick, with the haircut from those promised.

        `in_sample_sharpe` is the mean of the picks' Sharpe ratios on the past, `haircut` that less `sharpe`. Empty
        without `walk_forward`.
        """
        walk = self._answer.walk_forward
        if walk is None:
            return pd.Series(dtype="float64")
        promised = {name: getattr(walk, name) for name in ("in_sample_sharpe", "haircut", "haircut_ratio")}
        return pd.Series({**asdict(walk.out_of_sample), **promised}, dtype="float64")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about bars, symbols, the exposure cap and the picks."""
        return self.found.warnings

    def json(self) -> str:
        """Return what `turbodmt backtest --grid FILE --json` prints with the same options, but for its duration."""
        return self._answer.to_json()

    @property
    def _answer(self) -> SweepAnswer:
        return found_answer(self.found, ())

    def __repr__(self) -> str:
        return f"Sweep({len(self.swept.results)} points, {self.swept.dates[0]} to {self.swept.dates[-1]})"

    def _repr_html_(self) -> str:
        return f"{self.points.head(10).to_html()}{self.robustness.to_frame('robustness').to_html()}"


def sweep(
    bars: Bars,
    grid: Mapping[str, Sequence[Any] | Mapping[str, Sequence[Any]]],
    strategy: str | Strategy | None = None,
    *,
    start: Day | None = None,
    end: Day | None = None,
    capital: Money | None = None,
    symbols: Names | None = None,
    walk_forward: bool = False,
    search: int | None = None,
    settings: Mapping[str, object] | None = None,
    home: str | PathLike[str] | None = None,
) -> Sweep:
    """Trade every combination of the grid's values, and measure how much of the best one may be luck.

    `grid` maps names of parameters to lists: `strategy`, `symbols`, the sizing's (`neutral_zone`, `target_annual_vol`,
    …) and costs (`fee_bps`, …), as in a file of `--grid`, and `parameters` to a mapping of the strategy's own to lists.
    `search` lets a sampler pick so many of the combinations, seeded by the setting `seed`; it needs the extra `search`.
    With `walk_forward` each year is also traded by the point that was best on the past alone. The other arguments are
    as in `backtest`.

    Raises what the command line turns into an exit code, in one sentence.

    >>> swept = sweep("sample", {"neutral_zone": [0.0, 0.1]}, "rules", symbols="^GSPC", start="2017-01-03")
    >>> swept
    Sweep(2 points, 2017-01-03 to 2018-12-31)
    >>> swept.points["neutral_zone"].sort_values().tolist()
    [0.0, 0.1]
    """
    with in_terms_of_python():
        table = read_bars(bars, symbols)
        folder = table.home(home)
        request = between("backtest", day_text(start), day_text(end))
        options = {**table.options(folder), "capital": money_text(capital)}
        axes = checked_axes(_listed_values(grid), "the grid", {**options, "strategy": strategy})
        with table.calling_it_a_frame(folder), quiet():
            given = merged(options, settings)
            subject = None if strategy is None else strategy_of(strategy, load(given))
            how = GridOptions(walk_forward=walk_forward, search=search)
            planned = plan_sweep(given, axes, request, (subject, how))
            return Sweep(found=carry_out(planned, Here(threads=planned.settings.threads)))


def _listed_values(grid: Mapping[str, object]) -> dict[str, object]:
    """Return the grid as a file has it, with the table of the strategy's own parameters."""
    return {
        name: _listed_values(values) if isinstance(values, Mapping) else _listed(values)
        for name, values in grid.items()
    }


def _listed(values: object) -> object:
    """Return the values as the list that a file has: of an array, a range or a tuple, with plain numbers."""
    plain = getattr(values, "tolist", None)
    if plain is not None:
        return plain()
    return list(values) if isinstance(values, tuple | range) else values
