"""Rebalance bands and frequencies against trading to every target on every date, on real bars before 2022.

    .venv/bin/python benchmarks/studies/band_study.py --data FOLDER [--estimator har]

Five panels of several symbols, each from the first date with three of them, are traded through the compiled account by
the held book and by the one held after a year of gains, sized by an estimate of volatility, at two targets: 10 %,
which the cap on the exposure seldom forbids, and the default. Nothing is fitted. Orders are of any size.
The rule was written down before the first run. A band passes at a frequency if, with the default estimate, for both
books and both targets,
- over all panels together, the 95 % interval of the difference of net Sharpe ratios from band 0, daily, does not reach
  below -MARGIN, and
- on no panel the distance of the realised volatility from the target is more than MOST_AWAY of the target wider.
The largest band that passes daily becomes the default. The frequency stays daily in any case: on other dates the
drawdown control would wait, which neither book has. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks.studies.allocation_study import first_of_several
from benchmarks.studies.markets import CALENDARS, REBALANCED, load
from benchmarks.studies.volatility_books import BOOKS, by_date, deviation_from_target
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.evaluation.sharpe_tests import Incomparable, SharpeDifference, compare
from strategy.kernel.grid import Point, account_rule
from strategy.kernel.grid_accounts import PanelRules, SweepPanel, sweep_market, sweep_panel, swept, targets
from strategy.kernel.simulate import kernel_inputs, rule_of, run
from strategy.market.bars import FloatArray, TimeArray
from strategy.market.instruments import Instrument
from strategy.portfolio.rebalancing import Frequency
from strategy.portfolio.sizing import SizingParams
from strategy.signals.har import VolatilityEstimator
from strategy.signals.strategies import Strategy

SEED = 7
RESAMPLES = 2_000
BANDS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.05)
TARGETS = (0.10, SizingParams().target_annual_vol)
#: How much lower the net Sharpe ratio may be, at the low end of its interval.
MARGIN = 0.02
#: How much farther from its target the realised volatility may be, as a share of it.
MOST_AWAY = 0.01
#: Panels of closes alone, which have no ranges.
CLOSES = ("futures",)
#: A smaller part of the equity is a rounding error and no order.
LEAST_ORDER = 1e-9
TITLES = (
    "every",
    "band",
    "net Sharpe",
    "less band 0, daily",
    "orders a year",
    "turnover",
    "off target",
    "most wider on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How often positions are traded to their targets, and how near is near enough."""

    every: Frequency
    band: float


RULES = tuple(Rule(every=every, band=band) for every in Frequency for band in BANDS)
#: What all others are compared with.
PLAIN = RULES[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Traded:
    """An account: its daily returns (D,) after costs, and per year its orders and its turnover in units of equity.

    `deviation` is the mean distance of the volatility realised over 63 days from the target, as a share of it, where a
    book held all its symbols; NaN if it never did.
    """

    dates: TimeArray
    net: FloatArray
    orders: float
    turnover: float
    deviation: float


#: The accounts of one book by panel and rule.
Panels = Mapping[str, Mapping[Rule, Traded]]


def main() -> None:
    """Prints a table for each target, estimate and book, of all panels together and of each, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the development bars")
    parser.add_argument("--estimator", type=VolatilityEstimator, default=SizingParams().volatility_estimator)
    parser.add_argument("--financing-rate", type=Decimal, default=Decimal("0.05"), help="flat, per year")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} holds no bars; nothing was studied")
        return
    costs = Costs(financing=flat(options.financing_rate))
    passed = set(RULES)
    for book in BOOKS:
        panels = {
            name: panel_of(name, book, options.estimator, options.data)
            for name in REBALANCED
            if options.estimator is VolatilityEstimator.EWMA or name not in CLOSES
        }
        for target in TARGETS:
            found = {name: accounts(panel, target, costs) for name, panel in panels.items()}
            print(f"\n### {book}, {options.estimator}, target {target:.0%}")
            passed &= tell(found)
    for every in Frequency:
        bands = [f"{rule.band:g}" for rule in RULES if rule in passed and rule.every is every]
        print(f"\nBands that pass {every}, sized by {options.estimator}: {', '.join(bands) or 'none'}.")


def panel_of(name: str, book: Strategy, estimator: VolatilityEstimator, folder: Path) -> SweepPanel:
    """The panel's book, sized by the estimate, from the first date with several symbols."""
    bars, _ = load(name, folder)
    instruments = {symbol: Instrument(symbol=symbol, calendar=CALENDARS[name]) for symbol in bars}
    first = first_of_several(bars, instruments, book)
    return sweep_panel(bars, instruments, book, first, PanelRules(estimator=estimator))


def accounts(panel: SweepPanel, target: float, costs: Costs) -> dict[Rule, Traded]:
    """The account of the panel's book by each rule."""
    sizing = SizingParams(target_annual_vol=target, volatility_estimator=panel.estimator)
    symbols = tuple(instrument.symbol for instrument in panel.instruments)
    result = {}
    for rule in RULES:
        own = replace(sizing, rebalance_band=rule.band, rebalance_every=rule.every)
        result[rule] = traded(panel, Point(symbols=symbols, strategy=panel.strategy, sizing=own, costs=costs))
    return result


def traded(panel: SweepPanel, point: Point) -> Traded:
    """The account of the point."""
    found, target = swept(panel, [point]), point.sizing.target_annual_vol
    held = ((panel.signal == 1.0) | (panel.sizing.budgets == 0.0)).all(axis=1)
    away = deviation_from_target(found.net / target * np.sqrt(panel.days_per_year), held[:-1])
    market, account = sweep_market(panel, [point]), account_rule(point)
    ledger = run(kernel_inputs(targets(panel, [point]), market), rule_of(account), 1)
    notional = np.abs(np.diff(ledger.held, axis=0)) * market.opening[1:]
    orders = int((notional > LEAST_ORDER * ledger.equity[:-1, None]).sum())
    turnover = found.metrics[0].turnover_per_year
    assert turnover is not None, "a panel has at least two dates"
    return Traded(
        dates=panel.open_time[1:],
        net=found.net[:, 0],
        orders=orders * panel.days_per_year / len(notional),
        turnover=turnover,
        deviation=float(np.nanmean(away)) if np.isfinite(away).any() else float("nan"),
    )


def tell(panels: Panels) -> set[Rule]:
    """Prints the accounts of all panels together and of each; the rules that pass."""
    first, *others = TITLES
    print(f"\n| panel | {first} | {' | '.join(others)} |\n{'|---' * (len(TITLES) + 1)}|")
    passed = set()
    everything = {rule: together([by[rule] for by in panels.values()]) for rule in RULES}
    for name, by in {"**all**": everything, **panels}.items():
        for rule in RULES:
            wider = widest(panels if by is everything else {name: by}, rule)
            difference = compared(by, rule)
            _print_row(name, rule, by[rule], difference, wider)
            if by is everything and difference is not None and difference.low >= -MARGIN and wider[1] <= MOST_AWAY:
                passed.add(rule)
    return passed


def together(parts: Sequence[Traded]) -> Traded:
    """The account that holds equal parts of these, on each date those that have one; the rest are their means."""
    dates, net = by_date([(part.dates, part.net[:, None]) for part in parts])
    known = [part.deviation for part in parts if np.isfinite(part.deviation)]
    return Traded(
        dates=dates,
        net=net[:, 0],
        orders=float(np.mean([part.orders for part in parts])),
        turnover=float(np.mean([part.turnover for part in parts])),
        deviation=float(np.mean(known)) if known else float("nan"),
    )


def widest(panels: Panels, rule: Rule) -> tuple[str, float]:
    """The panel whose realised volatility moved farthest away from its target, and by how much."""
    away = {name: by[rule].deviation - by[PLAIN].deviation for name, by in panels.items()}
    known = {name: value for name, value in away.items() if np.isfinite(value)}
    return max(known.items(), key=lambda item: item[1]) if known else ("", 0.0)


def compared(by: Mapping[Rule, Traded], rule: Rule) -> SharpeDifference | None:
    """The net Sharpe ratio of a rule against that of band 0, daily; None if the account hardly ever traded."""
    part, plain = by[rule], by[PLAIN]
    years = (part.dates[-1] - part.dates[0]) / np.timedelta64(1, "D") / 365.25
    per_year = round(len(part.dates) / years)
    try:
        return compare(part.net, plain.net, days_per_year=per_year, seed=SEED, resamples=RESAMPLES)
    except Incomparable:
        return None


def _print_row(
    name: str, rule: Rule, part: Traded, difference: SharpeDifference | None, wider: tuple[str, float]
) -> None:
    sharpe = ratio = "—"
    if difference is not None:
        sharpe = f"{difference.sharpe:.2f}"
        ratio = f"{difference.difference:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
    away = f"{part.deviation:.3f}" if np.isfinite(part.deviation) else "—"
    print(
        f"| {name} | {rule.every} | {rule.band:g} | {sharpe} | {ratio} | {part.orders:.0f} | {part.turnover:.1f} | "
        f"{away} | {wider[0]} {wider[1]:+.3f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
