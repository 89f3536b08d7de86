"""Hash of all data behind a result: its bars, and the rates of exchange, interest and funding that move its money."""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256

from strategy.account.fees_and_slippage import Costs
from strategy.market.bars import Bars
from strategy.market.data_hash import data_sha256
from strategy.market.funding_rates import FundingSeries
from strategy.market.session_dates import session_date


def used_sha256(bars: Mapping[str, Bars], costs: Costs) -> str:
    """Return the hash of the bars, and of what the account's money follows beside them up to the last bar.

    A constant or flat rate is a setting and no data.
    """
    terms, funding = costs.financing, costs.funding.series
    last = max((session_date(one.open_time[-1]) for one in bars.values() if len(one)), default=date.min)
    dated = [series.sha256(last) for series in (terms.rates, terms.risk_free) if not series.unending]
    paid = [_payments(funding[symbol], last) for symbol in sorted(funding) if symbol in bars]
    return data_sha256(bars, costs.currencies.fx, (*dated, *paid))


def _payments(series: FundingSeries, last: date) -> str:
    """Return the hash of the payments up to the day."""
    known = [f"{each.at.isoformat()} {each.rate} {each.mark}" for each in series.rates if each.at.date() <= last]
    return sha256("\n".join((series.symbol, *known)).encode()).hexdigest()
