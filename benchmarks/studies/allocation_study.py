"""Equal risk contributions and equal parts against inverse volatility, on real bars before 2022.

    .venv/bin/python benchmarks/studies/allocation_study.py --data FOLDER

Every panel of several symbols is traded by four books from the first date with LEAST_SYMBOLS of them, through the
compiled account, with the default costs of its class. Nothing is fitted. The rule was written down before the first
run: equal risk becomes the default of new accounts if, on all panels together, the 95 % interval of its difference of
net Sharpe ratios from inverse volatility lies above -MARGIN for holding and for the prior. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks.studies.markets import ALLOCATED, CALENDARS, load
from benchmarks.studies.volatility_books import HOLD_AND_TREND, REALISED_BARS
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.builtin.registry import MOMENTUM, TURBO, VOL_TARGET
from strategy.evaluation.metrics import Metrics
from strategy.evaluation.sharpe_tests import compare
from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import PanelRules, SweepPanel, sweep_panel, swept
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.allocation import portfolio_volatilities
from strategy.portfolio.leverage_cap import portfolio_exposures
from strategy.portfolio.sizing import Allocation, SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.rolling import mean
from strategy.signals.strategies import Strategy

SEED = 7
RESAMPLES = 5_000
#: The least number of symbols with a budget: fewer are nothing to allocate.
LEAST_SYMBOLS = 3
#: How much worse than the default of before an allocation may be, at the low end of the interval.
MARGIN = 0.05
#: What is told of a book beside the allocations: equal risk, scaled down where the signed book asks for more risk.
SCALED = "equal-risk, scaled"


BOOKS = {
    "hold": VOL_TARGET,
    "trend": MOMENTUM,
    "hold and trend": HOLD_AND_TREND,
    "prior": TURBO,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traded:
    """An account by one allocation: its daily returns (D,) after all costs, its statistics, and how it met its target.

    `deviation` is the mean of |realised / target - 1| over the last 63 returns, for a book that holds all its symbols;
    `capped` the share of dates on which the cap on the gross exposure decided.
    """

    dates: TimeArray
    net: FloatArray
    found: Metrics
    deviation: float
    capped: float
    days_per_year: int


def main() -> None:
    """Prints a table per panel, the differences, and those of all panels together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the development bars")
    parser.add_argument("--target", type=float, default=0.10, help="yearly volatility aimed at")
    parser.add_argument("--financing-rate", type=Decimal, default=Decimal("0.05"), help="flat, per year")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} holds no bars; nothing was studied")
        return
    sizing, costs = SizingParams(target_annual_vol=options.target), Costs(financing=flat(options.financing_rate))
    every: dict[str, dict[str, dict[str, Traded]]] = {}
    for name in ALLOCATED:
        bars, _ = load(name, options.data)
        every[name] = {
            book: accounts(bars, CALENDARS[name], strategy, sizing, costs) for book, strategy in BOOKS.items()
        }
        tell(name, sorted(bars), every[name])
    together(every)


def accounts(
    bars: Mapping[str, Bars], calendar: Calendar, strategy: Strategy, sizing: SizingParams, costs: Costs
) -> dict[str, Traded]:
    """The account of a book by each allocation, and by equal risk scaled down to the target."""
    instruments = {symbol: Instrument(symbol=symbol, calendar=calendar) for symbol in bars}
    calendars = dict.fromkeys(bars, calendar)
    view = aligned_signals(symbol_signals(bars, calendars, strategy), sorted(bars))
    first = first_of_several(bars, instruments, strategy)
    result = {}
    for allocation in Allocation:
        panel = sweep_panel(bars, instruments, strategy, first, PanelRules(allocation=allocation))
        own = replace(sizing, allocation=allocation)
        point = Point(symbols=tuple(sorted(bars)), strategy=strategy, sizing=own, costs=costs)
        result[str(allocation)] = traded(panel, point)
        if allocation is Allocation.EQUAL_RISK:
            result[SCALED] = traded(scaled(panel, view, own), point)
    return result


def first_of_several(
    bars: Mapping[str, Bars], instruments: Mapping[str, Instrument], strategy: Strategy
) -> np.datetime64:
    """The first date with LEAST_SYMBOLS to allocate."""
    start = sweep_panel(bars, instruments, strategy, min(series.open_time[0] for series in bars.values()))
    found: np.datetime64 = start.open_time[np.argmax((start.sizing.budgets > 0).sum(axis=1) >= LEAST_SYMBOLS)]
    return found


def scaled(panel: SweepPanel, view: AlignedSignals, sizing: SizingParams) -> SweepPanel:
    """The panel with k lowered where the signed book as decided would have more volatility than the target."""
    rule, target = panel.sizing, sizing.target_annual_vol
    wanted = rule.directions(sizing.neutral_zone) * rule.weights(target)
    stops = np.searchsorted(view.union, panel.open_time, side="right")
    decided = portfolio_volatilities(view.changes, stops, wanted, panel.days_per_year)
    scale = rule.scale(target) * np.minimum(1.0, target / np.where(decided > 0, decided, np.inf))
    # The volatility at which the rule has this scale.
    volatility = np.where(scale > 0, target / np.where(scale > 0, scale, 1.0), np.nan)
    return replace(panel, sizing=replace(rule, volatility=volatility))


def traded(panel: SweepPanel, point: Point) -> Traded:
    """The account of the point."""
    found = swept(panel, [point])
    net, sizing = found.net[:, 0], point.sizing
    parts = panel.sizing.directions(sizing.neutral_zone), panel.sizing.weights(sizing.target_annual_vol)
    gross = np.abs(portfolio_exposures(*parts, sizing.max_position_size)).sum(axis=1)
    realised = np.sqrt(mean(net * net, REALISED_BARS) * panel.days_per_year)
    away = np.abs(realised[REALISED_BARS - 1 :] / sizing.target_annual_vol - 1.0)
    return Traded(
        dates=panel.open_time[1:],
        net=net,
        found=found.metrics[0],
        deviation=float(away.mean()),
        capped=float((gross >= sizing.max_position_size * (1.0 - 1e-9)).mean()),
        days_per_year=panel.days_per_year,
    )


def tell(name: str, symbols: Sequence[str], books: Mapping[str, Mapping[str, Traded]]) -> None:
    """Prints the accounts of a panel and the differences from inverse volatility."""
    dates = books["hold"][str(Allocation.INVERSE_VOL)].dates
    print(f"\n### {name}: {', '.join(symbols)}, {str(dates[0])[:10]} to {str(dates[-1])[:10]}\n")
    print("| book | allocation | net Sharpe | volatility | off target | deepest loss | turnover | at the cap |")
    print("|---|---|---|---|---|---|---|---|")
    for book, by in books.items():
        for allocation, account in by.items():
            found = account.found
            print(
                f"| {book} | {allocation} | {found.sharpe:.2f} | {found.annual_vol:.1%} | {account.deviation:.0%} | "
                f"{found.max_drawdown:.1%} | {found.turnover_per_year:.1f} | {account.capped:.0%} |"
            )
    differences(books)


def together(panels: Mapping[str, Mapping[str, Mapping[str, Traded]]]) -> None:
    """Prints the differences of the mean over the panels that have a date, and the verdict."""
    books = {
        book: {
            allocation: pooled([panel[book][allocation] for panel in panels.values()])
            for allocation in (*map(str, Allocation), SCALED)
        }
        for book in BOOKS
    }
    print("\n### all panels together\n")
    lows = differences(books)
    passed = all(lows[book] > -MARGIN for book in ("hold", "prior"))
    print(f"\nEqual risk is {'' if passed else 'not '}shown to be no worse than inverse volatility by {MARGIN}.")


def pooled(accounts_of_panels: Sequence[Traded]) -> Traded:
    """The account that holds equal parts of those of the panels, on each date those that have one."""
    dates, at = np.unique(np.concatenate([account.dates for account in accounts_of_panels]), return_inverse=True)
    total = np.bincount(
        at, weights=np.concatenate([account.net for account in accounts_of_panels]), minlength=len(dates)
    )
    return replace(accounts_of_panels[0], dates=dates, net=total / np.bincount(at, minlength=len(dates)))


def differences(books: Mapping[str, Mapping[str, Traded]]) -> dict[str, float]:
    """Prints the paired differences of Sharpe ratios; the low ends of those of equal risk from inverse volatility."""
    print("\n| book | allocation | against | difference of Sharpe | 95 % interval |\n|---|---|---|---|---|")
    lows = {}
    pairs = (("equal-risk", "inverse-vol"), ("equal", "inverse-vol"), (SCALED, "equal-risk"))
    for book, by in books.items():
        for ours, theirs in pairs:
            account, other = by[ours], by[theirs]
            found = compare(account.net, other.net, days_per_year=account.days_per_year, seed=SEED, resamples=RESAMPLES)
            print(f"| {book} | {ours} | {theirs} | {found.difference:+.2f} | {found.low:+.2f} to {found.high:+.2f} |")
            if ours == "equal-risk":
                lows[book] = found.low
    return lows


if __name__ == "__main__":
    main()
