"""A strategy as a value: the signal, the history that it needs, and how it is sized."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from re import fullmatch
from typing import Literal, Protocol

from strategy.market.bars import Bars, FloatArray

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


class Learner(Protocol):
    """A strategy's model, which is trained on the past."""

    @property
    def prior(self) -> "Strategy":
        """Return the rule that a model departs from, and that trades while no model does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A strategy: its name, its signal, the rows on which one value depends, and its sizing.

    `signal(bars)` maps the bars of one symbol to (T,) values in [-1, 1], NaN while unknown; row t may depend on rows up
    to t only, and on no more than the `history_bars` rows that end at t. With `parameters`, a frozen dataclass, it is
    called as `signal(bars, parameters)`. A strategy with a `learner` has its prior's signal until a model is trained.
    `inputs(bars)` names the numbers behind the newest value. A `baseline` is for comparison only: testing it is no
    trial. Raises ValueError if the name is not lower-case letters, digits and dashes, or `history_bars` is below 1.

    >>> Strategy(name="always-long", signal=lambda bars: bars.close * 0 + 1, history_bars=1, sizing="direct").sizing
    <Sizing.DIRECT: 'direct'>
    """

    name: str
    signal: Callable[..., FloatArray]
    history_bars: int
    sizing: Sizing | Literal["full", "volatility", "once", "direct"]
    parameters: object | None = None
    learner: Learner | None = None
    inputs: Callable[[Bars], Inputs] | None = field(default=None, compare=False)
    baseline: bool = False

    def __post_init__(self) -> None:
        if not fullmatch(NAME_PATTERN, self.name):
            raise ValueError(
                f"a strategy is named {self.name!r}; it must be up to 64 lower-case letters, digits and dashes"
            )
        if type(self.history_bars) is not int or self.history_bars < 1:
            raise ValueError(f"history_bars of {self.name} is {self.history_bars!r}; it must be a whole number above 0")
        if self.sizing not in list(Sizing):
            raise ValueError(f"sizing of {self.name} is {self.sizing!r}; it must be one of {', '.join(Sizing)}")
        object.__setattr__(self, "sizing", Sizing(self.sizing))

    def __str__(self) -> str:
        return self.name

    def values(self, bars: Bars) -> FloatArray:
        """Return the signal at every row of the bars of one symbol, (T,); that of the prior for a learner."""
        return self.signal(bars) if self.parameters is None else self.signal(bars, self.parameters)


def sizing_of(strategy: Strategy) -> Sizing:
    """Return the sizing that a strategy uses."""
    return Sizing(strategy.sizing)
