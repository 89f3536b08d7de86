"""Fees and slippage, by symbol, and the terms of financing: what trading and leverage cost."""

from dataclasses import dataclass, replace
from decimal import Decimal

from strategy.account.interest_rates import FinancingTerms, flat
from strategy.market.instruments import Calendar, Instrument

BASIS_POINT = Decimal("0.0001")
#: Default fee and slippage, in basis points: for symbols that trade around the clock (crypto), and for all others.
CRYPTO_BPS = (Decimal(10), Decimal(5))
OTHER_BPS = (Decimal(1), Decimal(1))
#: Default financing: one flat rate.
FLAT_FINANCING = flat(Decimal("0.05"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of trading and leverage; None means the default of the asset class.

    `multiplier` scales only fee and slippage: 2 for "net at twice the cost".
    """

    fee_bps: Decimal | None = None
    slippage_bps: Decimal | None = None
    financing: FinancingTerms = FLAT_FINANCING
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        for name in ("fee_bps", "slippage_bps", "multiplier"):
            value: Decimal | None = getattr(self, name)
            if value is not None and not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} is {value}; it must be at least 0")

    def fee(self, instrument: Instrument) -> Decimal:
        """Return the fee as a fraction of the traded notional."""
        default = CRYPTO_BPS if instrument.calendar is Calendar.ALWAYS else OTHER_BPS
        return (default[0] if self.fee_bps is None else self.fee_bps) * BASIS_POINT * self.multiplier

    def slippage(self, instrument: Instrument) -> Decimal:
        """Return the slippage as a fraction of the open, always against the order."""
        default = CRYPTO_BPS if instrument.calendar is Calendar.ALWAYS else OTHER_BPS
        return (default[1] if self.slippage_bps is None else self.slippage_bps) * BASIS_POINT * self.multiplier


def without_costs(costs: Costs) -> Costs:
    """Return the costs of a gross account: no fee and slippage, and money borrowed and lent at the rate, no spread.

    >>> without_costs(Costs()) == NO_COSTS
    True
    """
    none = Decimal(0)
    return Costs(
        fee_bps=none,
        slippage_bps=none,
        financing=replace(costs.financing, borrow_spread=none, cash_spread=none, short_fee=none),
    )


#: No fee, no slippage, no financing.
NO_COSTS = Costs(fee_bps=Decimal(0), slippage_bps=Decimal(0), financing=flat(Decimal(0)))
