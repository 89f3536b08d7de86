"""Paper trading in one call from Python, by the seed document's names."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from exchange.brokers.api_keys import ApiKeys
from flows.planning.api_keys import passed
from flows.planning.plan import RequestRefused


def paper_trade(
    api_key: str,
    api_secret: str,
    symbol: str = "BTCUSDT",
    interval: Literal["1d"] = "1d",
    strategy_version: str = "turbo",
    initial_capital: Decimal | int = 10_000,
    broker: Literal["testnet-spot", "testnet-futures"] = "testnet-spot",
    home: Path | None = None,
) -> dict[str, Any]:
    """Trade today at the testnet with these keys and return the answer of `turbodmt daily --json`; call it once a day.

    The keys last for this call: they are no parameter of the flow, and no file or log holds them.
    Raises RequestRefused for another interval than a day, and what the daily run raises.
    """
    if interval != "1d":
        raise RequestRefused(f"interval is {interval!r}; this system decides once a day: use '1d'")
    from flows.cli.trade.daily import run_daily

    given = {
        "source": "binance",
        "symbols": symbol,
        "strategy": strategy_version,
        "broker": broker,
        "capital": str(initial_capital),
        "home": home,
    }
    with passed(ApiKeys(key=api_key, secret=api_secret)):
        return run_daily(given, None, f"paper-{broker}").json_values()
