"""What earned the profits of an account's sleeves, by source."""

from decimal import Decimal

from strategy.account.state import EntryKind
from strategy.attribution.gains import Gain
from strategy.backtest.day_loop import Replay
from strategy.evaluation.costs import Quotes, slipped
from strategy.sleeves.results import SleeveResult, SleeveResults
from strategy.sleeves.shares import shares

_NOTHING = Decimal(0)


def sleeve_gains(results: SleeveResults, record: Replay, quotes: Quotes) -> dict[str, Gain]:
    """Return the gain of each sleeve since they began, by name; each source adds up to that of the account.

    A fill's slippage is shared in proportion to what the fill gave each sleeve: where wishes crossed inside, one gains
    by it what the other loses. Price is what is left of the profit.
    """
    slippages = [_NOTHING for _ in results.sleeves]
    for fill in record.fills:
        parts = results.filled.get(fill.order_id, ())
        if fill.as_of > results.since and any(parts):
            cost = slipped(fill, quotes.on(fill.as_of).get(fill.symbol))
            slippages = [paid + part for paid, part in zip(slippages, shares(cost, parts), strict=True)]
    return {
        sleeve.sleeve: _gain(sleeve, -slippage) for sleeve, slippage in zip(results.sleeves, slippages, strict=True)
    }


def _gain(sleeve: SleeveResult, slippage: Decimal) -> Gain:
    booked = Gain(
        fees=-sleeve.fees,
        slippage=slippage,
        financing=sleeve.entered.get(EntryKind.FINANCING, _NOTHING),
        short_fee=sleeve.entered.get(EntryKind.SHORT_FEE, _NOTHING),
        interest=sleeve.entered.get(EntryKind.INTEREST, _NOTHING),
        funding=sleeve.entered.get(EntryKind.FUNDING, _NOTHING),
        fx=sleeve.entered.get(EntryKind.FX, _NOTHING),
    )
    return Gain(price=sleeve.profit - booked.net) + booked
