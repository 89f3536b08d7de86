"""Volatility by HAR, from daily ranges, against that of closes: as a forecast, and as what positions are sized by.

    .venv/bin/python benchmarks/studies/volatility_study.py --data FOLDER [--fit pooled]

By class: loss of the forecasts of the next five days' variance, then accounts of one symbol each and of all symbols of
the class, with the product's own sizing and default costs. `own` is the product's HAR, each month's coefficients fitted
on the symbol's rows before it; `pooled` fits each year's on all years and symbols of the class before it.
The rule, laid down before the first run: the estimator is taken if, over all classes, the interval of the difference of
the deviation from the target lies below 0 for the held book, of one symbol and of several, and no interval of the
difference of net Sharpe ratios, held or with the trend, lies below 0. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.studies.markets import RANGED, ranged
from benchmarks.studies.volatility_books import BOOKS, Account, account, by_date, merged
from benchmarks.studies.volatility_forecasts import Forecasts, forecasts, pooled
from strategy.builtin.registry import VOL_TARGET
from strategy.evaluation.bootstrap import Blocks, resampled_means
from strategy.evaluation.sharpe_tests import compare
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Calendar
from strategy.signals.strategies import Strategy

SEED = 7
RESAMPLES = 5_000
#: Years that are tried as folds; those before a class has enough rows are left out.
YEARS = range(1994, 2022)
#: Lags of the variance of a mean loss (Newey and West 1987).
HAC_LAGS = 21
#: Mean length of the bootstrap's blocks: twice the dates over which realised volatility is taken.
BLOCK_BARS = 126


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Class:
    """One class of symbols: its bars, forecasts, and the daily variances of the HAR that is fitted to all of them."""

    name: str
    bars: Mapping[str, Bars]
    calendar: Calendar
    forecasts: Mapping[str, Forecasts]
    pooled: Mapping[str, FloatArray]
    coefficients: Mapping[int, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the risk is nearer to its target and the net Sharpe ratio as good, each by its interval."""

    nearer: bool
    as_good: bool


#: Accounts of one symbol each, and of all symbols of a class.
ONE, ALL = "one", "all"


def main() -> None:
    """Prints the tables of all classes, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the development bars")
    parser.add_argument("--fit", choices=("own", "pooled"), default="own", help="the HAR that the accounts use")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} is no folder: without the development bars there is nothing to study")
        return
    classes = [_class(name, options.data) for name in RANGED]
    print("| class | from | variance of | own | pooled | EWMA | fast | fast, ranges | own lower by | pooled lower by |")
    print("|---" * 10 + "|")
    for studied in classes:
        _print_losses(studied)
    print("\n| class | first year | year | level | day | week | month |\n|---|---|---|---|---|---|---|")
    for studied in classes:
        years = [year for year, found in studied.coefficients.items() if np.isfinite(found).all()]
        told = " | ".join(f"{value:.2f}" for value in studied.coefficients[years[-1]])
        print(f"| {studied.name} | {years[0]} | {years[-1]} | {told} |")
    columns = ("deviation: HAR", "EWMA", "difference", "net Sharpe: HAR", "EWMA", "difference", "turnover: HAR", "EWMA")
    print(f"\n| book | symbols | class | {' | '.join(columns)} |\n{'|---' * 11}|")
    verdicts = {(book, of): _print_books(classes, options.fit, book, of) for book in BOOKS for of in (ONE, ALL)}
    nearer = all(verdict.nearer for (book, _), verdict in verdicts.items() if book == VOL_TARGET)
    as_good = all(verdict.as_good for verdict in verdicts.values())
    print(f"\nNearer to the target: {nearer}; net Sharpe as good: {as_good}; taken: {nearer and as_good}.")


def _class(name: str, folder: Path) -> Class:
    bars, calendar = ranged(name, folder)
    found = {symbol: forecasts(series) for symbol, series in bars.items()}
    variances, coefficients = pooled(found, YEARS)
    return Class(name=name, bars=bars, calendar=calendar, forecasts=found, pooled=variances, coefficients=coefficients)


def _print_losses(studied: Class) -> None:
    """QLIKE loss x − log x − 1 of x = variance / forecast (Patton 2011), averaged over symbols, then over dates."""
    for told in ("returns", "ranges"):
        parts = []
        for symbol, own in studied.forecasts.items():
            rivals = (own.har, studied.pooled[symbol], own.ewma, own.fast, own.fast_ranges)
            ratio = np.stack([getattr(own, f"{told}_later") / forecast for forecast in rivals], axis=1)
            with np.errstate(divide="ignore"):
                loss = ratio - np.log(ratio) - 1.0
            known = np.isfinite(loss).all(axis=1)
            parts.append((own.open_time[known], loss[known]))
        dates, losses = by_date(parts)
        means = losses.mean(axis=0)
        lower = [f"{1 - means[at] / means[2]:.0%} (t {_hac_t(losses[:, at] - losses[:, 2]):+.1f})" for at in (0, 1)]
        values = " | ".join(f"{value:.3f}" for value in means)
        print(f"| {studied.name} | {str(dates[0])[:4]} | {told} | {values} | {' | '.join(lower)} |", flush=True)


def _hac_t(values: FloatArray) -> float:
    """The mean over its standard error, with Bartlett weights for the dependence of the days."""
    centred, days = values - values.mean(), len(values)
    variance = centred @ centred / days
    for lag in range(1, HAC_LAGS + 1):
        variance += 2.0 * (1.0 - lag / (HAC_LAGS + 1)) * (centred[lag:] @ centred[:-lag]) / days
    return float(values.mean() / np.sqrt(variance / days))


def _print_books(classes: Sequence[Class], fit: str, book: Strategy, of: str) -> Verdict:
    """Prints a row for each class and one for all; the verdict is that of the last."""
    accounts = []
    for studied in classes:
        variances = (
            studied.pooled if fit == "pooled" else {symbol: own.har for symbol, own in studied.forecasts.items()}
        )
        parts = [tuple(studied.bars)] if of == ALL else [(symbol,) for symbol in studied.bars]
        found = [
            account({symbol: studied.bars[symbol] for symbol in part}, studied.calendar, variances, book)
            for part in parts
        ]
        accounts.append(merged([each for each in found if each is not None]))
        _print_row(f"| {book} | {of} | {studied.name}", accounts[-1])
    return _print_row(f"| {book} | {of} | **all classes**", merged(accounts))


def _print_row(label: str, found: Account) -> Verdict:
    """Prints deviation, net Sharpe ratio and turnover by both estimates, with intervals of the differences."""
    known = found.deviation[np.isfinite(found.deviation).all(axis=1)]
    told, high = "— | — | —", 0.0
    if len(known) >= BLOCK_BARS:
        ours, theirs = known.mean(axis=0)
        blocks = Blocks(days=BLOCK_BARS, random=np.random.default_rng(SEED))
        low, high = np.quantile(resampled_means(known, RESAMPLES, blocks) @ [1.0, -1.0], [0.025, 0.975])
        told = f"{ours:.3f} | {theirs:.3f} | {ours - theirs:+.3f} ({low:+.3f} to {high:+.3f})"
    ratio = compare(found.net[:, 0], found.net[:, 1], days_per_year=found.days_per_year, seed=SEED, resamples=RESAMPLES)
    print(
        f"{label} | {told} | {ratio.sharpe:.2f} | {ratio.rival_sharpe:.2f} | "
        f"{ratio.difference:+.2f} ({ratio.low:+.2f} to {ratio.high:+.2f}) | "
        f"{found.turnover[0]:.1f} | {found.turnover[1]:.1f} |",
        flush=True,
    )
    return Verdict(nearer=bool(high < 0.0), as_good=ratio.high >= 0.0)


if __name__ == "__main__":
    main()
