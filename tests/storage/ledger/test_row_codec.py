from datetime import date
from decimal import Decimal
from types import MappingProxyType

from storage.ledger.row_codec import snapshot_row, to_snapshot
from strategy.account.state import Account, Position, Snapshot

D = Decimal
FRIDAY, MONDAY = date(2020, 1, 3), date(2020, 1, 6)


def test_a_snapshot_is_kept_as_sorted_text_without_exponents() -> None:
    """Two runs of a day must write the same row to the letter, or the second one is a conflict."""
    positions = {
        "SPY": Position(quantity=D("1E+1"), mark=D("321.5"), marked_on=FRIDAY),
        "AAA": Position(quantity=D("-1E-11"), mark=D("0E-12")),
    }
    account = Account(as_of=MONDAY, cash=D("1E-11"), positions=MappingProxyType(positions))
    row = snapshot_row("daily", Snapshot(account=account, equity=D("3215.0000000000004"), drawdown=0.25))
    assert row == (
        "daily",
        MONDAY,
        1,
        D("0.000000000010"),
        D(3215),
        0.25,
        '{"AAA": {"mark": "0.000000000000", "marked_on": null, "quantity": "-0.000000000010"}, '
        '"SPY": {"mark": "321.500000000000", "marked_on": "2020-01-03", "quantity": "10.000000000000"}}',
        None,
    )
    assert to_snapshot((row[1], *row[3:])) == Snapshot(account=account, equity=D(3215), drawdown=0.25)
    flowed = Snapshot(account=account, equity=D(3215), drawdown=0.25, own_unit_value=D(3000))
    row = snapshot_row("daily", flowed, 2)
    assert (row[2], to_snapshot((row[1], *row[3:]))) == (2, flowed)
