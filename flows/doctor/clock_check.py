"""The doctor's look at the clock: how far this machine's is from the exchange's, where the settings name one."""

from datetime import timedelta

from flows.config.settings import Settings
from flows.config.wall_clock import clock

#: A clock that is kept by the network is within a second. Five minutes ahead, a scheduled run would come before its bar
#: has closed and find nothing new.
LIMIT = timedelta(seconds=10)


def compare_clocks(settings: Settings) -> tuple[bool, str, str]:
    """Whether the clocks agree to LIMIT, by how much they differ, and the remedy where they do not.

    Brokers outside are not asked: a run measures their clock itself. Raises SourceUnavailable.
    """
    if settings.source != "binance":
        return True, f"nothing to compare it with: {settings.source.partition(':')[0]} tells no time", ""
    from exchange.bars.binance_klines import BinanceBars

    exchange = BinanceBars()
    started = clock()
    theirs = exchange.server_time()
    took = clock() - started
    ahead = started + took / 2 - theirs
    detail = f"{abs(ahead).total_seconds():.1f} s {'ahead of' if ahead > timedelta() else 'behind'} binance"
    # An answer that took long says no more of the instant than half of that.
    if abs(ahead) <= LIMIT + took / 2:
        return True, detail, ""
    return (
        False,
        f"{detail}, the limit is {LIMIT.total_seconds():.0f} s",
        "have the system set its clock by the network (NTP); until then runs come at the wrong time",
    )
