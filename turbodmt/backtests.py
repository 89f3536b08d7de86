"""Backtest of a strategy on history, with every cost, by the code of `turbodmt backtest`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from html import escape
from os import PathLike
from pathlib import Path

import pandas as pd

from flows.cli.research.backtest import run_planned
from flows.config.settings import Settings, load
from flows.planning.backtest_plan import plan_backtest
from flows.planning.plan import RequestRefused, between
from storage import reports
from strategy.attribution.gains import Gain
from strategy.builtin.registry import BASELINE
from strategy.signals.strategies import Strategy
from tasks.backtest.answer import (
    DifferenceAnswer,
    SignificanceAnswer,
    audit_in_words,
    audit_of,
    backtest_answer,
    significance_answer,
)
from tasks.backtest.export import equity_table, trades_table
from tasks.backtest.exposures import days_read
from tasks.backtest.run import Backtest as Tested
from tasks.backtest.run import Window
from tasks.backtest.tear_sheet import tear_sheet
from tasks.live_comparison.section import live_section
from tasks.performance.answer import risk_answer
from tasks.report.backtest_page import backtest_page
from tasks.report.charts import equity_picture
from turbodmt.bar_tables import Bars, read_bars
from turbodmt.display import Picture, dated
from turbodmt.option_names import Day, Money, Names, day_text, in_terms_of_python, merged, money_text
from turbodmt.own_strategies import strategy_of
from turbodmt.process_state import quiet

#: The figures that say how far a Sharpe ratio can be trusted.
DOUBTS = tuple(name for name in SignificanceAnswer.model_fields if name not in ("against", "pbo"))

#: The figures of risk that are single numbers.
RISKS = (
    *("calmar", "value_at_risk", "conditional_value_at_risk", "beta", "alpha", "correlation"),
    *("tracking_error", "information_ratio", "time_in_market", "trades"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """A finished backtest: the account of a strategy, net of every cost, beside its benchmarks on the same bars.

    Tables are indexed by date; amounts of money, quantities and exposures are float64.
    """

    tested: Tested = field(repr=False)

    @property
    def equity(self) -> pd.DataFrame:
        """Return the account by day: equity, drawdown (from the highest so far), exposure and regime."""
        return dated(equity_table(self.tested, days_read(self.tested)))

    @property
    def trades(self) -> pd.DataFrame:
        """Return the fills by the day of their fill, each with its order, its reason and what was decided."""
        table = trades_table(self.tested, days_read(self.tested))
        return dated(table.assign(decided_on=pd.to_datetime(table["decided_on"])))

    @property
    def weights(self) -> pd.DataFrame:
        """Return the exposure to each symbol by day, decided at its close: a signed fraction of equity."""
        return dated(pd.DataFrame({"as_of": self.tested.dates, **days_read(self.tested).exposures}))

    @property
    def stats(self) -> "pd.Series[float]":
        """Return the statistics of the net account, under the keys of `net` in the JSON; NaN where undefined."""
        return self.comparison["net"].rename(str(self.tested.job.policy.strategy))

    @property
    def comparison(self) -> pd.DataFrame:
        """Return the statistics of every account: gross, net, net at twice the cost, and each benchmark, net."""
        tested = self.tested
        accounts = {"gross": tested.gross, "net": tested.net, "net_2x_cost": tested.net_2x_cost, **tested.benchmarks}
        names = [metric.name for metric in fields(tested.net.metrics)]
        values = {label: [getattr(account.metrics, name) for name in names] for label, account in accounts.items()}
        return pd.DataFrame(values, index=pd.Index(names, name="statistic"), dtype="float64")

    @property
    def robustness(self) -> "pd.Series[float]":
        """Return how far the net Sharpe ratio can be trusted, under the keys of `significance` in the JSON.

        `low` and `high` are its 95 % interval, `deflated_sharpe` the chance that it is above `luckiest_sharpe`, the one
        that the best of as many `trials` without skill would show. NaN where undefined; all of it where the account
        moves on too few days.
        """
        found = significance_answer(self.tested.robustness)
        return pd.Series({name: getattr(found, name, None) for name in DOUBTS}, dtype="float64")

    @property
    def differences(self) -> pd.DataFrame:
        """Return the net Sharpe ratio less that of each benchmark, with its 95 % interval and p-value, a row each."""
        found = significance_answer(self.tested.robustness)
        against = found.against if found else {}
        rows = {name: dict(one) for name, one in against.items() if one is not None}
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=list(DifferenceAnswer.model_fields), dtype="float64"
        )

    @property
    def attribution(self) -> pd.DataFrame:
        """Return what each symbol and the cash gained, by source, and `net`, their sum; costs are below 0, cash is "".

        The column `net` adds up to what the account gained from its first close to its last.
        """
        columns = [*(source.name for source in fields(Gain)), "net"]
        gains = self.tested.assessment.attribution.by_symbol
        rows = {symbol: [getattr(gain, name) for name in columns] for symbol, gain in gains.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype="float64").rename_axis("symbol")

    @property
    def risk(self) -> "pd.Series[float]":
        """Return Calmar ratio, VaR, CVaR, beta, alpha and so on under the keys of `risk` in the JSON; NaN for null."""
        found = risk_answer(self.tested.assessment, self.tested.net.metrics)
        return pd.Series({name: getattr(found, name) for name in RISKS}, dtype="float64")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about bars, orders and the window."""
        return self.tested.warnings

    def json(self) -> str:
        """Return what `turbodmt backtest --json` prints."""
        return backtest_answer(self.tested, ()).to_json()

    def report(self, path: str | PathLike[str]) -> Path:
        """Write the report as one HTML file at the path, and return it. Raises ValueError, StoreFull, StoreReadOnly."""
        target = Path(path).expanduser().absolute()
        if target.suffix.lower() != ".html":
            raise ValueError(f"the report's path is {str(path)!r}; it must end in .html")
        home = self.tested.job.home
        # A home of this process alone has no page of all accounts, and no account.
        back = reports.way_back(home, target.parent) if reports.is_there(reports.index_file(home)) else ""
        sheet = replace(tear_sheet(self.tested, days_read(self.tested)), live=live_section(self.tested))
        return reports.write(target.parent, target.name, backtest_page(sheet, back))

    def plot(self) -> Picture:
        """Return the picture of the equity beside the benchmarks, the regime and the drawdown."""
        return Picture(svg=equity_picture(replace(tear_sheet(self.tested, days_read(self.tested)).picture, panels=())))

    def __repr__(self) -> str:
        return f"Backtest({self._title})"

    @property
    def _title(self) -> str:
        tested = self.tested
        whom = f"{tested.job.policy.strategy} on {', '.join(tested.symbols)}"
        ratio = tested.net.metrics.sharpe
        return (
            f"{whom}, {tested.dates[0]} to {tested.dates[-1]}, net Sharpe "
            f"{'undefined' if ratio is None else f'{ratio:.2f}'}"
        )

    def _repr_html_(self) -> str:
        warned = "".join(f"<li>{escape(warning)}</li>" for warning in self.warnings)
        state = audit_of(self.tested)
        version = self.tested.job.policy.strategy.version
        audited = f"<p>{escape(audit_in_words(version, state, 'td.audit on the same bars'))}</p>" if state else ""
        return (
            f"<p><b>{escape(self._title)}</b></p>{audited}{self.comparison.to_html(float_format='{:.4f}'.format)}"
            f"{self.plot().svg}{f'<ul>{warned}</ul>' if warned else ''}"
        )


def backtest(
    bars: Bars,
    strategy: str | Strategy,
    *,
    start: Day | None = None,
    end: Day | None = None,
    capital: Money | None = None,
    symbols: Names | None = None,
    benchmarks: Sequence[str | Strategy] = (BASELINE.name,),
    fee_bps: float | None = None,
    slippage_bps: float | None = None,
    settings: Mapping[str, object] | None = None,
    home: str | PathLike[str] | None = None,
) -> Backtest:
    """Test a strategy on the bars from `start` to `end`, both included, beside its benchmarks.

    `strategy` is a name, the path of a strategy's file, or a Strategy made in this process. `bars` and `symbols` are as
    in `read_bars`, `settings` any others by name, and what is left out has its default. Bars before `start` serve as
    history. Without a `home` the store is a temporary one of this process, in which its backtests count each other as
    trials; a home of your own counts them for good.

    Raises what the command line turns into an exit code, in one sentence.

    >>> tested = backtest("sample", "rules", symbols="^GSPC", start="2017-01-03", end="2018-12-31")
    >>> tested
    Backtest(rules on ^GSPC, 2017-01-03 to 2018-12-31, net Sharpe ...)
    >>> list(tested.comparison.columns), len(tested.equity), tested.weights.columns.tolist()
    (['gross', 'net', 'net_2x_cost', 'hold'], 502, ['^GSPC'])
    """
    options = {"capital": money_text(capital), "fee_bps": fee_bps, "slippage_bps": slippage_bps}
    with in_terms_of_python():
        table = read_bars(bars, symbols)
        folder = table.home(home)
        request = between("backtest", day_text(start), day_text(end))
        with table.calling_it_a_frame(folder), quiet():
            given = merged({**table.options(folder), **options}, settings)
            in_force = load(given)
            subject = strategy_of(strategy, in_force)
            strategies = (subject, *_benchmarks(subject, benchmarks, in_force))
            planned = plan_backtest(given, request, subject)
            return Backtest(tested=run_planned(planned, Window(strategies=strategies, start=request.since)))


def _benchmarks(subject: Strategy, wanted: Sequence[str | Strategy], settings: Settings) -> tuple[Strategy, ...]:
    if isinstance(wanted, str):
        raise RequestRefused(f"benchmarks is {wanted!r}; it must be a list of strategies, such as [{wanted!r}]")
    # The parameters of the settings are the subject's.
    plain = settings.model_copy(update={"parameters": {}})
    found = dict.fromkeys(strategy_of(strategy, plain) for strategy in wanted)
    found.pop(subject, None)
    names = [str(strategy) for strategy in (subject, *found)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestRefused(f"two strategies have the name {twice[0]!r}; give each its own")
    return tuple(found)
