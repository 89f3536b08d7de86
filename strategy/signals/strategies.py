"""A strategy as a value: the signal, the history that it needs, and how it is sized."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Integral
from re import fullmatch
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray
from strategy.market.own_columns import Lag
from strategy.market.price_panel import PricePanel
from strategy.signals.faults import Fault

#: A strategy's name becomes part of order ids and of flow parameters, where a path must not pass.
NAME_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"
#: Numbers by name, as `explain` shows them; NaN where unknown.
Inputs = Mapping[str, float]


class Sizing(StrEnum):
    """Ways to turn a signal into an exposure."""

    #: The full rule of the seed document: neutral zone, regime, volatility target, drawdown control.
    FULL = "full"
    #: Only the volatility target.
    VOLATILITY = "volatility"
    #: An equal share of the capital, bought once and kept.
    ONCE = "once"
    #: The signal is the exposure, a fraction of equity; only the cap on the gross exposure applies.
    DIRECT = "direct"

    @property
    def needs_volatility(self) -> bool:
        """Return whether a symbol must have a volatility before it may be traded."""
        return self in (Sizing.FULL, Sizing.VOLATILITY)


#: The content of a model, by name.
Arrays = Mapping[str, NDArray[Any]]


class Model(Protocol):
    """The result of learning; its signals depend on bars alone."""

    def signals(self, panel: Mapping[str, Bars]) -> Mapping[str, FloatArray]:
        """Return the signal of every symbol at every row of its bars, (T,) in [-1, 1]; NaN while unknown.

        Row t may depend on rows dated then or earlier only.
        """
        ...

    def to_arrays(self) -> Arrays:
        """Return all that the model consists of, as arrays of finite numbers."""
        ...


class Learner(Protocol):
    """A maker of models, which it trains on the past; equal pasts and seeds give equal models."""

    @property
    def prior(self) -> "Strategy":
        """Return the rule that a model must beat, and that trades while no model does."""
        ...

    @property
    def history_bars(self) -> int:
        """Return the bars of each symbol on which one signal of a model depends."""
        ...

    def fit(self, past: Mapping[str, Bars], seed: int) -> Model:
        """Return the model trained on these bars; all randomness comes from the seed."""
        ...

    def from_arrays(self, arrays: Arrays) -> Model:
        """Return the model that `to_arrays` turned into these arrays, with the same signals to the last bit."""
        ...


class Runner(Protocol):
    """Evaluation of a strategy whose code is not ours, for example in a process of its own."""

    def evaluate(self, bars: Mapping[str, Bars], since: np.datetime64 | None, *, exact: bool) -> "Evaluated":
        """Return the signals of all symbols; with `since`, rows before each symbol's newest row by then may be NaN.

        `exact` is that of the strategy.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """Signals by symbol, each (T,); all NaN for a symbol that has a fault."""

    signals: Mapping[str, FloatArray]
    faults: Mapping[str, Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """A strategy of an account that runs several, and its share of the account; None: by its risk."""

    strategy: "Strategy"
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A strategy: its name, its signal, the rows on which one value depends, and its sizing.

    `signal(bars)` maps the bars of one symbol to (T,) values in [-1, 1], NaN while unknown; or `signals(panel)` maps a
    `PricePanel` to (T, S). The value of row t is by definition the last one on exactly the `history_bars` rows that end
    at t. With `parameters`, a frozen dataclass, they are called as `signal(bars, parameters)`. A strategy with a
    `learner` has its prior's signal until a model is trained. `inputs(bars)` names the numbers behind the newest value.
    `columns` declares the columns of a `file:` source that it reads, each with its lag: `bars.columns["eps"]` holds at
    row t the newest value dated that many days before it or earlier.

    For ours to set: `terms(bars)` splits the newest signal, before it is cut to ±1, into parts that add up to it; a
    `baseline` is for comparison only, so that testing it is no trial; `trusted` code is called on
    the whole history, which is known to give the same bits, and an `exact` strategy is one whose audit has found it
    so; `version` is the sha256 of a file or a distribution, and `origin` says where it came from; a `runner` evaluates
    code in a process of its own; `sleeves` are those of an account that runs several strategies, which
    `strategy.signals.sleeves` combines, and a strategy with sleeves has no signal of its own.

    Raises ValueError for a name other than lower-case letters, digits and dashes, for `history_bars` below 1, for an
    unknown sizing, for a column without a lag, unless exactly one of `signal` and `signals` is given, and for a
    `learner` whose prior has another signal, history, sizing, parameters or columns.

    >>> Strategy(name="always-long", signal=lambda bars: bars.close * 0 + 1, history_bars=1, sizing="direct").sizing
    <Sizing.DIRECT: 'direct'>
    """

    name: str
    signal: Callable[..., FloatArray] | None = None
    signals: Callable[..., FloatArray] | None = None
    history_bars: int
    sizing: Sizing | Literal["full", "volatility", "once", "direct"] = Sizing.VOLATILITY
    parameters: object | None = None
    columns: Mapping[str, Lag] = field(default_factory=dict, hash=False)
    learner: Learner | None = None
    inputs: Callable[[Bars], Inputs] | None = field(default=None, compare=False)
    terms: Callable[[Bars], Inputs] | None = field(default=None, compare=False)
    baseline: bool = False
    trusted: bool = field(default=False, compare=False)
    exact: bool = field(default=False, compare=False)
    version: str = ""
    origin: str = field(default="", compare=False)
    runner: Runner | None = field(default=None, compare=False, repr=False)
    sleeves: tuple[Sleeve, ...] = ()

    def __post_init__(self) -> None:
        if not self.sleeves and not fullmatch(NAME_PATTERN, str(self.name)):
            raise ValueError(f"name is {self.name!r}; it must be up to 64 lower-case letters, digits and dashes")
        if isinstance(self.history_bars, Integral) and not isinstance(self.history_bars, bool):
            object.__setattr__(self, "history_bars", int(self.history_bars))
        if type(self.history_bars) is not int or self.history_bars < 1:
            raise ValueError(f"history_bars of {self.name} is {self.history_bars!r}; it must be a whole number above 0")
        if self.sizing not in list(Sizing):
            raise ValueError(f"sizing of {self.name} is {self.sizing!r}; it must be one of {', '.join(Sizing)}")
        if not self.sleeves and (self.signal is None) == (self.signals is None):
            raise ValueError(f"{self.name} must have exactly one of signal, per symbol, and signals, across symbols")
        demand_lags(self.name, self.columns)
        object.__setattr__(self, "sizing", Sizing(self.sizing))
        object.__setattr__(self, "columns", dict(self.columns))
        if self.learner is not None:
            _demand_the_prior(self, self.learner.prior)

    def __str__(self) -> str:
        return self.name

    @property
    def parts(self) -> "tuple[Strategy, ...]":
        """Return the strategies of its sleeves; the strategy itself if it has none."""
        return tuple(sleeve.strategy for sleeve in self.sleeves) or (self,)

    @property
    def across(self) -> bool:
        """Return whether a signal of it may depend on other symbols."""
        return any(part.signals is not None for part in self.parts)

    @property
    def by_risk(self) -> bool:
        """Return whether it has sleeves that are weighted by their risk."""
        return any(sleeve.weight is None for sleeve in self.sleeves)

    def values(self, bars: Bars | PricePanel) -> FloatArray:
        """Return what the strategy's function returns for these bars or this panel; that of the prior for a learner."""
        function = self.signal or self.signals
        assert function is not None, "checked when it was made"
        return function(bars) if self.parameters is None else function(bars, self.parameters)


def demand_lags(name: str, columns: object) -> None:
    """Raise ValueError unless these are columns of a strategy by name, each with a lag."""
    example = 'as in columns={"eps": Lag(days=45)}'
    if not isinstance(columns, Mapping):
        raise ValueError(f"columns of {name} is {columns!r}; give every column its lag, {example}")
    for column, lag in columns.items():
        if not isinstance(column, str) or not column:
            raise ValueError(f"columns of {name} names {column!r}; a column has the name that the file gives it")
        if not isinstance(lag, Lag):
            raise ValueError(
                f"the column {column} of {name} is declared with {lag!r}; say how many days after its date a value is "
                f"known, {example}"
            )


def _demand_the_prior(strategy: Strategy, prior: Strategy) -> None:
    """Raise ValueError unless a strategy that learns is its prior: the prior trades in its account without a model."""
    for name in ("signal", "signals", "history_bars", "sizing", "parameters", "columns"):
        own, other = getattr(strategy, name), getattr(prior, name)
        if own != other:
            raise ValueError(f"{name} of {strategy.name} is {own!r}, but {other!r} of its prior; give both the same")


def sizing_of(strategy: Strategy) -> Sizing:
    """Return the sizing that a strategy uses."""
    return Sizing(strategy.sizing)
