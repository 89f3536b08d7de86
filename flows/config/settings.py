"""Settings of an installation: options, then the environment, then settings.toml, then defaults."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from re import fullmatch
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from flows.config.choices import Broker, Notify
from flows.config.instrument_file import InstrumentFileRefused, checked_terms, states_fees
from flows.config.paths import default_home, expanded
from flows.config.spelling import NAMED_SOURCES as NAMED_SOURCES
from flows.config.spelling import PATTERNS as PATTERNS
from flows.config.spelling import SYMBOL_PATTERN as SYMBOL_PATTERN
from flows.config.spelling import value_meant, with_prefix
from storage.privacy import demand_private
from strategy.builtin.registry import TURBO
from strategy.exit_codes import Remedied
from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.portfolio.rebalancing import Frequency
from strategy.portfolio.sizing import Allocation
from strategy.signals.har import VolatilityEstimator
from strategy.signals.strategies import NAME_PATTERN
from tasks.strategies.spelling import is_file, specs_in

FILE_NAME = "settings.toml"

Symbol = Annotated[str, StringConstraints(pattern=SYMBOL_PATTERN)]
Bps = Annotated[float, Field(ge=0, le=1_000)]
#: A yearly fraction.
Rate = Annotated[float, Field(ge=0, le=1)]


class ConfigurationError(Remedied, ValueError):
    """A setting that is unknown or outside its limits (exit 2): what is wrong, and the remedy."""


class Settings(BaseSettings):
    """All settings, checked; created by `load`. The bare constructor reads neither the environment nor the file."""

    model_config = SettingsConfigDict(
        env_prefix="TURBODMT_", env_ignore_empty=True, frozen=True, extra="forbid", allow_inf_nan=False
    )

    home: Path = Field(default_factory=default_home, description="folder of the database, models and reports")
    source: str = Field(
        default="sample",
        pattern=rf"^({'|'.join(NAMED_SOURCES)}|file:.+)$",
        description="where bars come from",
    )
    symbols: Annotated[tuple[Symbol, ...], NoDecode] = Field(
        default=(), max_length=1_000, description="symbols to trade, separated by commas; none: those of the source"
    )
    strategy: str = Field(
        default=TURBO.name, description="rule that turns bars into signals, or several, each with a weight"
    )
    parameters: dict[str, str | int | float | bool] = Field(
        default={}, description="parameters of the strategy, by name"
    )
    broker: Broker = Field(default="paper", description="where orders go; no value reaches real money")
    capital: Decimal = Field(
        default=Decimal(10_000), gt=0, le=10**12, description="money that a new account starts with"
    )

    base_currency: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{3,5}$",
        description="currency of the cash, into which other prices are converted; none: all prices are in one",
    )

    fee_bps: Bps | None = Field(default=None, description="fee; none: 10 for crypto, 1 for the rest")
    slippage_bps: Bps | None = Field(default=None, description="slippage; none: 5 for crypto, 1 for the rest")
    rates: str | None = Field(
        default=None,
        pattern=r"^(bills|yahoo|constant:-?\d*\.?\d+|file:.+)$",
        description="yearly interest rates; none: yahoo for Yahoo's bars and for prices of Binance in coins that stand "
        "for a dollar, and bills for the rest",
    )
    borrow_spread: Rate = Field(default=0.015, description="what borrowed money costs above the rate, a fraction")
    cash_spread: Rate = Field(default=0.005, description="what cash earns below the rate, a fraction")
    short_fee: Rate = Field(default=0.005, description="yearly cost of short positions, a fraction")
    financing_rate: Rate | None = Field(
        default=None,
        description="flat yearly rate on what is borrowed or sold short, a fraction, in place of rates; none: rates",
    )
    funding: str | None = Field(
        default=None,
        pattern=r"^file:.+$",
        description="csv file of the funding rates of perpetual futures; none: those that come with the bars",
    )
    instruments: dict[str, JsonValue] = Field(
        default={},
        description="lots, costs, calendars, currencies and perpetual futures by symbol and class; they come from "
        "instruments.toml",
    )

    target_annual_vol: float = Field(default=0.35, gt=0, le=5, description="yearly volatility aimed at, a fraction")
    max_position_size: float = Field(default=2.0, gt=0, le=10, description="largest exposure, a multiple of equity")
    neutral_zone: float = Field(default=0.03, ge=0, lt=1, description="signals weaker than this mean no position")
    max_symbol_exposure: float | None = Field(
        default=None, gt=0, le=10, description="largest exposure of one symbol, a multiple of equity; none: no cap"
    )
    max_group_exposure: float | None = Field(
        default=None, gt=0, le=10, description="largest exposure of a group's symbols together; none: no groups"
    )
    groups: dict[str, tuple[Symbol, ...]] = Field(
        default={}, description="groups of symbols with a cap of their own, as a table of lists"
    )
    allocation: Allocation = Field(
        default=Allocation.INVERSE_VOL, description="what splits a portfolio among its symbols"
    )
    volatility_estimator: VolatilityEstimator = Field(
        default=VolatilityEstimator.EWMA, description="what estimates volatility: closes, or also daily ranges"
    )
    rebalance_band: float = Field(
        default=0.0025, ge=0, lt=1, description="distance from its target within which a position is kept, of equity"
    )
    rebalance_every: Frequency = Field(
        default=Frequency.DAILY, description="how often positions are traded to their targets"
    )
    lookback_period: int = Field(
        default=252, ge=20, le=2_520, description="rows the network sees and account days a drawdown looks back"
    )

    retrain_every_bars: int = Field(default=21, ge=1, le=10_000, description="age at which a model is retrained")
    first_retry_bars: int = Field(
        default=63, ge=1, le=10_000, description="age at which a training that left the prior in charge is repeated"
    )
    cold_start_every_bars: int = Field(
        default=252, ge=1, le=10_000, description="age of a model's first training at which it is trained from nothing"
    )
    model_max_age_bars: int = Field(default=63, ge=1, le=10_000, description="age past which the prior trades instead")
    max_lateness_hours: float = Field(
        default=12.0, ge=0, le=168, description="time after a bar's close past which a live run sends no orders"
    )
    notify: Notify = Field(default="all", description="what alerts send: a digest of each day, faults, or all of it")
    retry_every_minutes: int = Field(
        default=30, ge=5, le=1_440, description="how often `up --source` schedules a day again that is not done"
    )

    max_turnover: float = Field(
        default=4.0, gt=0, le=100, description="most that is traded in a day, a multiple of equity"
    )
    max_order_notional: Decimal | None = Field(
        default=None, gt=0, le=10**12, description="most money in one order; none: no cap"
    )
    stale_days: int = Field(
        default=7, ge=1, le=365, description="calendar days after which a last bar is too old to act on"
    )
    max_drawdown_halt: float = Field(
        default=0.35, gt=0, le=1, description="loss from the peak at which trading halts, a fraction"
    )

    seed: int = Field(default=7, ge=0, le=2**32 - 1, description="seed of every random draw")
    threads: int = Field(default=2, ge=1, le=256, description="threads of the network")
    network_dimensions: int = Field(default=96, ge=2, le=1_024, description="width of the network")
    network_heads: int = Field(default=6, ge=1, le=64, description="attention heads; they must divide the width")
    network_layers: int = Field(default=5, ge=1, le=48, description="layers of the network")
    ensemble_members: int = Field(default=3, ge=1, le=32, description="networks whose signals are averaged")
    training_steps: int = Field(default=160, ge=1, le=1_000_000, description="most optimiser steps of a cold training")
    warm_training_steps: int = Field(
        default=40, ge=1, le=1_000_000, description="most steps where a model is trained on"
    )
    validation_share: float = Field(
        default=0.2, gt=0, lt=1, description="newest share of the dates that stops a training and judges it, half each"
    )
    twins: int = Field(default=4, ge=0, le=64, description="synthetic histories to learn from besides; 0: none")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where the networks are trained")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return only the constructor's arguments; `load` merges the others, as the file lies in the home they name."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object) -> object:
        # Otherwise true would be a fee of 1.
        if isinstance(value, bool):
            raise ValueError("a number or a text, not true or false")
        return value

    @field_validator("home", mode="before")
    @classmethod
    def _named(cls, home: object) -> object:
        if home == "":
            raise ValueError("the path of a folder")
        return home

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return expanded(home)

    @field_validator("strategy")
    @classmethod
    def _spelt(cls, strategy: str) -> str:
        if not all(is_file(spec) or fullmatch(NAME_PATTERN, spec) for spec in specs_in(strategy)):
            raise ValueError(PATTERNS["strategy"])
        return strategy

    @field_validator("source", mode="before")
    @classmethod
    def _file(cls, source: object) -> object:
        return with_prefix(source) if isinstance(source, str) else source

    @field_validator("funding", mode="before")
    @classmethod
    def _funding_file(cls, funding: object) -> object:
        return with_prefix(funding) if isinstance(funding, str) else funding

    @field_validator("rates", "funding")
    @classmethod
    def _absolute_file(cls, named: str | None) -> str | None:
        if named is None or not named.startswith("file:"):
            return named
        return f"file:{expanded(Path(named.removeprefix('file:'))).absolute()}"

    @field_validator("instruments", mode="before")
    @classmethod
    def _stated(cls, instruments: object) -> object:
        return checked_terms(instruments) if isinstance(instruments, Mapping) else instruments

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, symbols: object) -> object:
        if not isinstance(symbols, str):
            return symbols
        named = tuple(part for part in (piece.strip() for piece in symbols.split(",")) if part)
        if not named:
            raise ValueError("at least one symbol, or be left out")
        return named

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        twice = sorted({symbol for symbol in self.symbols if self.symbols.count(symbol) > 1})
        if twice:
            raise ConfigurationError(f"symbols name {', '.join(twice)} more than once", "name each once")
        if bool(self.groups) != (self.max_group_exposure is not None):
            there, absent = ("groups", "max_group_exposure") if self.groups else ("max_group_exposure", "groups")
            raise ConfigurationError(
                f"{there} is set and {absent} is not, so that nothing is capped", f"set {absent}, too"
            )
        wide, heads = self.network_dimensions, self.network_heads
        if wide % heads:
            what = f"network_heads is {heads}, which does not divide network_dimensions, {wide}"
            raise ConfigurationError(what, "choose a divisor")
        most, every = self.model_max_age_bars, self.retrain_every_bars
        if most < every:
            what = f"model_max_age_bars is {most}, below retrain_every_bars, {every}"
            raise ConfigurationError(what, "a model must last until the next is trained")
        return self


def load(overrides: Mapping[str, object]) -> Settings:
    """Return the settings in force: overrides (None does not count), then environment, settings.toml, defaults.

    The file lies in the home that the overrides or the environment name. Raises ConfigurationError, in one sentence
    with field, value and limit; PlaceUnsafe for a home that others may change.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    environment = EnvSettingsSource(Settings)()
    above = {**environment, **given}
    home = _checked({"home": above["home"]} if "home" in above else {}).home
    demand_private(home)
    below, stated = _file_settings(home / FILE_NAME), _content(home / INSTRUMENT_FILE)
    settings = _checked(_by_one_rate(below, {"instruments": stated} if stated else {}, environment, given))
    _demand_one_fee(settings, below)
    return settings


def _by_one_rate(*layers: Mapping[str, object]) -> dict[str, object]:
    """Return the layers merged, the later on top; `rates` alone in a layer ends the flat rate of those below.

    Raises ConfigurationError for a layer that has both.
    """
    merged: dict[str, object] = {}
    for layer in layers:
        if "rates" in layer and layer.get("financing_rate") is not None:
            what = f"rates is {layer['rates']!r} and financing_rate is {layer['financing_rate']}"
            raise ConfigurationError(what, "a flat rate leaves no use for rates; give one of them")
        if "rates" in layer:
            merged["financing_rate"] = None
        merged.update(layer)
    return merged


def with_values(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Return the settings with these values. Raises ConfigurationError, as `load` does."""
    return _checked({**settings.model_dump(), **values})


def is_setting(name: str) -> bool:
    """Return whether there is a setting of that name, or one so close that a misspelling is likelier than another name.

    >>> is_setting("seed"), is_setting("fee_bp"), is_setting("fast")
    (True, True, False)
    """
    return bool(get_close_matches(name.lower().replace("-", "_"), Settings.model_fields, n=1, cutoff=0.9))


def demand_setting(name: str) -> None:
    """Raise ConfigurationError if there is no setting of that name."""
    if name not in Settings.model_fields:
        raise ConfigurationError(*_unknown(name))


def checked_value(name: str, value: object) -> object:
    """Return the value as the setting of that name holds it. Raises ConfigurationError, as `load` does.

    >>> checked_value("fee_bps", 2)
    2.0
    """
    checked: object = getattr(_checked({name: value}), name)
    return checked


def _checked(values: Mapping[str, object]) -> Settings:
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigurationError(*_told(error)) from error


def _told(error: ValidationError) -> tuple[str, str]:
    first = error.errors(include_url=False)[0]
    if isinstance(ours := first.get("ctx", {}).get("error"), ConfigurationError | InstrumentFileRefused):
        return ours.what, ours.remedy
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return _unknown(name)
    said = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    limit = PATTERNS[name] if first["type"] == "string_pattern_mismatch" else said
    remedy = value_meant(name, first["input"]) or f"it must be {limit} ({Settings.model_fields[name].description})"
    return f"{name} is {first['input']!r}", remedy


def _unknown(name: str) -> tuple[str, str]:
    near = get_close_matches(name.lower().replace("-", "_"), known := Settings.model_fields, n=1)
    return f"unknown setting {name}", f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _file_settings(path: Path) -> dict[str, object]:
    """Return the content of settings.toml, {} if there is none. Raises ConfigurationError for one that cannot be."""
    content = _content(path)
    if "home" in content:
        raise ConfigurationError(f"{path} sets home, but it lies in it", "use --home or TURBODMT_HOME")
    if "instruments" in content:
        raise ConfigurationError(f"{path} sets instruments", f"write them into {INSTRUMENT_FILE} beside it")
    for name in content:
        if name not in Settings.model_fields:
            what, remedy = _unknown(name)
            raise ConfigurationError(f"{path}: {what}", remedy)
    strategy = content.get("strategy")
    if isinstance(strategy, str):
        for spec in specs_in(strategy):
            if is_file(spec) and not Path(spec).expanduser().is_absolute():
                raise ConfigurationError(f"{path}: strategy is {strategy!r}", "name the file by its whole path there")
    return content


def _content(path: Path) -> dict[str, object]:
    """Return the content of a TOML file, {} if there is none. Raises ConfigurationError if it cannot be read."""
    try:
        # Editors on Windows write a byte order mark, which TOML does not allow. pydantic-settings' own source of TOML
        # would refuse it, and take a folder in place of the file for no file.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}", "correct it or delete it") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", "make it a readable file") from error


def _demand_one_fee(settings: Settings, below: Mapping[str, object]) -> None:
    """Raise ConfigurationError if both files state fees, or slippage: neither is above the other."""
    fees, slippage = states_fees(settings.instruments)
    for name, stated in (("fee_bps", fees), ("slippage_bps", slippage)):
        if stated and name in below:
            what = f"{FILE_NAME} sets {name} to {below[name]}, and {INSTRUMENT_FILE} states it too"
            raise ConfigurationError(what, "delete it from one of them; an option of the command would replace both")
