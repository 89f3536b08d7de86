from datetime import date
from decimal import Decimal

import pytest

from strategy.account.state import Account, Position, Snapshot


def snapshot(cash: str, quantity: str, mark: str) -> Snapshot:
    held = {"A": Position(quantity=Decimal(quantity), mark=Decimal(mark))}
    account = Account(as_of=date(2020, 1, 2), cash=Decimal(cash), positions=held)
    return Snapshot(account=account, equity=account.equity, drawdown=0.0)


@pytest.mark.parametrize(
    ("cash", "quantity", "mark", "exposure"),
    [
        ("150", "-2", "25", -0.5),
        ("50", "2", "25", 0.5),
        ("-0.25", "1", "0.75", 1.5),
        ("-50", "2", "25", 0.0),
        ("-60", "2", "25", 0.0),
    ],
)
def test_an_exposure_is_signed_value_over_equity_where_any_is_left(
    cash: str, quantity: str, mark: str, exposure: float
) -> None:
    assert snapshot(cash, quantity, mark).exposure("A") == exposure


def test_what_is_not_held_has_no_exposure() -> None:
    assert snapshot("100", "1", "1").exposure("B") == 0.0
