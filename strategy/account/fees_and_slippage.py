"""Fees and slippage, by symbol, and the terms of financing: what trading and leverage cost."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from strategy.account.interest_rates import FinancingTerms, flat
from strategy.exit_codes import UsageError
from strategy.market.currencies import ONE_CURRENCY, Currencies
from strategy.market.funding_rates import NO_FUNDING, Funding
from strategy.market.instrument_terms import INSTRUMENT_FILE, NO_TABLE, InstrumentTable, SymbolClass, class_of
from strategy.market.instruments import Instrument

BASIS_POINT = Decimal("0.0001")
#: Default fee and slippage, in basis points: for symbols that trade around the clock (crypto), and for all others.
CRYPTO_BPS = (Decimal(10), Decimal(5))
OTHER_BPS = (Decimal(1), Decimal(1))
#: Default cost of converting a currency, in basis points.
FX_BPS = Decimal(2)
_NONE = Decimal(0)
#: Default financing: one flat rate.
FLAT_FINANCING = flat(Decimal("0.05"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of trading and leverage; None means what `instruments` state, and else the default of the asset class.

    A given `fee_bps` replaces every fee that is stated, a given `slippage_bps` everything stated of slippage, and a
    given `fx_bps` every stated cost of converting a currency.
    `multiplier` scales only fee, slippage and conversion: 2 for "net at twice the cost". Perpetuals pay `funding`, and
    nothing of `financing`.
    """

    fee_bps: Decimal | None = None
    slippage_bps: Decimal | None = None
    financing: FinancingTerms = FLAT_FINANCING
    multiplier: Decimal = Decimal(1)
    instruments: InstrumentTable = NO_TABLE
    currencies: Currencies = ONE_CURRENCY
    fx_bps: Decimal | None = None
    funding: Funding = NO_FUNDING

    def __post_init__(self) -> None:
        for name in ("fee_bps", "slippage_bps", "multiplier", "fx_bps"):
            value: Decimal | None = getattr(self, name)
            if value is not None and not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} is {value}; it must be at least 0")

    def fee(self, instrument: Instrument) -> Decimal:
        """Return the proportional part of the fee, as a fraction of the traded notional.

        It is 0 where only a fee per share is stated.
        """
        if self.fee_bps is not None:
            return self.fee_bps * BASIS_POINT * self.multiplier
        stated = self.instruments.of(instrument)
        default = _NONE if stated.per_share is not None else _defaults(instrument)[0]
        return (default if stated.fee_bps is None else stated.fee_bps) * BASIS_POINT * self.multiplier

    def per_share(self, instrument: Instrument) -> Decimal:
        """Return the fee per unit, in money."""
        stated = self.instruments.of(instrument).per_share if self.fee_bps is None else None
        return (stated or _NONE) * self.multiplier

    def min_fee(self, instrument: Instrument) -> Decimal:
        """Return the least fee of an order, in money."""
        stated = self.instruments.of(instrument).min_fee if self.fee_bps is None else None
        return (stated or _NONE) * self.multiplier

    def fee_of(self, instrument: Instrument, quantity: Decimal, notional: Decimal) -> Decimal:
        """Return the fee of a trade in money, not rounded: proportional and per unit, and at least the minimum.

        >>> from strategy.market.instrument_terms import InstrumentTerms
        >>> from strategy.market.instruments import Calendar
        >>> share = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1))
        >>> stated = InstrumentTerms(per_share=Decimal("0.005"), min_fee=Decimal(1))
        >>> costs = Costs(instruments=InstrumentTable(symbols={"SPY": stated}))
        >>> costs.fee_of(share, Decimal(100), Decimal(30_000)), costs.fee_of(share, Decimal(600), Decimal(180_000))
        (Decimal('1'), Decimal('3.0000'))
        """
        charged = notional * self.fee(instrument) + quantity * self.per_share(instrument)
        return max(charged, self.min_fee(instrument))

    def slippage(self, instrument: Instrument) -> Decimal:
        """Return the slippage as a fraction of the open, always against the order."""
        if self.slippage_bps is not None:
            return self.slippage_bps * BASIS_POINT * self.multiplier
        stated = self.instruments.of(instrument).half_spread_bps
        return (_defaults(instrument)[1] if stated is None else stated) * BASIS_POINT * self.multiplier

    def impact(self, instrument: Instrument) -> Decimal:
        """Return the coefficient of the square-root law of market impact; 0: orders do not move the price."""
        stated = self.instruments.of(instrument).impact if self.slippage_bps is None else None
        return (stated or _NONE) * self.multiplier

    def conversion(self, instrument: Instrument) -> Decimal:
        """Return the cost of converting what is traded, as a fraction of it; 0 in the account's own currency.

        >>> from strategy.market.instruments import Calendar
        >>> share = Instrument(symbol="SAP.DE", calendar=Calendar.WEEKDAYS, currency="EUR")
        >>> Costs(currencies=Currencies(base="USD")).conversion(share), Costs().conversion(share)
        (Decimal('0.0002'), Decimal('0'))
        """
        if not self.currencies.foreign(instrument):
            return _NONE
        stated = self.instruments.of(instrument).fx_bps if self.fx_bps is None else self.fx_bps
        return (FX_BPS if stated is None else stated) * BASIS_POINT * self.multiplier

    def compiled(self, instruments: Iterable[Instrument]) -> bool:
        """Return whether the compiled account has all costs and lots that are stated of the instruments."""
        known = tuple(map(self.instruments.applied, instruments))
        if any(each.perpetual or self.currencies.foreign(each) for each in known):
            return False
        return not self.instruments or all(
            self.instruments.of(each).lot is None and not self.min_fee(each) for each in known
        )

    def fraction(self, instrument: Instrument) -> float:
        """Return fee, slippage and conversion in proportion to the traded notional, as a fraction of it."""
        return float(self.fee(instrument) + self.slippage(instrument) + self.conversion(instrument))


def on_stated_terms(instrument: Instrument, table: InstrumentTable) -> Instrument:
    """Return the instrument with the stated lot, tick and currency, and whether it is a perpetual.

    Raises UsageError for a fee per share where orders come in fractions of one; coins have no whole shares.
    """
    traded, per_share = table.applied(instrument), table.of(instrument).per_share
    if per_share and class_of(instrument) is not SymbolClass.CRYPTO and traded.lot % 1:
        raise UsageError(
            f"{INSTRUMENT_FILE}: per_share of {instrument.symbol} is {per_share}, and its lot is "
            f"{traded.lot.normalize():f}; a fee per share is charged on whole shares, so state lot = 1, or the fee as "
            "fee_bps"
        )
    return traded


def _defaults(instrument: Instrument) -> tuple[Decimal, Decimal]:
    return CRYPTO_BPS if class_of(instrument) is SymbolClass.CRYPTO else OTHER_BPS


def without_costs(costs: Costs) -> Costs:
    """Return the costs of a gross account: no fee and slippage, and money borrowed and lent at the rate, no spread.

    Funding stays: it is the rate at which a venue's longs and shorts lend to each other.

    >>> without_costs(Costs()) == NO_COSTS
    True
    """
    none = Decimal(0)
    return Costs(
        fee_bps=none,
        slippage_bps=none,
        financing=replace(costs.financing, borrow_spread=none, cash_spread=none, short_fee=none),
        instruments=costs.instruments,
        currencies=costs.currencies,
        fx_bps=none,
        funding=costs.funding,
    )


#: No fee, no slippage, no financing.
NO_COSTS = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(0), financing=flat(Decimal(0)), fx_bps=Decimal(0))
