"""Hash of all data behind a result: its bars, the closes that convert their prices, and the rates of interest."""

from collections.abc import Mapping
from datetime import date

from strategy.account.fees_and_slippage import Costs
from strategy.market.bars import Bars
from strategy.market.data_hash import data_sha256
from strategy.market.session_dates import session_date


def used_sha256(bars: Mapping[str, Bars], costs: Costs) -> str:
    """Return the hash of the bars, and of what the account's money follows beside them up to the last bar.

    A constant or flat rate is a setting and no data.
    """
    terms = costs.financing
    last = max((session_date(one.open_time[-1]) for one in bars.values() if len(one)), default=date.min)
    dated = [series.sha256(last) for series in (terms.rates, terms.risk_free) if not series.unending]
    return data_sha256(bars, costs.currencies.fx, dated)
