"""Money that an account has gained, split by its source."""

from dataclasses import dataclass
from decimal import Decimal

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Money gained, in the account's currency, by source: what was paid is below 0, and `net` is the sum.

    `price` is what the moves of prices would have brought at fills without slippage, splits, dividends and payouts of
    delisted symbols included; `fx` what exchange rates brought.
    """

    price: Decimal = _NOTHING
    fees: Decimal = _NOTHING
    slippage: Decimal = _NOTHING
    financing: Decimal = _NOTHING
    short_fee: Decimal = _NOTHING
    interest: Decimal = _NOTHING
    funding: Decimal = _NOTHING
    fx: Decimal = _NOTHING

    @property
    def net(self) -> Decimal:
        """Return the sum over all sources.

        >>> Gain(price=Decimal(10), fees=Decimal(-1), interest=Decimal(2)).net
        Decimal('11')
        """
        traded = self.price + self.fees + self.slippage
        return traded + self.financing + self.short_fee + self.interest + self.funding + self.fx

    def __add__(self, other: "Gain") -> "Gain":
        return Gain(
            price=self.price + other.price,
            fees=self.fees + other.fees,
            slippage=self.slippage + other.slippage,
            financing=self.financing + other.financing,
            short_fee=self.short_fee + other.short_fee,
            interest=self.interest + other.interest,
            funding=self.funding + other.funding,
            fx=self.fx + other.fx,
        )

    def __sub__(self, other: "Gain") -> "Gain":
        return Gain(
            price=self.price - other.price,
            fees=self.fees - other.fees,
            slippage=self.slippage - other.slippage,
            financing=self.financing - other.financing,
            short_fee=self.short_fee - other.short_fee,
            interest=self.interest - other.interest,
            funding=self.funding - other.funding,
            fx=self.fx - other.fx,
        )
