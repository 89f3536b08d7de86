"""Walk-forward on real bars before 2022, against the baselines, with every part switched off in turn.

    .venv/bin/python benchmarks/studies/walk_forward.py --data FOLDER --panel etf --cache FOLDER

Each fold's networks are fitted on bars before it alone. A fold that was computed is kept in the cache by the hash of
what determines it, so that a killed study goes on where it was. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.studies.folded import TRIALS, Study, Walked, Way, departed
from benchmarks.studies.markets import PANELS, load
from strategy.evaluation.metrics import metrics
from strategy.evaluation.sharpe_tests import compare, sidak
from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import regime_multiplier
from strategy.signals.regime import regimes
from strategy.signals.rolling import change
from strategy.training.rollout import net_returns
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import Returns
from strategy.training.training_panel import training_panel
from strategy.training.walk_forward import folds

FIRST = np.datetime64("2010-01-01", "us")
SEED = 7


def main() -> None:
    """Prints the tables of one panel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the development bars")
    parser.add_argument("--panel", choices=PANELS, default="etf")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps what was computed")
    parser.add_argument("--fold-bars", type=int, default=504)
    parser.add_argument("--ways", type=int, default=3, help="how many of the ways to train are compared, at most 3")
    options = parser.parse_args()
    bars, config = load(options.panel, options.data)
    panel = training_panel(bars, config)
    first = max(FIRST, panel.open_time[min(len(panel) - 2, 1_000)])
    study = Study(
        bars=bars,
        config=config,
        panel=panel,
        plan=folds(panel.open_time, first, options.fold_bars),
        cache=options.cache,
    )
    settings = TrainingSettings(seed=SEED)
    ways = [
        Way(name="network", settings=settings),
        Way(name="one member without twin", settings=replace(settings, members=1, twins=0)),
        Way(name="one member without other symbols", settings=replace(settings, members=1), alone=True),
    ]
    report(study, options.panel, {way.name: departed(study, way) for way in ways[: options.ways]})


def report(study: Study, name: str, ways: Mapping[str, Walked]) -> None:
    """Prints the accounts, the network against each rival, and what each part adds."""
    accounts = _accounts(study, ways)
    dates = study.panel.open_time[[study.span.start, study.span.stop]]
    first, last = (str(day)[:10] for day in dates)
    print(f"\n### {name}: {', '.join(study.panel.dates.symbols)}, {first} to {last}, {len(study.plan)} folds\n")
    print("| account | net Sharpe | volatility | deepest loss |\n|---|---|---|---|")
    for label, account in accounts.items():
        equity = np.cumprod(np.concatenate([[1.0], 1.0 + account.net]))
        found = metrics(equity, np.zeros(len(equity)), account.days_per_year)
        print(f"| {label} | {found.sharpe:.2f} | {found.annual_vol:.1%} | {found.max_drawdown:.1%} |")
    if "network" in ways:
        print(f"\nThe gate promoted {ways['network'].promoted} of {len(study.plan)} first networks.\n")
        _pairs(accounts, [("network", rival) for rival in ("prior", "vol-target", "momentum", "hold and trend")])
    print()
    _pairs(accounts, [pair for pair in PARTS if set(pair) <= set(accounts)])


#: What a part adds: the account with it, and without.
PARTS = (
    ("network", "prior"),
    ("network", "one member"),
    ("one member", "one member without twin"),
    ("one member", "one member without other symbols"),
    ("network", "network without regime"),
    ("network", "network without drawdown control"),
    ("prior", "prior without regime"),
    ("prior", "prior without drawdown control"),
)


def _accounts(study: Study, ways: Mapping[str, Walked]) -> dict[str, Returns]:
    panel, span = study.panel, study.span
    plain = replace(panel, weight=panel.weight / _regime(study))
    calm = replace(panel, sizing=replace(panel.sizing, drawdown_floor=1.0))
    bare = replace(plain, sizing=calm.sizing)
    prior = panel.prior[span.start : span.stop]
    zero, sign = np.zeros_like(prior), _trend(study)
    accounts = {
        "vol-target": net_returns(1.0 - prior, bare, span),
        "momentum": net_returns(sign - prior, bare, span),
        "hold and trend": net_returns((1.0 + sign) / 2.0 - prior, bare, span),
        "prior": net_returns(zero, panel, span),
        "prior without regime": net_returns(zero, plain, span),
        "prior without drawdown control": net_returns(zero, calm, span),
    }
    accounts |= {label: net_returns(way.ensemble, panel, span) for label, way in ways.items()}
    if "network" in ways:
        moved = ways["network"]
        accounts["network, gated"] = net_returns(moved.gated, panel, span)
        accounts["one member"] = net_returns(moved.single, panel, span)
        accounts["network without regime"] = net_returns(moved.ensemble, plain, span)
        accounts["network without drawdown control"] = net_returns(moved.ensemble, calm, span)
        accounts["network, twice the cost"] = net_returns(moved.ensemble, panel, span, 2.0)
    return accounts


def _columns(study: Study, values: Sequence[FloatArray]) -> FloatArray:
    return np.stack([study.panel.dates.spread(number, one) for number, one in enumerate(values)], axis=-1)


def _closes(study: Study) -> list[FloatArray]:
    return [study.bars[symbol].close * study.bars[symbol].factor for symbol in study.panel.dates.symbols]


def _regime(study: Study) -> FloatArray:
    """g of every date and symbol, (U, S); 1 where it is not known."""
    paths = [regimes(close) for close in _closes(study)]
    return np.nan_to_num(_columns(study, [regime_multiplier(path.code, path.confidence) for path in paths]), nan=1.0)


def _trend(study: Study) -> FloatArray:
    """The sign of the 252-bar return on the dates decided on, (D, S)."""
    whole = np.sign(np.nan_to_num(_columns(study, [change(close, 252) for close in _closes(study)])))
    return np.asarray(whole[study.span.start : study.span.stop])


def _pairs(accounts: Mapping[str, Returns], pairs: Sequence[tuple[str, str]]) -> None:
    print("| account | against | difference of Sharpe | 95 % interval | p | p deflated |\n|---|---|---|---|---|---|")
    for one, other in pairs:
        found = compare(
            accounts[one].net,
            accounts[other].net,
            days_per_year=accounts[one].days_per_year,
            seed=SEED,
            resamples=5_000,
        )
        print(
            f"| {one} | {other} | {found.difference:+.2f} | {found.low:+.2f} to {found.high:+.2f} | {found.p:.3f} | "
            f"{sidak(found.p, TRIALS):.3f} |"
        )


if __name__ == "__main__":
    main()
