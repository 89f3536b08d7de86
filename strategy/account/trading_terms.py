"""Terms on which an account trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from strategy.account.fees_and_slippage import Costs
from strategy.market.instruments import Instrument


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
        """Return whether the symbol's last session lies before `as_of`."""
        instrument = self.instruments.get(symbol)
        return instrument is not None and instrument.listed_to is not None and instrument.listed_to < as_of
