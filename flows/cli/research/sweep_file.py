"""The grid file of a sweep: lists of values, checked as a whole before anything runs."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from difflib import get_close_matches
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from flows.config.settings import Settings, checked_value
from flows.planning.plan import RequestRefused
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.exit_codes import UsageError
from strategy.kernel.grid import MOST_POINTS, SPREADS, Grid
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from tasks.data.rates import CONSTANT, constant_rate
from tasks.run.job import RunConfig
from tasks.strategies.grid_points import at_point

#: Largest file: a larger one would list more values than a grid may have points.
MOST_BYTES = 4_000_000
SIZING_NAMES = tuple(parameter.name for parameter in fields(SizingParams) if parameter.name != "caps")
#: The terms of dated rates, which a flat rate leaves unread.
DATED_NAMES = ("rates", *SPREADS)
COST_NAMES = ("fee_bps", "slippage_bps", "financing_rate", *DATED_NAMES)
NAMES = ("symbols", "strategy", *SIZING_NAMES, *COST_NAMES)
#: Names whose values are no numbers.
TEXTS = frozenset({"strategy", "allocation", "volatility_estimator", "rebalance_every", "rates"})
#: Names that are options as well: each may be given in one place only.
OPTIONS = {"symbols": "--symbols", "strategy": "--strategy", "fee_bps": "--fee-bps", "slippage_bps": "--slippage-bps"}
#: The table of a grid that names parameters of the strategy.
OWN = "parameters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The values of a grid by name; those of the strategy's own parameters are texts, as `--set` spells them.

    Messages call the grid `file`.
    """

    values: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    file: str = "the grid"

    @property
    def combinations(self) -> int:
        """Return how many combinations the lists have."""
        return prod(len(values) for values in (*self.values.values(), *self.parameters.values()))


def read_axes(path: Path, given: Mapping[str, object]) -> Axes:
    """Return the values of a grid file by name, each checked; `given` are the command's options.

    Raises RequestRefused for a name that is unknown or also given as an option, for a value that is not a list or is
    empty; ConfigurationError for a value outside its limits.
    """
    return checked_axes(_content(path), path.name, given)


def checked_axes(content: Mapping[str, object], file: str, given: Mapping[str, object]) -> Axes:
    """Return the values of a grid by name, each checked as `read_axes` does; messages call the grid `file`."""
    own = content.get(OWN, {})
    if not isinstance(own, Mapping):
        raise RequestRefused(f"{OWN} is {own!r} in {file}; it must be a table, such as [{OWN}] with fast = [10, 20]")
    named = {name: values for name, values in content.items() if name != OWN}
    for name in named:
        _demand_known(name)
        if name in OPTIONS and given.get(OPTIONS[name].removeprefix("--").replace("-", "_")) is not None:
            raise RequestRefused(f"{name} stands in {file} and in {OPTIONS[name]}; name it in one of them")
    lists = {name: _list(name, values, file) for name, values in named.items()}
    own_lists = {name: _list(f"{OWN}.{name}", values, file) for name, values in own.items()}
    _demand_one_rate(lists, file)
    return Axes(
        values={name: [_value(name, value) for value in values] for name, values in lists.items()},
        parameters={name: [_text(name, value) for value in values] for name, values in own_lists.items()},
        file=file,
    )


def _demand_one_rate(lists: Mapping[str, object], file: str) -> None:
    """Raise RequestRefused for a grid of a flat rate and of what goes with dated ones."""
    dated = [name for name in DATED_NAMES if name in lists]
    if dated and "financing_rate" in lists:
        raise RequestRefused(
            f"{file} lists financing_rate and {dated[0]}; a flat rate leaves no use for the other; list one of them"
        )


def demand_few(axes: Axes) -> None:
    """Raise RequestRefused for a grid of more points than are tried one by one."""
    if axes.combinations > MOST_POINTS:
        raise RequestRefused(
            f"{axes.file} spans {axes.combinations:,} points; a grid may have {MOST_POINTS:,}; shorten its lists, or "
            "let --search N pick N of them"
        )


def _list(name: str, values: object, file: str) -> Sequence[object]:
    if not isinstance(values, list) or not values:
        raise RequestRefused(f"{name} is {values!r} in {file}; it must be a list of at least one value")
    return values


def _text(name: str, value: object) -> str:
    """Return a value of a strategy's parameter as `--set` spells it."""
    if not isinstance(value, bool | int | float | str):
        raise RequestRefused(f"{OWN}.{name} holds {value!r} in the grid; it must hold numbers, texts, true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _content(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RequestRefused(f"{path} holds {path.stat().st_size:,} bytes; a grid file may hold {MOST_BYTES:,}")
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestRefused(f"{path} is not valid TOML: {error}; correct it") from error
    except OSError as error:
        raise RequestRefused(f"{path} cannot be read: {error.strerror}; name a readable file with --grid") from error
    if not content:
        raise RequestRefused(f"{path} lists nothing; a grid needs a line such as neutral_zone = [0.0, 0.03]")
    return content


def _demand_known(name: str) -> None:
    if name == "seed":
        raise RequestRefused(
            "seed has no place in a grid: nothing in one is drawn at random, turbo is its prior there; leave it out"
        )
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1)
        remedy = (
            f"did you mean {close[0]}"
            if close
            else f"known are {', '.join(NAMES)}; the strategy's own stand under [{OWN}]"
        )
        raise RequestRefused(f"{name} is not a grid parameter; {remedy}")


def _value(name: str, value: object) -> Any:
    """Return one value of an axis, checked against its limits; an account's symbols as a sorted tuple."""
    if name == "symbols":
        symbols = checked_value(name, tuple(value) if isinstance(value, list) else (value,))
        assert isinstance(symbols, tuple), "the setting holds a tuple"
        if not symbols:
            raise RequestRefused("symbols hold [] in the grid; a portfolio needs at least one symbol")
        return tuple(sorted(symbols))
    if name == "rates":
        return _constant_rate(value)
    if name in TEXTS:
        return checked_value(name, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestRefused(f"{name} holds {value!r} in the grid; it must hold numbers")
    if name in Settings.model_fields:
        return checked_value(name, value)
    if not 0 <= value <= 1:
        raise RequestRefused(f"{name} holds {value} in the grid; it must lie between 0 and 1, a share of the peak")
    return float(value)


def _constant_rate(value: object) -> str:
    """Return the text of a constant rate; series of other kinds would be fetched for each point."""
    checked = checked_value("rates", value)
    if not isinstance(checked, str) or not checked.startswith(CONSTANT):
        raise RequestRefused(f"rates holds {value!r} in the grid; it must hold constants, such as constant:0.02")
    constant_rate(checked)
    return checked


def base_rates(axes: Axes) -> dict[str, object]:
    """Return the option of the rates that a grid varies, so that its accounts are planned at dated rates.

    It is one of the grid's, and not 0 if it can be: at 0 a dollar's terms are those of a coin that stands for it.
    """
    listed = axes.values.get("rates", ())
    return {"rates": next((text for text in listed if constant_rate(text).rates[0]), listed[0])} if listed else {}


def make_grid(axes: Axes, policy: RunConfig, symbols: tuple[str, ...], strategies: tuple[Strategy, ...]) -> Grid:
    """Return the grid of the axes and of these strategies, which have their parameters already.

    Values not on an axis are the policy's, and by default `symbols` are one account.

    Raises RequestRefused for values that contradict each other.
    """
    lists = axes.values
    sizing_names = [name for name in SIZING_NAMES if name in lists]
    cost_names = [name for name in COST_NAMES if name in lists]
    spreads = [name for name in SPREADS if name in lists]
    if spreads and policy.costs.financing.flat_rate is not None:
        raise RequestRefused(
            f"{axes.file} lists {spreads[0]}, and the accounts pay one flat rate, which leaves no use for it; name "
            'rates with --rates, or list them in the grid, as rates = ["constant:0.02"]'
        )
    try:
        return Grid(
            accounts=tuple(lists.get("symbols", (symbols,))),
            strategies=strategies,
            sizings=tuple(
                _sized(policy.sizing, dict(zip(sizing_names, values, strict=True)))
                for values in product(*(lists[name] for name in sizing_names))
            ),
            costs=tuple(
                _costs(policy.costs, dict(zip(cost_names, values, strict=True)))
                for values in product(*(lists[name] for name in cost_names))
            ),
        )
    except UsageError:
        raise
    except ValueError as error:
        raise RequestRefused(f"the grid cannot be run: {error}") from error


def _costs(costs: Costs, values: Mapping[str, Any]) -> Costs:
    """Return the costs with these values in place of their own."""
    amounts = {name: _money(value) for name, value in values.items() if name != "rates"}
    financing = flat(amounts["financing_rate"]) if "financing_rate" in amounts else costs.financing
    financing = replace(
        financing,
        borrow_spread=amounts.get("borrow_spread", financing.borrow_spread),
        cash_spread=amounts.get("cash_spread", financing.cash_spread),
        short_fee=amounts.get("short_fee", financing.short_fee),
    )
    if "rates" in values:
        series = constant_rate(values["rates"])
        # The cash of a coin that stands for a dollar earns nothing, whatever the rate of the dollar.
        coin = financing.rates != financing.risk_free
        rates = financing.rates if coin else series
        financing = replace(financing, rates=rates, risk_free=series, lacking=None)
    return replace(
        costs,
        fee_bps=amounts.get("fee_bps", costs.fee_bps),
        slippage_bps=amounts.get("slippage_bps", costs.slippage_bps),
        financing=financing,
    )


def _sized(sizing: SizingParams, values: Mapping[str, Any]) -> SizingParams:
    """Return the sizing with the values of a point. Raises UsageError, with the point."""
    try:
        return replace(sizing, **values)
    except ValueError as error:
        raise at_point(error, values) from error


def _money(value: float) -> Decimal:
    return Decimal(repr(value))
