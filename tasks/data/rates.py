"""The series of interest rates of a run: fetched, checked by the data gate, and kept in the store."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exchange.ports import BarSource, SourceRefused, SourceUnavailable
from storage.bars import rates as rate_store
from storage.database import connect
from strategy.account.dated_rates import LEAST_RATE, MOST_RATE, DatedRate, RatesRefused, demand_sound
from strategy.account.interest_rates import CARRIED_DAYS, LackingRates, RateSeries, RatesMissing, constant
from strategy.exit_codes import UsageError

log = logging.getLogger(__name__)

#: The bills that come with the sample, and those of Yahoo: yields of US Treasury bills, in dollars.
BILLS, YAHOO = "bills", "yahoo"
CONSTANT, FILE = "constant:", "file:"
#: Coins that stand for a dollar: their cash earns nothing, and excess returns are above the rate of the dollar.
DOLLAR_COINS = frozenset({"USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI"})
_DOLLARS = DOLLAR_COINS | {"USD"}
_OTHER_RATES = "try again later, or name other rates, as --rates constant:0.04 or --rates file:PATH do"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesWanted:
    """The rates that a run needs: where they come from, and the day and instant of the run.

    `source` is `bills`, `yahoo`, `constant:RATE` or `file:PATH`; `currency` is that of the account, "" if unknown.
    """

    home: Path
    source: str
    currency: str
    as_of: date
    now: datetime


def rate_series(wanted: RatesWanted, open_yahoo: Callable[[], BarSource] | None = None) -> RateSeries:
    """Return the series, which may end before the run's day: whatever needs a rate then raises RatesMissing.

    `open_yahoo` opens the source of Yahoo's bars; None: Yahoo itself.

    Raises RatesMissing for bills where prices are not in dollars, RatesRefused for a series that the gate refuses,
    UsageError for a constant that is no rate, and what the source and the store raise.
    """
    if wanted.source.startswith(CONSTANT):
        return constant_rate(wanted.source)
    if not wanted.source.startswith(FILE) and wanted.currency and wanted.currency not in _DOLLARS:
        raise RatesMissing(
            f"prices are in {wanted.currency}, and the rates of {wanted.source} are those of US Treasury bills; charge "
            "a flat rate with --financing-rate 0.05, give rates of that currency, such as --rates constant:0.02, or "
            "have prices converted into an account in dollars with --set base_currency=USD"
        )
    with connect(wanted.home) as store:
        newest = rate_store.newest_published(store, wanted.source)
    fresh = _delivered(wanted, newest, open_yahoo or _yahoo)
    with connect(wanted.home) as store:
        if fresh:
            rate_store.keep(store, wanted.source, fresh)
        series = rate_store.load(store, wanted.source)
    if series is None:
        demand_sound(wanted.source, fresh)
        raise AssertionError("the gate refuses an empty series")
    return series


def dollar_rates(wanted: RatesWanted, open_yahoo: Callable[[], BarSource] | None = None) -> RateSeries | LackingRates:
    """Return the dollar's rates, above which the excess returns of a coin's account are; see `rate_series`.

    They move no money: a series without a rate for the run's day is returned as lacking, and Yahoo, which is asked
    once, may be out of reach or give what the gate refuses. Raises what `rate_series` raises for other series.
    """
    try:
        series = rate_series(wanted, open_yahoo or _yahoo_once)
    except (SourceUnavailable, SourceRefused, RatesRefused) as failure:
        if wanted.source != YAHOO:
            raise
        log.warning("Yahoo gives no rates of the dollar (%s); they move no money.", failure)
        with connect(wanted.home) as store:
            known = rate_store.load(store, wanted.source)
        if known is None:
            return LackingRates(name=wanted.source, last=None)
        series = known
    return series if series.has(wanted.as_of) else LackingRates(name=series.name, last=series.dates[-1])


def _delivered(wanted: RatesWanted, newest: date | None, open_yahoo: Callable[[], BarSource]) -> Sequence[DatedRate]:
    """Return the rates of the source, checked; of Yahoo those after the newest stored, empty where that is enough."""
    if wanted.source == YAHOO:
        return _of_yahoo(wanted, newest, open_yahoo)
    if wanted.source == BILLS:
        from exchange.rates.shipped_bills import bills

        rates = bills()
    else:
        from exchange.rates.rate_files import rates_in

        rates = rates_in(Path(wanted.source.removeprefix(FILE)))
    demand_sound(wanted.source, rates)
    return rates


def _yahoo() -> BarSource:
    from exchange.bars.yahoo import YahooBars

    return YahooBars()


def _yahoo_once() -> BarSource:
    from exchange.bars.yahoo import YahooBars

    return YahooBars(tries=1)


def _of_yahoo(wanted: RatesWanted, newest: date | None, open_yahoo: Callable[[], BarSource]) -> Sequence[DatedRate]:
    if newest is not None and newest >= wanted.as_of:
        return ()
    from exchange.rates.yahoo_bills import bills

    since = None if newest is None else newest + timedelta(days=1)
    try:
        rates = bills(open_yahoo(), since, wanted.as_of, wanted.now)
    except SourceUnavailable as failure:
        if newest is None or (wanted.as_of - newest).days > CARRIED_DAYS:
            raise
        log.warning("Yahoo gives no rates (%s); the last one, of %s, stands.", failure, newest)
        return ()
    try:
        if rates or newest is None:
            demand_sound(wanted.source, rates)
    except RatesRefused as fault:
        # Nobody can correct Yahoo's.
        raise RatesRefused(fault.fault, fault.what, _OTHER_RATES) from fault
    return rates


def constant_rate(source: str) -> RateSeries:
    """Return the series that `constant:RATE` names. Raises UsageError for what is no rate."""
    text = source.removeprefix(CONSTANT)
    try:
        rate = Decimal(text)
    except InvalidOperation as error:
        raise UsageError(f"rates is {source!r}; constant: takes a yearly fraction, such as constant:0.02") from error
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise UsageError(f"rates is {source!r}; the rate must lie between {LEAST_RATE} and {MOST_RATE}: 0.05 is 5 %")
    return constant(rate)
