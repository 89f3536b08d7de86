"""One day of an account: as `turbodmt daily` runs it, or at Binance's testnet, as the seed document calls it."""

from dataclasses import dataclass, field
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from flows.cli.trade.daily import run_daily as run_job
from flows.paper_trading import paper_trade
from flows.planning.plan import RequestRefused
from strategy.signals.strategies import Strategy
from tasks.run.answers import DayAnswer
from turbodmt.option_names import Day, Money, Names, day_text, in_terms_of_python, money_text, named, source_text
from turbodmt.process_state import as_before


def run_daily(
    strategy: str | Strategy | None = None,
    *,
    source: str | PathLike[str] | None = None,
    symbols: Names | None = None,
    as_of: Day | None = None,
    broker: str | None = None,
    capital: Money | None = None,
    account: str = "daily",
    home: str | PathLike[str] | None = None,
) -> DayAnswer:
    """Run one day of the account, and return what `turbodmt daily --json` prints as a value.

    `strategy` is a name or the path of a strategy's file: one made in this process is gone with it, and cannot trade.
    `source` is the path of a file, `sample`, `binance` or `yahoo`, and `as_of` the last closed bar; what is left out is
    taken from the settings of the home. A day that is done stays as it is.

    Raises what the command line turns into an exit code, in one sentence.

    >>> run_daily(Strategy(name="mine", signal=lambda bars: bars.close * 0, history_bars=1, sizing="direct"))
    Traceback (most recent call last):
    flows.planning.plan.RequestRefused: mine was made in this process and cannot trade; name a strategy or a file
    """
    if isinstance(strategy, Strategy):
        raise RequestRefused(f"{strategy} was made in this process and cannot trade; name a strategy or a file")
    given = {
        "source": None if source is None else source_text(source),
        "symbols": named(symbols),
        "strategy": strategy,
        "broker": broker,
        "capital": money_text(capital),
        "home": None if home is None else Path(home),
    }
    with as_before(), in_terms_of_python():
        return run_job(given, day_text(as_of), account)


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
