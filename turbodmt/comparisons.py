"""Comparison of backtests on the same days, by the code of `turbodmt compare`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike, fspath
from pathlib import Path

import pandas as pd

from flows.config.paths import expanded
from flows.config.wall_clock import clock
from storage import reports
from strategy.exit_codes import UsageError
from tasks.backtest.export import run_record
from tasks.comparison.answer import CompareAnswer, compare_answer
from tasks.comparison.comparison import Comparison as Compared
from tasks.comparison.comparison import compare_runs
from tasks.comparison.page import comparison_page
from tasks.comparison.saved_runs import read_run, told_apart
from turbodmt.backtests import Backtest
from turbodmt.display import dated
from turbodmt.option_names import in_terms_of_python
from turbodmt.session_home import session_home

Run = str | PathLike[str] | Backtest

#: The figures of each difference, in the order of a table's columns.
FIGURES = ("difference", "low", "high", "p", "p_chosen")
PAIRED = ("difference", "low", "high", "p", "p_all")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Backtests on the days that all of them have, the others against the first."""

    found: Compared = field(repr=False)

    @property
    def metrics(self) -> pd.DataFrame:
        """Return the statistics of each run on the common days, a column each; NaN where undefined."""
        return pd.DataFrame({run.label: asdict(run.metrics) for run in self.found.runs}, dtype="float64")

    @property
    def equity(self) -> pd.DataFrame:
        """Return the equity of each run by date, a column each, as its account had it."""
        columns = {run.label: run.equity for run in self.found.runs}
        return dated(pd.DataFrame({"as_of": self.found.dates, **columns}))

    @property
    def differences(self) -> pd.DataFrame:
        """Return what each run but the first has beyond it: a row for run and figure, with interval and p.

        The figures are `sharpe`, `growth`, `drawdown` and `drawdown_at_equal_vol`, of which the first alone has a p;
        what is undefined has no row.
        """
        rows = [
            {"run": each.label, "figure": name, **dict(found)}
            for each in self._answer.against
            for name in ("sharpe", "growth", "drawdown", "drawdown_at_equal_vol")
            if (found := getattr(each, name)) is not None
        ]
        return pd.DataFrame(rows, columns=["run", "figure", *FIGURES]).set_index(["run", "figure"]).astype("float64")

    @property
    def pairs(self) -> pd.DataFrame:
        """Return the Sharpe ratio of every run less that of every earlier one, with its interval and two p.

        `p` is of either direction, `p_all` that of one such difference among all pairs.
        """
        rows = [
            {"run": each.label, "less": each.other, **dict(each.sharpe)}
            for each in self._answer.pairs
            if each.sharpe is not None
        ]
        return pd.DataFrame(rows, columns=["run", "less", *PAIRED]).set_index(["run", "less"]).astype("float64")

    @property
    def best(self) -> "pd.Series[float]":
        """Return how much of the best Sharpe ratio may be luck: the keys of `best` in the JSON, the run as the name.

        Empty where no run has a Sharpe ratio, NaN where a figure is undefined.
        """
        best = self._answer.best
        if best is None:
            return pd.Series(dtype="float64")
        figures = {name: value for name, value in best if name != "label"}
        return pd.Series(figures, dtype="float64", name=best.label)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return why the runs are less comparable than they look."""
        return self._answer.warnings

    def json(self) -> str:
        """Return what `turbodmt compare --json` prints for the same runs."""
        return self._answer.to_json()

    def report(self, path: str | PathLike[str]) -> Path:
        """Write the comparison as one HTML file at the path, and return it.

        Raises ValueError, StoreFull, StoreReadOnly.
        """
        target = Path(path).expanduser().absolute()
        if target.suffix.lower() != ".html":
            raise ValueError(f"the report's path is {str(path)!r}; it must end in .html")
        return reports.write(target.parent, target.name, comparison_page(self.found))

    @property
    def _answer(self) -> CompareAnswer:
        return compare_answer(self.found, ())

    def __repr__(self) -> str:
        dates = self.found.dates
        return f"Comparison({', '.join(run.label for run in self.found.runs)}; {dates[0]} to {dates[-1]})"

    def _repr_html_(self) -> str:
        return f"{self.metrics.to_html(float_format='{:.4f}'.format)}{self.differences.to_html()}"


def compare(runs: Sequence[Run], *, home: str | PathLike[str] | None = None) -> Comparison:
    """Compare two to eight backtests on the days that all of them have, the others against the first.

    Each is a folder that `--save-results` wrote, or a backtest of this process, whose folder in the JSON is its place
    in the list. The best is judged after all trials that `home` knows of their symbols; without one it is the temporary
    home of this process, and a saved run counts as one of as many as when it was saved.

    Raises what the command line turns into an exit code, in one sentence.

    >>> from turbodmt import backtest
    >>> runs = [backtest("sample", name, symbols="^GSPC", start="2017-01-03") for name in ("rules", "momentum")]
    >>> compared = compare(runs)
    >>> compared
    Comparison(rules, momentum; 2017-01-03 to 2018-12-31)
    >>> compared.pairs.index.tolist(), list(compared.metrics.columns)
    ([('momentum', 'rules')], ['rules', 'momentum'])
    """
    with in_terms_of_python():
        if isinstance(runs, str):
            raise UsageError(f"runs is {runs!r}, one folder; give a list of two to eight, such as [{runs!r}, backtest]")
        if len({id(run) for run in runs if isinstance(run, Backtest)}) < sum(isinstance(run, Backtest) for run in runs):
            raise UsageError("a backtest was named twice; a run cannot be compared with itself, name each once")
        named, records, at = [], [], clock()
        for number, run in enumerate(runs, start=1):
            if isinstance(run, Backtest):
                named.append(Path(f"backtest {number}"))
                records.append(run_record(run.tested, at))
            else:
                named.append(expanded(Path(fspath(run))))
                records.append(read_run(named[-1]))
        known = session_home() if home is None else expanded(Path(fspath(home)))
        return Comparison(found=compare_runs(told_apart(named, records), known))
