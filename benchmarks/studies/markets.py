"""The panels of real bars that the studies run on, read from a folder and never shipped, and the rates they pay."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from arch.data import nasdaq, sp500

from exchange.rates.shipped_bills import bills, yearly
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import NO_RATE, FinancingTerms, RateSeries, flat
from strategy.account.trading_terms import TradingTerms
from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams

ETFS = ("EEM", "EFA", "EWJ", "GLD", "IEF", "LQD", "QQQ", "SPY", "TLT")
CRYPTO = ("BNBUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT")
FUTURES = (
    "AUD",
    "CORN",
    "GAS_US",
    "GBP",
    "GOLD",
    "LIVECOW",
    "MXP",
    "NASDAQ",
    "PLAT",
    "SOYBEAN",
    "SP500",
    "US10",
    "US20",
    "US5",
    "WHEAT",
)
STOCKS = ("AAPL", "BAC", "FB", "GOOGL", "IBM")
#: Mid prices without volume.
FX = ("EURGBP", "GBPUSD", "NZDUSD")
PANELS = ("etf", "futures", "crypto")
#: Single symbols, and the product's own sample: they overlap with the panels, or with one another.
ALONE = ("SPY", "^GSPC", "BTCUSD", "sample")
#: From when a panel is studied where its bars begin earlier, and to when where they end later.
STARTS = {
    "etf": "2007-01-01",
    "futures": "1995-01-01",
    "SPY": "2000-01-01",
    "^GSPC": "1965-01-01",
    "BTCUSD": "2016-01-01",
}
ENDS = {"^GSPC": "1993-12-31"}
#: Symbols with real opens, highs and lows by class, and what ends the names of crypto pairs.
RANGED = {
    "ETFs": (Calendar.XNYS, (*ETFS, "DIA", "IEV", "VTI", "XLK")),
    "stocks": (Calendar.XNYS, STOCKS),
    "crypto": (Calendar.ALWAYS, ("BTCUSD", "ETHUSD", "USDT")),
    "FX": (Calendar.WEEKDAYS, ("EURGBP", "GBPUSD", "GBPUSD=X", "NZDUSD")),
}
#: A class is read without series in which more bars than this have a high below, or a low above, their open or close.
MOST_INCONSISTENT = 0.005
CALENDARS = {
    "etf": Calendar.XNYS,
    "futures": Calendar.WEEKDAYS,
    "crypto": Calendar.ALWAYS,
    "fx": Calendar.WEEKDAYS,
    "stocks": Calendar.XNYS,
    "SPY": Calendar.XNYS,
    "^GSPC": Calendar.XNYS,
    "BTCUSD": Calendar.ALWAYS,
    "sample": Calendar.XNYS,
}
#: Panels that trade on every day of the year.
ROUND_THE_CLOCK = tuple(name for name, calendar in CALENDARS.items() if calendar is Calendar.ALWAYS)
#: Treasury bills of one to three months as a fund, whose dividends are in its adjusted close.
FUND = "BIL"
ALLOCATED = (*PANELS, "fx")
REBALANCED = (*ALLOCATED, "stocks")


def sample() -> dict[str, Bars]:
    """The S&P 500 and the Nasdaq of the product's own sample."""
    return {symbol: _sampled(symbol, source.load()) for symbol, source in {"^GSPC": sp500, "^IXIC": nasdaq}.items()}


def _sampled(symbol: str, frame: pd.DataFrame) -> Bars:
    return Bars(
        symbol=symbol,
        open_time=frame.index.to_numpy().astype("datetime64[us]"),
        volume=frame["Volume"].to_numpy(dtype=np.float64),
        factor=np.ones(len(frame)),
        **{name.lower(): frame[name].to_numpy(dtype=np.float64) for name in ("Open", "High", "Low", "Close")},
        columns={},
    )


def load(panel: str, folder: Path) -> tuple[dict[str, Bars], AccountConfig]:
    """The bars of a panel and the mandate of an account on it, with the default costs of its class."""
    if panel == "futures":
        bars = {
            symbol: _future(symbol, rows) for symbol, rows in _groups(folder / "futures_close_daily.parquet", FUTURES)
        }
    elif panel == "sample":
        bars = sample()
    else:
        symbols = {"etf": ETFS, "crypto": CRYPTO, "fx": FX, "stocks": STOCKS}.get(panel, (panel,))
        read = _closed if panel == "^GSPC" else _priced
        bars = {symbol: read(symbol, rows) for symbol, rows in _groups(folder / "ohlcv_daily.parquet", symbols)}
    return bars, mandate(bars, CALENDARS[panel])


def ranged(name: str, folder: Path) -> tuple[dict[str, Bars], Calendar]:
    """The bars of a class whose opens, highs and lows can be believed, and its calendar."""
    calendar, ends = RANGED[name]
    frame = pd.read_parquet(folder / "ohlcv_daily.parquet")
    chosen = frame[frame["symbol"].isin(ends) | (frame["symbol"].str.endswith("USDT") & ("USDT" in ends))]
    bars = {str(symbol): _priced(str(symbol), rows.sort_values("date")) for symbol, rows in chosen.groupby("symbol")}
    return {symbol: series for symbol, series in bars.items() if _inconsistent(series) <= MOST_INCONSISTENT}, calendar


def _inconsistent(bars: Bars) -> float:
    """The share of bars whose high or low contradicts their open or close, beyond rounding."""
    high, low = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    return float(((bars.high < high * (1 - 1e-9)) | (bars.low > low * (1 + 1e-9))).mean())


def mandate(bars: Mapping[str, Bars], calendar: Calendar) -> AccountConfig:
    """An account on these symbols with the default sizing and costs."""
    instruments = {symbol: Instrument(symbol=symbol, calendar=calendar) for symbol in bars}
    return AccountConfig(
        strategy=TURBO,
        symbols=tuple(sorted(bars)),
        sizing=SizingParams(),
        limits=RiskLimits(max_order_notional=None),
        terms=TradingTerms(account="study", instruments=instruments, costs=Costs(financing=flat(Decimal("0.05")))),
    )


def _groups(file: Path, symbols: tuple[str, ...]) -> list[tuple[str, pd.DataFrame]]:
    frame = pd.read_parquet(file)
    chosen = frame[frame["symbol"].isin(symbols)]
    return [(str(symbol), rows.sort_values("date")) for symbol, rows in chosen.groupby("symbol")]


def _priced(symbol: str, rows: pd.DataFrame) -> Bars:
    close = rows["close"].to_numpy(dtype=np.float64)
    adjusted = rows["adj_close"].to_numpy(dtype=np.float64)
    ratio = np.where(np.isfinite(adjusted), adjusted / close, 1.0)
    return Bars(
        symbol=symbol,
        open_time=rows["date"].to_numpy().astype("datetime64[us]"),
        volume=np.full(len(rows), np.nan),
        factor=ratio / ratio[0],
        **{name: rows[name].to_numpy(dtype=np.float64) for name in ("open", "high", "low", "close")},
        columns={},
    )


def _closed(symbol: str, rows: pd.DataFrame) -> Bars:
    """An index by its closes alone: its opens are the closes before, at which nobody could trade any more."""
    close = rows["close"].to_numpy(dtype=np.float64)
    return make_bars(symbol, rows["date"].to_numpy().astype("datetime64[us]"), close=close, open=close.tolist())


def _future(symbol: str, rows: pd.DataFrame) -> Bars:
    """An index of the returns of the contract held, null ones taken as 0.

    There are closes alone: an order decided at a close fills at the next one, later than at the open it would have.
    """
    close = 100.0 * np.cumprod(1.0 + np.nan_to_num(rows["ret"].to_numpy(dtype=np.float64)))
    return make_bars(symbol, rows["date"].to_numpy().astype("datetime64[us]"), close=close, open=close.tolist())


def dollar_rates(folder: Path) -> RateSeries:
    """French's one-month bills to November 2018, and from then on what the fund of bills in the folder returned.

    Both are the return of a month, compounded to a year and dated to the month's first day. Over the 138 months that
    both have, the fund returned 0.06 % a year less: it has a fee.
    """
    shipped = bills()
    frame = pd.read_parquet(folder / "ohlcv_daily.parquet", columns=["symbol", "date", "adj_close"])
    rows = frame[frame["symbol"] == FUND].sort_values("date")
    months = pd.to_datetime(rows["date"]).dt.to_period("M").dt.start_time.dt.date
    percents = rows["adj_close"].groupby(months).last().pct_change().dropna() * 100
    returned: list[tuple[date, float]] = list(zip(percents.index, percents.tolist(), strict=True))
    later = {day: yearly(Decimal(f"{percent:.6f}")) for day, percent in returned if day > shipped[-1].day}
    return RateSeries(
        name="bills",
        dates=(*(rate.day for rate in shipped), *later),
        rates=(*(rate.rate for rate in shipped), *later.values()),
    )


def financing(panel: str, dollars: RateSeries) -> FinancingTerms:
    """The terms of a new account on the panel, with the default spreads and short fee.

    Cash in a coin that stands for a dollar earns nothing and is borrowed at the spread, while excess returns are above
    the dollar's rate. The return of a futures contract is above that rate already, so its account has a rate of 0.
    """
    if panel == "futures":
        return FinancingTerms(rates=NO_RATE, risk_free=NO_RATE)
    return FinancingTerms(rates=NO_RATE if panel in ROUND_THE_CLOCK else dollars, risk_free=dollars)
