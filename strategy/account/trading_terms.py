"""Terms on which an account trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from strategy.account.fees_and_slippage import Costs
from strategy.market.instruments import Instrument

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingTerms:
    """The terms on which an account trades: its name, its instruments and its costs.

    `series` distinguishes its order ids from those of another home with an account of the same name at the same broker;
    empty if the account's name suffices.
    """

    account: str
    instruments: Mapping[str, Instrument]
    costs: Costs
    series: str = ""

    def rate(self, symbol: str, as_of: date) -> Decimal:
        """Return the units of the account's currency for one unit of the symbol's prices; 1 if that is its own.

        Raises FxMissing.
        """
        instrument = self.instruments.get(symbol) if self.costs.currencies.base else None
        return _ONE if instrument is None else self.costs.currencies.rate(instrument, as_of)

    def perpetual(self, symbol: str) -> bool:
        """Return whether the symbol is a perpetual future, which pays funding."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.perpetual

    def fee_of(self, symbol: str, quantity: Decimal, notional: Decimal, as_of: date) -> Decimal:
        """Return the fee of a trade in the account's currency, not rounded; `notional` is in that of the prices.

        A fee in another currency is converted, and the cost of converting what was traded is part of it.
        """
        instrument, costs = self.instruments[symbol], self.costs
        fee = costs.fee_of(instrument, quantity, notional)
        if not costs.currencies.foreign(instrument):
            return fee
        return (fee + notional * costs.conversion(instrument)) * self.rate(symbol, as_of)

    def delisted(self, symbol: str, as_of: date) -> bool:
        """Return whether the symbol's last session lies before `as_of`, or it is paid out on or before that day."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.delisted_from is not None and instrument.delisted_from <= as_of

    def paid_out(self, symbol: str, as_of: date) -> Decimal | None:
        """Return what a unit of a delisted symbol is paid out at on the day; None if it is not."""
        instrument = self.instruments.get(symbol)
        return instrument.last_price if instrument is not None and self.delisted(symbol, as_of) else None

    def over(self, symbol: str, as_of: date) -> bool:
        """Return whether the symbol was paid out before the day: bars of later days are ignored."""
        price = self.paid_out(symbol, as_of)
        return price is not None and self.instruments[symbol].listed_to != as_of
