"""Terms on which an account trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from strategy.account.fees_and_slippage import Costs
from strategy.market.instruments import Instrument

ONE_DAY = timedelta(days=1)


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

    def delisted(self, symbol: str, as_of: date) -> bool:
        """Return whether the symbol's last session lies before `as_of`, or it is paid out on or before that day."""
        instrument = self.instruments.get(symbol)
        if instrument is None or instrument.listed_to is None:
            return False
        return instrument.listed_to < as_of + (instrument.last_price is not None) * ONE_DAY

    def paid_out(self, symbol: str, as_of: date) -> Decimal | None:
        """Return what a unit of a delisted symbol is paid out at on the day; None if it is not."""
        instrument = self.instruments.get(symbol)
        return instrument.last_price if instrument is not None and self.delisted(symbol, as_of) else None

    def over(self, symbol: str, as_of: date) -> bool:
        """Return whether the symbol was paid out before the day: bars of later days are ignored."""
        price = self.paid_out(symbol, as_of)
        return price is not None and self.instruments[symbol].listed_to != as_of
