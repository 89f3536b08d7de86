"""Terms of instruments that a user states: lots, fees, spreads and impact, by symbol and by class of symbols."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum

from strategy.market.instruments import Calendar, Instrument

#: The file in which they are stated, for messages.
INSTRUMENT_FILE = "instruments.toml"


class SymbolClass(StrEnum):
    """A class of symbols: crypto trades around the clock, other does not."""

    CRYPTO = "crypto"
    OTHER = "other"


def class_of(instrument: Instrument) -> SymbolClass:
    """Return the symbol's class, which its calendar tells."""
    return SymbolClass.CRYPTO if instrument.calendar is Calendar.ALWAYS else SymbolClass.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentTerms:
    """What is stated of a symbol; None: not stated.

    `fee_bps` and `half_spread_bps` are in basis points of the traded notional, `min_fee` in money per order,
    `per_share` in money per unit, both in the currency of its prices. `impact` is the coefficient of the square-root
    law. `currency` is the unit of its prices, `fx_bps` what converting it costs, in basis points of what is converted.
    A `perpetual` pays funding.
    """

    lot: Decimal | None = None
    tick: Decimal | None = None
    fee_bps: Decimal | None = None
    per_share: Decimal | None = None
    min_fee: Decimal | None = None
    half_spread_bps: Decimal | None = None
    impact: Decimal | None = None
    currency: str | None = None
    fx_bps: Decimal | None = None
    perpetual: bool | None = None

    def __post_init__(self) -> None:
        for name in ("lot", "tick"):
            size: Decimal | None = getattr(self, name)
            if size is not None and not (size.is_finite() and size > 0):
                raise ValueError(f"{name} is {size}; it must be above 0")
        for name in ("fee_bps", "per_share", "min_fee", "half_spread_bps", "impact", "fx_bps"):
            cost: Decimal | None = getattr(self, name)
            if cost is not None and not (cost.is_finite() and cost >= 0):
                raise ValueError(f"{name} is {cost}; it must be at least 0")

    def over(self, other: "InstrumentTerms") -> "InstrumentTerms":
        """Return these terms, with those of the other where nothing is stated here.

        >>> one = Decimal(1)
        >>> InstrumentTerms(lot=one).over(InstrumentTerms(lot=Decimal(5), min_fee=one)).lot
        Decimal('1')
        """
        lacking = [term.name for term in fields(self) if getattr(self, term.name) is None]
        return replace(self, **{name: getattr(other, name) for name in lacking})


#: Nothing is stated.
NOTHING_STATED = InstrumentTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentTable:
    """The terms of instruments by symbol, and by class for what is not stated of a symbol.

    `pairs` are the symbols of the bars that convert a currency, by currency.
    """

    symbols: Mapping[str, InstrumentTerms] = field(default_factory=dict)
    classes: Mapping[SymbolClass, InstrumentTerms] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(tuple(frozenset(part.items()) for part in (self.symbols, self.classes, self.pairs)))

    def __bool__(self) -> bool:
        return bool(self.symbols or self.classes or self.pairs)

    def of(self, instrument: Instrument) -> InstrumentTerms:
        """Return what is stated of the symbol: its own terms over those of its class."""
        own = self.symbols.get(instrument.symbol, NOTHING_STATED)
        shared = self.classes.get(class_of(instrument)) if self.classes else None
        return own.over(shared) if shared else own

    def applied(self, instrument: Instrument) -> Instrument:
        """Return the instrument with the stated lot, tick and currency, and whether it is a perpetual."""
        if not self:
            return instrument
        stated = self.of(instrument)
        return replace(
            instrument,
            lot=instrument.lot if stated.lot is None else stated.lot,
            tick=instrument.tick if stated.tick is None else stated.tick,
            currency=stated.currency or instrument.currency,
            perpetual=instrument.perpetual if stated.perpetual is None else stated.perpetual,
        )


#: Nothing is stated of any instrument.
NO_TABLE = InstrumentTable()
