"""`instruments.toml` in the home: what a user states of single symbols and of classes of them, checked."""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from re import fullmatch
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from exchange.currencies import spelled
from flows.config.spelling import PATTERNS, SYMBOL_PATTERN
from strategy.exit_codes import Remedied
from strategy.market.instrument_terms import (
    INSTRUMENT_FILE,
    NO_TABLE,
    InstrumentTable,
    InstrumentTerms,
    SymbolClass,
)

SYMBOLS, CLASSES, CURRENCIES = "symbols", "classes", "currencies"
_MOST_BPS, _MOST_MONEY = 1_000, 10**6

Size = Annotated[float, Field(gt=0, le=10**9)]
Money = Annotated[float, Field(ge=0, le=_MOST_MONEY)]
Points = Annotated[float, Field(ge=0, le=_MOST_BPS)]


class InstrumentFileRefused(Remedied, ValueError):
    """An instrument file with an unknown key or a value outside its limits (exit 2): what is wrong, and the remedy."""


class Section(BaseModel):
    """The keys of one symbol or class, as the file has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    lot: Size | None = Field(default=None, description="smallest step of an order, in units")
    tick: Size | None = Field(
        default=None, description="smallest step of a price, for reference: paper fills are not rounded to it"
    )
    fee_bps: Points | None = Field(default=None, description="fee, in basis points of what is traded")
    maker_bps: Points | None = Field(default=None, description="fee of a resting order, which is never sent")
    taker_bps: Points | None = Field(default=None, description="fee of a market order, as all are; the same as fee_bps")
    per_share: Money | None = Field(default=None, description="fee per unit, in money")
    min_fee: Money | None = Field(default=None, description="least fee of an order, in money")
    half_spread_bps: Points | None = Field(default=None, description="distance of a fill from the open, basis points")
    impact: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="coefficient of the square-root law of market impact"
    )
    currency: str | None = Field(
        default=None, pattern=r"^[A-Za-z]{3,5}$", description="unit of the prices, three letters"
    )
    fx_bps: Points | None = Field(
        default=None, description="cost of converting another currency, basis points of what is converted"
    )
    perpetual: bool | None = Field(
        default=None, description="whether it is a perpetual future, which pays funding in place of interest"
    )
    calendar: str | None = Field(default=None, description="trading calendar, a name that exchange-calendars knows")


_LIMITS = {"currency": "three to five letters, such as USD or GBp", "perpetual": "true or false"}


def checked_terms(content: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return the content of the file with only what is stated, sorted by name; {} if nothing is.

    Raises InstrumentFileRefused, in one sentence with key, value, limit and remedy.
    """
    result: dict[str, JsonValue] = {}
    for group, sections in sorted(content.items()):
        if group == CURRENCIES:
            result[group] = _checked_pairs(sections)
            continue
        if group not in (SYMBOLS, CLASSES):
            raise InstrumentFileRefused(
                f"{INSTRUMENT_FILE}: unknown table {group}",
                f"write [{SYMBOLS}.NAME], [{CLASSES}.NAME] or [{CURRENCIES}]",
            )
        if not isinstance(sections, Mapping):
            raise InstrumentFileRefused(f"{INSTRUMENT_FILE}: {group} is {sections!r}", f"write [{group}.NAME]")
        told: dict[str, JsonValue] = {
            name: _checked_section(group, name, section) for name, section in sorted(sections.items())
        }
        if told:
            result[group] = told
    return result


def table_of(content: Mapping[str, JsonValue]) -> InstrumentTable:
    """Return the terms that checked content states."""
    if not content:
        return NO_TABLE
    parts = {group: _sections(content, group) for group in (SYMBOLS, CLASSES)}
    return InstrumentTable(
        symbols={name: _terms(section) for name, section in parts[SYMBOLS].items()},
        classes={SymbolClass(name): _terms(section) for name, section in parts[CLASSES].items()},
        pairs=_pairs(content),
    )


def calendars_of(content: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return the name of the calendar of each symbol for which checked content states one."""
    sections = _sections(content, SYMBOLS)
    return {name: section.calendar for name, section in sections.items() if section.calendar is not None}


def states_fees(content: Mapping[str, JsonValue]) -> tuple[bool, bool]:
    """Return whether checked content states fees, and whether it states slippage."""
    every = [*_sections(content, SYMBOLS).values(), *_sections(content, CLASSES).values()]
    fees = any(
        (section.fee_bps, section.taker_bps, section.per_share, section.min_fee) != (None,) * 4 for section in every
    )
    return fees, any((each.half_spread_bps, each.impact) != (None, None) for each in every)


def _sections(content: Mapping[str, JsonValue], group: str) -> dict[str, Section]:
    sections = content.get(group, {})
    assert isinstance(sections, dict), "the content was checked"
    return {name: Section.model_validate(section) for name, section in sections.items()}


def _pairs(content: Mapping[str, JsonValue]) -> dict[str, str]:
    pairs = content.get(CURRENCIES, {})
    assert isinstance(pairs, dict), "the content was checked"
    return {currency: str(symbol) for currency, symbol in pairs.items()}


def _checked_pairs(pairs: object) -> dict[str, JsonValue]:
    """Return the symbols of pairs by currency. Raises InstrumentFileRefused."""
    remedy = f'write CURRENCY = "SYMBOL" under [{CURRENCIES}], such as EUR = "EURUSD=X"'
    if not isinstance(pairs, Mapping):
        raise InstrumentFileRefused(f"{INSTRUMENT_FILE}: {CURRENCIES} is {pairs!r}", remedy)
    for currency, symbol in pairs.items():
        if not (fullmatch(r"[A-Z]{3,5}", currency) and isinstance(symbol, str) and fullmatch(SYMBOL_PATTERN, symbol)):
            raise InstrumentFileRefused(f"{INSTRUMENT_FILE}: {CURRENCIES}.{currency} is {symbol!r}", remedy)
    return dict(sorted(pairs.items()))


def _checked_section(group: str, name: str, section: object) -> dict[str, JsonValue]:
    where = f"{INSTRUMENT_FILE}: {group}.{name}"
    if group == CLASSES and name not in tuple(SymbolClass):
        raise InstrumentFileRefused(f"{INSTRUMENT_FILE}: unknown class {name}", f"known are {', '.join(SymbolClass)}")
    if group == SYMBOLS and not fullmatch(SYMBOL_PATTERN, name):
        raise InstrumentFileRefused(f"{INSTRUMENT_FILE}: symbol {name[:40]!r}", f"a symbol is {PATTERNS['symbols']}")
    if not isinstance(section, Mapping):
        raise InstrumentFileRefused(f"{where} is {section!r}", f"write [{group}.{name}] and its keys below")
    try:
        known = Section.model_validate(dict(section))
    except ValidationError as error:
        raise InstrumentFileRefused(*_told(where, group, error)) from error
    _demand_consistent(where, group, known)
    stated: dict[str, JsonValue] = known.model_dump(exclude_none=True)
    # As the currencies of sources are spelled, with which these are compared.
    return {**stated, "currency": spelled(known.currency)} if known.currency else stated


def _told(where: str, group: str, error: ValidationError) -> tuple[str, str]:
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        close = get_close_matches(key, Section.model_fields, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(Section.model_fields)}"
        if isinstance(first["input"], dict) and group == SYMBOLS:
            remedy = f'write a name with a dot in quotes: [{SYMBOLS}."{where.rpartition(f"{SYMBOLS}.")[2]}.{key}"]'
        return f"{where} has an unknown key {key}", remedy
    limit = _LIMITS.get(key) or first["msg"].removeprefix("Input should be ")
    return f"{where}: {key} is {first['input']!r}", f"it must be {limit} ({Section.model_fields[key].description})"


def _demand_consistent(where: str, group: str, section: Section) -> None:
    """Raise InstrumentFileRefused for keys that contradict each other, or that a class cannot have."""
    if section.fee_bps is not None and section.taker_bps is not None:
        what = f"{where} states fee_bps, {section.fee_bps:g}, and taker_bps, {section.taker_bps:g}"
        raise InstrumentFileRefused(what, "they are the same fee, so leave one out")
    if section.maker_bps is not None and section.taker_bps is None:
        what = f"{where}: maker_bps is {section.maker_bps:g} without a taker_bps"
        raise InstrumentFileRefused(what, "orders are market orders at the open, which pay the taker's fee; state it")
    if section.calendar is not None and group == CLASSES:
        what = f"{where}: calendar is {section.calendar!r}"
        raise InstrumentFileRefused(what, "a class follows from the calendar; state it of each symbol")


def _terms(section: Section) -> InstrumentTerms:
    return InstrumentTerms(
        lot=_decimal(section.lot),
        tick=_decimal(section.tick),
        fee_bps=_decimal(section.taker_bps if section.fee_bps is None else section.fee_bps),
        per_share=_decimal(section.per_share),
        min_fee=_decimal(section.min_fee),
        half_spread_bps=_decimal(section.half_spread_bps),
        impact=_decimal(section.impact),
        currency=section.currency,
        fx_bps=_decimal(section.fx_bps),
        perpetual=section.perpetual,
    )


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))
