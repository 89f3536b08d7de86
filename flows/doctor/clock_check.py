"""Clock check of the doctor: the difference to the exchange's clock, if the settings name an exchange."""

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.config.settings import Settings
from flows.config.wall_clock import clock

if TYPE_CHECKING:
    from exchange.bars.binance_futures_klines import BinanceFutures
    from exchange.bars.binance_klines import BinanceBars

#: A clock set by NTP is right within a second. Five minutes ahead, a scheduled run would start before its bar
#: has closed and find no new bar.
LIMIT = timedelta(seconds=10)


def compare_clocks(settings: Settings) -> tuple[bool, str, str]:
    """Return whether the clocks agree to LIMIT, by how much they differ, and the remedy if they do not.

    External brokers are not queried: a run measures their clock itself. Raises SourceUnavailable.
    """
    if settings.source not in ("binance", "binance-futures"):
        return True, f"nothing to compare it with: {settings.source.partition(':')[0]} reports no time", ""
    exchange = _exchange(settings)
    started = clock()
    theirs = exchange.server_time()
    took = clock() - started
    ahead = started + took / 2 - theirs
    detail = f"{abs(ahead).total_seconds():.1f} s {'ahead of' if ahead > timedelta() else 'behind'} binance"
    # A slow answer fixes the instant only to half of its duration.
    if abs(ahead) <= LIMIT + took / 2:
        return True, detail, ""
    return (
        False,
        f"{detail}, the limit is {LIMIT.total_seconds():.0f} s",
        "have the system set its clock by the network (NTP); until then runs come at the wrong time",
    )


def _exchange(settings: Settings) -> "BinanceBars | BinanceFutures":
    if settings.source == "binance":
        from exchange.bars.binance_klines import BinanceBars

        return BinanceBars()
    from exchange.bars.binance_futures_klines import BinanceFutures

    return BinanceFutures()
