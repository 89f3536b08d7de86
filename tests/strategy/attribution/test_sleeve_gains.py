"""What earned the profits of sleeves: every source adds up to the account's."""

from dataclasses import fields, replace
from decimal import Decimal

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.account.state import Entry, EntryKind
from strategy.attribution.contributions import attribution
from strategy.attribution.gains import Gain
from strategy.attribution.sleeve_gains import sleeve_gains
from strategy.evaluation.costs import rates
from tests.strategy.sleeves.test_results import BOTH, DAYS, SHARE, WORKED, found, run

D = Decimal


def test_every_source_of_the_sleeves_adds_up_to_the_account_s() -> None:
    record = run(BOTH)
    quotes = quotes_by_date({"A": WORKED}, DAYS[0], DAYS[-1])
    # Beside the worked days: slippage of 1 on both fills' prices, and each kind of entry on the last day.
    kinds = {EntryKind.FINANCING: "-3", EntryKind.SHORT_FEE: "-1", EntryKind.INTEREST: "7"}
    paid = [Entry(as_of=DAYS[-1], kind=kind, symbol="", cash=D(cash), quantity=D(0)) for kind, cash in kinds.items()]
    paid.append(Entry(as_of=DAYS[-1], kind=EntryKind.FUNDING, symbol="A", cash=D(2), quantity=D(0)))
    paid.append(Entry(as_of=DAYS[-1], kind=EntryKind.FX, symbol="A", cash=D(0), quantity=D(0), profit=D(5)))
    last = record.snapshots[-1]
    account = replace(last.account, cash=last.account.cash + 5)
    slid = replace(
        record,
        snapshots=(*record.snapshots[:-1], replace(last, account=account, equity=account.equity)),
        entries=(*record.entries, *paid),
    )
    lower = {
        day: {symbol: replace(quote, open=quote.open - 1) for symbol, quote in on.items()}
        for day, on in quotes.quotes.items()
    }
    shifted = replace(quotes, quotes=lower)
    gains = sleeve_gains(found(slid), slid, shifted)
    whole = attribution(slid, shifted, rates(Costs(), {"A": SHARE})).total
    assert list(gains) == ["calm", "gloomy"]
    for source in fields(Gain):
        assert sum((getattr(gain, source.name) for gain in gains.values()), D(0)) == getattr(whole, source.name)
        assert getattr(whole, source.name) != 0
    # 50 bought and 20 sold on the first day, each a dollar beyond the open: what one pays the other receives.
    first = sleeve_gains(found(run(days=DAYS[:2])), run(days=DAYS[:2]), shifted)
    assert [gain.slippage for gain in first.values()] == [-50, 20]
