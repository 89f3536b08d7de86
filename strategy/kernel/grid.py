"""Grid of a parameter sweep: many configurations on the same bars, each a point with an account of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

from strategy.account.fees_and_slippage import Costs
from strategy.portfolio.sizing import NO_CAPS, Allocation, SizingParams
from strategy.signals.har import VolatilityEstimator
from strategy.signals.strategies import Sizing, Strategy, sizing_of

#: What is charged and paid beside dated rates.
SPREADS = ("borrow_spread", "cash_spread", "short_fee")
#: Largest number of points in a grid.
MOST_POINTS = 100_000
#: Most points in a chunk, and most numbers in one of its arrays (dates × symbols × points), so that it fits the caches.
CHUNK_POINTS = 256
CHUNK_NUMBERS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One configuration: the symbols (sorted) of an account, its strategy, its sizing and its costs."""

    symbols: tuple[str, ...]
    strategy: Strategy
    sizing: SizingParams
    costs: Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every combination of accounts (the symbols that each trades, sorted), strategies, sizings and costs.

    Raises ValueError if an axis is empty, if one of the strategies buys once, whose account has nothing to size, or if
    there are more than MOST_POINTS combinations.
    """

    accounts: tuple[tuple[str, ...], ...]
    strategies: tuple[Strategy, ...]
    sizings: tuple[SizingParams, ...]
    costs: tuple[Costs, ...]

    def __post_init__(self) -> None:
        for strategy in self.strategies:
            if sizing_of(strategy) is Sizing.ONCE:
                raise ValueError(f"{strategy} has nothing to vary: it buys once; leave it out of the grid")
        count = len(self.accounts) * len(self.strategies) * len(self.sizings) * len(self.costs)
        if not 1 <= count <= MOST_POINTS:
            raise ValueError(f"the grid has {count:,} points; it must have between 1 and {MOST_POINTS:,}")


def points(grid: Grid) -> tuple[Point, ...]:
    """Return the distinct points of the grid.

    A strategy that is sized by the volatility target alone uses neither neutral zone nor drawdown control, and a single
    symbol no allocation: points that differ only in those are the same.

    >>> from strategy.builtin.registry import MOMENTUM, RULES
    >>> sizings = (SizingParams(neutral_zone=0.0), SizingParams(neutral_zone=0.1))
    >>> both = (RULES, MOMENTUM)
    >>> [str(point.strategy) for point in points(
    ...     Grid(accounts=(("SPY",),), strategies=both, sizings=sizings, costs=(Costs(),))
    ... )]
    ['rules', 'rules', 'momentum']
    """
    return tuple(
        dict.fromkeys(
            Point(symbols=symbols, strategy=strategy, sizing=sizing_read(strategy, sizing, symbols), costs=costs)
            for symbols, strategy, sizing, costs in product(grid.accounts, grid.strategies, grid.sizings, grid.costs)
        )
    )


def sizing_read(strategy: Strategy, sizing: SizingParams, symbols: Sequence[str]) -> SizingParams:
    """Return the sizing with defaults for every parameter that the strategy does not use on these symbols."""
    names = [name for name in names_read(strategy) if name != "allocation" or len(symbols) > 1]
    return SizingParams(caps=sizing.caps, **{name: getattr(sizing, name) for name in names})


def names_read(strategy: Strategy) -> tuple[str, ...]:
    """Return the names of the sizing's parameters that the strategy uses.

    >>> from strategy.builtin.registry import MOMENTUM
    >>> [name for name in names_read(MOMENTUM) if "rebalance" not in name]
    ['target_annual_vol', 'max_position_size', 'allocation', 'volatility_estimator']
    """
    if sizing_of(strategy) is Sizing.FULL:
        return tuple(field.name for field in fields(SizingParams) if field.name != "caps")
    rebalancing = ("rebalance_band", "rebalance_every")
    if sizing_of(strategy).needs_volatility:
        return "target_annual_vol", "max_position_size", "allocation", "volatility_estimator", *rebalancing
    return "max_position_size", *rebalancing


def values_read(point: Point) -> dict[str, float | str | None]:
    """Return the parameters of a point that its strategy uses, by name; a cost of None is the asset class's default.

    Of the terms of financing either the flat rate is None, or the rates with their spreads and the fee of shorts are.

    >>> from strategy.builtin.registry import MOMENTUM
    >>> point = Point(symbols=("SPY",), strategy=MOMENTUM, sizing=SizingParams(), costs=Costs())
    >>> [name for name in values_read(point) if "rebalance" not in name]
    ['target_annual_vol', 'max_position_size', 'allocation', 'volatility_estimator',
     'fee_bps', 'slippage_bps', 'financing_rate', 'borrow_spread', 'cash_spread', 'short_fee', 'rates']
    """
    sizes: dict[str, float | str | None] = {name: getattr(point.sizing, name) for name in names_read(point.strategy)}
    costs = {name: getattr(point.costs, name) for name in ("fee_bps", "slippage_bps")}
    financing = point.costs.financing
    flat = financing.flat_rate
    costs["financing_rate"] = flat
    costs |= {name: getattr(financing, name) if flat is None else None for name in SPREADS}
    told: dict[str, float | str | None] = {name: None if cost is None else float(cost) for name, cost in costs.items()}
    return sizes | told | {"rates": financing.risk_free.name if flat is None else None}


def account_rule(point: Point) -> SizingParams:
    """Return the part of the sizing that the account itself uses; points with an equal one can share a kernel run.

    The volatility target alone has no drawdown control: its multiplier stays at 1. Only a rebalance band needs the cap.
    """
    most = point.sizing.max_position_size if point.sizing.rebalance_band else 1.0
    shared = replace(
        point.sizing,
        target_annual_vol=1.0,
        max_position_size=most,
        neutral_zone=0.0,
        allocation=Allocation.INVERSE_VOL,
        volatility_estimator=VolatilityEstimator.EWMA,
        caps=NO_CAPS,
    )
    return shared if sizing_of(point.strategy) is Sizing.FULL else replace(shared, drawdown_floor=1.0)


def chunks(wanted: Sequence[Point], rows: int) -> tuple[tuple[Point, ...], ...]:
    """Return the points in chunks for `rows` dates.

    Each has one account, strategy, allocation, volatility estimator, account rule and financing rate.

    The chunks depend on nothing else, so that a sweep gives the same bits wherever its chunks are run.
    """
    groups: dict[object, list[Point]] = {}
    for point in wanted:
        estimates = point.sizing.allocation, point.sizing.volatility_estimator
        key = (point.symbols, point.strategy, estimates, account_rule(point), point.costs.financing)
        groups.setdefault(key, []).append(point)
    result: list[tuple[Point, ...]] = []
    for group in groups.values():
        most = max(1, min(CHUNK_POINTS, CHUNK_NUMBERS // (rows * len(group[0].symbols))))
        result.extend(tuple(group[first : first + most]) for first in range(0, len(group), most))
    return tuple(result)
