"""The prior and its networks on real bars before 2022, against buy and hold and the other baselines.

    .venv/bin/python benchmarks/studies/walk_forward.py --data FOLDER
    .venv/bin/python benchmarks/studies/walk_forward.py --data FOLDER --ways 1 --cache FOLDER

The account is a new one's: dated rates, a rebalance band, the default sizing and costs. Without `--ways` nothing is
fitted, and every panel is traded over its whole span. With it each fold's networks are fitted on bars before it alone;
a fold that was computed is kept in the cache by the hash of what determines it, so that a killed study goes on where it
was. Drawdowns are compared at equal volatility of the returns above the rate. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks.studies.folded import TRIALS, Study, Walked, Way, departed
from benchmarks.studies.joint_bootstrap import EQUAL_VOLATILITY, Difference, Interval, differences, figures_of
from benchmarks.studies.markets import ALONE, ENDS, PANELS, STARTS, dollar_rates, financing, load
from benchmarks.studies.panel_accounts import Traded, followed, held, limited
from strategy.account.interest_rates import FinancingTerms, flat
from strategy.evaluation.sharpe_tests import compare, sidak
from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import SizingParams, regime_multiplier
from strategy.signals.regime import regimes
from strategy.signals.rolling import change
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.walk_forward import folds

#: The first date that networks trade, and the dates that must lie before it.
FIRST = np.datetime64("2010-01-01", "us")
LEAST_PAST = 1_000
#: A panel is studied from the first date on which this many of its symbols have a prior.
LEAST_SYMBOLS = 3
BAND = 0.0025
SEED = 7
#: The accounts that buy and hold is compared with, in both tables of differences.
JUDGED = ("prior", "network", "network, gated")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """The accounts of one panel by name."""

    name: str
    accounts: Mapping[str, Traded]


def main() -> None:
    """Prints the tables of each panel, and of the panels of several symbols together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the development bars")
    parser.add_argument(
        "--panels", help="names, separated by commas; default: all, with --ways those of several symbols"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps what was computed; --ways needs it")
    parser.add_argument("--ways", type=int, default=0, help="how many of the ways to train are compared, at most 3")
    parser.add_argument("--fold-bars", type=int, default=504)
    parser.add_argument("--threads", type=int, default=1, help="of a training")
    parser.add_argument("--target", type=float, default=SizingParams().target_annual_vol, help="yearly volatility")
    parser.add_argument("--band", type=float, default=BAND, help="of rebalancing")
    parser.add_argument("--futures-rate", choices=("none", "bills"), default="none")
    parser.add_argument("--financing-rate", type=Decimal, help="flat, per year, in place of dated rates")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} holds no bars; nothing was studied")
        return
    if options.ways and options.cache is None:
        parser.error("--ways needs --cache, the folder that keeps the networks' signals")
    chosen = options.panels.split(",") if options.panels else PANELS if options.ways else (*PANELS, *ALONE)
    dollars = dollar_rates(options.data)
    told = []
    for name in chosen:
        rated = "etf" if name == "futures" and options.futures_rate == "bills" else name
        flat_rate: Decimal | None = options.financing_rate
        terms = financing(rated, dollars) if flat_rate is None else flat(flat_rate)
        told.append(_panel(name, terms, options))
    _judge(told)


def _panel(name: str, terms: FinancingTerms, options: argparse.Namespace) -> Told:
    """Prints the accounts of a panel."""
    study = _study(name, terms, options)
    settings = TrainingSettings(seed=SEED, threads=options.threads)
    ways = (
        Way(name="network", settings=settings),
        Way(name="one member without twin", settings=replace(settings, members=1, twins=0)),
        Way(name="one member without other symbols", settings=replace(settings, members=1), alone=True),
    )
    networks = {way.name: departed(study, way) for way in ways[: options.ways]}
    accounts = _accounts(study, networks)
    _report(study, name, accounts)
    if "network" in networks:
        print(f"\nThe gate promoted {networks['network'].promoted} of {len(study.plan)} first networks.\n")
        _pairs(accounts, [("network", rival) for rival in ("prior", "vol-target", "momentum", "hold and trend")])
    print()
    _pairs(accounts, [pair for pair in PARTS if set(pair) <= set(accounts)])
    return Told(name=name, accounts=accounts)


def _study(name: str, terms: FinancingTerms, options: argparse.Namespace) -> Study:
    bars, config = load(name, options.data)
    if name in ENDS:
        bars = {symbol: series.until(np.datetime64(ENDS[name], "us")) for symbol, series in bars.items()}
    config = replace(
        config,
        sizing=SizingParams(target_annual_vol=options.target, rebalance_band=options.band),
        terms=replace(config.terms, costs=replace(config.terms.costs, financing=terms)),
    )
    panel = training_panel(bars, config)
    first, length = _first(name, panel), len(panel)
    if options.ways:
        first, length = max(FIRST, panel.open_time[min(len(panel) - 2, LEAST_PAST)]), options.fold_bars
    plan = folds(panel.open_time, first, length)
    return Study(bars=bars, config=config, panel=panel, plan=plan, cache=options.cache)


def _first(name: str, panel: TrainingPanel) -> np.datetime64:
    """The first date of a panel that is traded without networks: when enough of its symbols have a prior."""
    known = (panel.prior != 0.0).sum(axis=1) >= min(LEAST_SYMBOLS, len(panel.floor))
    start: np.datetime64 = panel.open_time[np.argmax(known)]
    return max(start, np.datetime64(STARTS[name], "us")) if name in STARTS else start


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


def _accounts(study: Study, ways: Mapping[str, Walked]) -> dict[str, Traded]:
    panel, span, config = study.panel, study.span, study.config
    plain = replace(panel, weight=panel.weight / _regime(study))
    calm = replace(panel, sizing=replace(panel.sizing, drawdown_floor=1.0))
    bare = replace(plain, sizing=calm.sizing)
    prior = panel.prior[span.start : span.stop]
    zero, sign = np.zeros_like(prior), _trend(study)
    accounts = {
        "hold": held(study.bars, panel.open_time[span.start : span.stop + 1], config),
        "vol-target": followed(1.0 - prior, bare, span, config),
        "momentum": followed(sign - prior, bare, span, config),
        "hold and trend": followed((1.0 + sign) / 2.0 - prior, bare, span, config),
        "prior": followed(zero, panel, span, config),
        "prior without regime": followed(zero, plain, span, config),
        "prior without drawdown control": followed(zero, calm, span, config),
    }
    accounts |= {label: followed(way.ensemble, panel, span, config) for label, way in ways.items()}
    if "network" in ways:
        moved = ways["network"]
        accounts["network, gated"] = followed(moved.gated, panel, span, config)
        accounts["one member"] = followed(moved.single, panel, span, config)
        accounts["network without regime"] = followed(moved.ensemble, plain, span, config)
        accounts["network without drawdown control"] = followed(moved.ensemble, calm, span, config)
        accounts["network, twice the cost"] = followed(moved.ensemble, panel, span, config, 2.0)
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


def _report(study: Study, name: str, accounts: Mapping[str, Traded]) -> None:
    """Prints the accounts of a panel, and how often a limit and not the target sized two of them."""
    panel, span = study.panel, study.span
    first, last = (str(day)[:10] for day in panel.open_time[[span.start, span.stop]])
    print(f"\n### {name}: {', '.join(panel.dates.symbols)}, {first} to {last}, {len(study.plan)} folds\n")
    _head(
        *("account", "net Sharpe", "volatility", "exposure", "turnover", "deepest loss", "Calmar"),
        *(f"at {EQUAL_VOLATILITY:.0%}: deepest loss", "Calmar"),
    )
    found = figures_of(list(accounts.values()))
    for number, (label, account) in enumerate(accounts.items()):
        growth = account.equity[-1] / account.equity[0]
        yearly = growth ** (account.days_per_year / len(account.net)) - 1.0
        print(
            f"| {label} | {found.sharpe[number]:.2f} | {account.volatility:.1%} | {account.exposure:.2f} | "
            f"{account.turnover:.1f} | {account.deepest_loss:.1%} | {yearly / account.deepest_loss:.2f} | "
            f"{found.deepest_loss[number]:.1%} | {found.calmar[number]:.2f} |"
        )
    regime = _regime(study)[span.start : span.stop]
    prior = panel.prior[span.start : span.stop]
    plain = replace(panel, weight=panel.weight / _regime(study))
    shares = [
        limited(1.0 - prior, plain, span, np.ones_like(regime)),
        limited(np.zeros_like(prior), panel, span, regime),
    ]
    print(f"\nA limit decided the size of vol-target on {shares[0]:.0%} of the dates, of the prior on {shares[1]:.0%}.")


def _head(*titles: str) -> None:
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")


def _pairs(accounts: Mapping[str, Traded], pairs: Sequence[tuple[str, str]]) -> None:
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


def _judge(panels: Sequence[Told]) -> None:
    """Prints the differences from buy and hold: of the panels of several symbols, their mean, and of the others."""
    names = [name for name in JUDGED if all(name in panel.accounts for panel in panels)]
    print("\n### Against buy and hold\n")
    _head(
        *("panel", "account", "difference of Sharpe", "p", "p deflated", "log ratio of 1 + Calmar"),
        *("its percentile interval", "deepest loss at equal volatility"),
    )
    several = [panel for panel in panels if panel.name in PANELS]
    groups = [several] * bool(several) + [[panel] for panel in panels if panel.name not in PANELS]
    for group in groups:
        rivals = {panel.name: [(panel.accounts[name], panel.accounts["hold"]) for name in names] for panel in group}
        own, mean = differences(rivals, SEED)
        for panel in group:
            for name, difference in zip(names, own[panel.name], strict=True):
                deepest = figures_of([panel.accounts[name], panel.accounts["hold"]]).deepest_loss
                _row(panel.name, name, difference, f"{deepest[0]:.1%} of {deepest[1]:.1%}")
        if len(group) > 1:
            for name, difference in zip(names, mean, strict=True):
                _row("**pooled**", name, difference, "")


def _row(panel: str, name: str, difference: Difference, deepest: str) -> None:
    sharpe, calmar = difference.sharpe, difference.calmar
    print(
        f"| {panel} | {name} | {_interval(sharpe)} | {sharpe.p:.3f} | {sidak(sharpe.p, TRIALS):.3f} | "
        f"{_interval(calmar)} | {calmar.low_percentile:+.2f} to {calmar.high_percentile:+.2f} | {deepest} |"
    )


def _interval(found: Interval) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


if __name__ == "__main__":
    main()
