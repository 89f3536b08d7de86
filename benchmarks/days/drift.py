"""False alarms of the checks of a live account on noise, and how long they take to see what has gone wrong.

    .venv/bin/python benchmarks/days/drift.py [--accounts 50] [--paths 400]
    .venv/bin/python benchmarks/days/drift.py --unseen --first-seed 5000 [--past-days 2520] [--data FOLDER]

Each account has a past of five years (or `--past-days`) and lives twenty years of noise from the same process, judged
on every day by the band, the costs and the shift that its past has frozen. Seed n is account n. The interval resamples
accounts, since the years of one share their past. `--unseen` measures false alarms alone, on processes by which no
limit was chosen; with `--data`, also on real days of the development bars, drawn in blocks.
"""

import argparse
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.days.drift_noise import SEEN, SHARPE, UNSEEN, VOLATILITY, YEAR, Noise, Process, real
from strategy.drift.band import Band, frozen_band, outside
from strategy.drift.cost import evidence, frozen_limit
from strategy.drift.looks import Check, Looks
from strategy.drift.shift import Reference, frozen_reference, shifts
from strategy.market.bars import FloatArray

YEARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The expectation that the past of an account has frozen."""

    band: Band
    cost: float
    reference: Reference


def frozen(seen: Noise, past_days: int, looks: Looks, cost: float) -> Frozen:
    """The expectation of an account after so many days."""
    return Frozen(
        band=frozen_band(seen.account[:past_days], looks),
        cost=cost,
        reference=frozen_reference(seen.symbols[:past_days], looks),
    )


def alarms(held: Frozen, live: Noise) -> dict[Check, FloatArray]:
    """The first alarm of each check in each account year of the live days, as days since it began; inf for none."""
    years = range(len(live.account) // YEAR)
    shift = shifts(held.reference, live.symbols)
    found: dict[Check, list[float]] = {check: [] for check in Check}
    for year in years:
        days = slice(year * YEAR, (year + 1) * YEAR)
        excesses = live.excess[days]
        filled = np.flatnonzero(np.isfinite(excesses))
        costly = filled[evidence(excesses[filled]) > held.cost]
        found[Check.BAND].append(_first(np.abs(outside(held.band, np.cumsum(live.account[days]))) > 1.0))
        found[Check.COST].append(float(costly[0] + 1) if len(costly) else math.inf)
        found[Check.SHIFT].append(_first(shift[days] > held.reference.limit))
    return {check: np.array(days) for check, days in found.items()}


def _first(hit: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    at = np.flatnonzero(hit)
    return float(at[0] + 1) if len(at) else math.inf


def rate(hit: FloatArray) -> str:
    """The share of account years (accounts, years) with an alarm, and its 95 % interval over accounts."""
    by_account = hit.mean(axis=1)
    rows = np.random.default_rng(1).integers(0, len(hit), size=(4_000, len(hit)))
    low, high = np.quantile(by_account[rows].mean(axis=1), (0.025, 0.975))
    return f"{by_account.mean():.1%} ({low:.1%} to {high:.1%})"


def false_alarms(options: argparse.Namespace, cost: float, kinds: Mapping[str, Process]) -> list[Frozen]:
    """Prints the rates on each kind of noise; returns the expectations of the last kind."""
    print("| noise | account years | band | cost | shift | any |\n|---|---|---|---|---|---|", flush=True)
    held: list[Frozen] = []
    for kind, process in kinds.items():
        held, hits = [], []
        for seed in range(options.first_seed, options.first_seed + options.accounts):
            seen = process(options.past_days + YEARS * YEAR, seed)
            looks = Looks(year_days=YEAR, seed=seed, paths=options.paths)
            held.append(frozen(seen, options.past_days, looks, cost))
            live = seen.after(options.past_days)
            hits.append([np.isfinite(days) for days in alarms(held[-1], live).values()])
        each = np.array(hits, dtype=np.float64)
        shown = [rate(each[:, number]) for number in range(len(Check))]
        print(f"| {kind} | {each[:, 0].size:,} | {' | '.join(shown)} | {rate(each.max(axis=1))} |", flush=True)
    return held


#: What goes wrong: the scale of returns, the Sharpe ratio, what fills cost besides, the years looked at, the checks.
FAULTS: dict[str, tuple[float, float, float, int, tuple[Check, ...]]] = {
    "none": (1.0, SHARPE, 0.0, 60, (Check.BAND,)),
    "Sharpe ratio from 0.8 to 0": (1.0, 0.0, 0.0, 60, (Check.BAND,)),
    "Sharpe ratio from 0.8 to −2": (1.0, -2.0, 0.0, 60, (Check.BAND,)),
    "fills cost 10 bps more, and deviate by 21": (1.0, SHARPE, 0.001, 3, (Check.COST,)),
    "volatility doubled": (2.0, SHARPE, 0.0, 5, (Check.BAND, Check.SHIFT)),
}


def detection(held: Sequence[Frozen], past_days: int, process: Process) -> None:
    """Prints the median time to the first alarm of these checks, and what share of accounts has one in a year."""
    print("\n| fault | check | seen within a year | median time |\n|---|---|---|---|")
    for fault, (scale, sharpe, dearer, years, checks) in FAULTS.items():
        firsts = []
        for seed, each in enumerate(held):
            drawn = process(past_days + years * YEAR, seed + 10_000)
            shift = VOLATILITY * (sharpe - SHARPE * scale) / math.sqrt(YEAR)
            live = Noise(
                account=drawn.account * scale + shift,
                symbols=drawn.symbols * scale,
                excess=drawn.excess + dearer,
            )
            found = alarms(each, live.after(past_days))
            firsts.append(min(float((found[check] + YEAR * np.arange(years)).min()) for check in checks))
        share, median = np.mean(np.array(firsts) <= YEAR), float(np.median(firsts))
        said = f"{median:.0f} account days" if median <= YEAR else f"{median / YEAR:.1f} years"
        told = said if math.isfinite(median) else f"over {years} years"
        print(f"| {fault} | {' or '.join(checks)} | {share:.0%} | {told} |", flush=True)


def main() -> None:
    """Prints the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--paths", type=int, default=400)
    parser.add_argument("--past-days", type=int, default=1_260)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--unseen", action="store_true", help="processes by which no limit was chosen")
    parser.add_argument("--data", type=Path, help="folder with the development bars")
    options = parser.parse_args()
    started = time.perf_counter()
    cost = frozen_limit(Looks(year_days=YEAR, seed=7, paths=20_000))
    if options.unseen or options.data:
        false_alarms(options, cost, {**UNSEEN, **(real(options.data) if options.data else {})})
    else:
        held = false_alarms(options, cost, SEEN)
        detection(held, options.past_days, [*SEEN.values()][-1])
    print(f"\n{time.perf_counter() - started:,.0f} s", flush=True)


if __name__ == "__main__":
    main()
