"""Paper trading at Binance's testnet, as the seed document calls it."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from flows.paper_trading import paper_trade
from turbodmt.process_state import as_before


@dataclass(frozen=True, slots=True, kw_only=True)
class BinancePaperTrader:
    """An account at Binance's testnet; each `run` trades one day. No value reaches real money.

    The keys are those of the testnet's own site; they last for a run and are written nowhere. Without a `home` the
    account is in the user's own.

    >>> BinancePaperTrader(api_key="key", api_secret="secret", symbol="BTCUSDT").broker
    'testnet-spot'
    """

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    symbol: str = "BTCUSDT"
    interval: Literal["1d"] = "1d"
    strategy_version: str = "turbo"
    initial_capital: Decimal | float = 10_000
    broker: Literal["testnet-spot", "testnet-futures"] = "testnet-spot"
    home: Path | None = None

    def run(self) -> dict[str, Any]:
        """Trade today, and return the answer of `turbodmt daily --json`; a day that is done stays as it is.

        Raises RequestRefused for another interval than a day, and what the daily run raises.
        """
        with as_before():
            return paper_trade(
                api_key=self.api_key,
                api_secret=self.api_secret,
                symbol=self.symbol,
                interval=self.interval,
                strategy_version=self.strategy_version,
                initial_capital=Decimal(str(self.initial_capital)),
                broker=self.broker,
                home=self.home,
            )
