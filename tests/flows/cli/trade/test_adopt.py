"""An adoption in words."""

from datetime import date
from decimal import Decimal

from flows.cli.trade.adopt import shown_adopted
from tasks.broker.takeover_plan import AdoptAnswer, BooksAnswer, EntryAnswer


def test_an_adoption_says_what_it_would_book_and_what_it_has() -> None:
    booked = EntryAnswer(
        as_of=date(2025, 1, 3),
        symbol="BTCUSDT",
        cash=Decimal("0.5"),
        quantity=Decimal(0),
        cause="transfer",
        reason="the broker holds 0.5 more",
    )
    answer = AdoptAnswer(
        account="daily",
        broker="testnet-spot",
        number=2,
        reason="a rebate",
        cash=Decimal("40.5"),
        positions={},
        dry_run=True,
        changed=True,
        entries=(booked,),
        notes=("1 ETHUSDT is not the account's",),
        before=BooksAnswer(cash=Decimal(40), positions={"BTCUSDT": Decimal("2.00")}, equity=Decimal("1E+2")),
        after=BooksAnswer(cash=Decimal("40.5"), positions={}, equity=Decimal("100.5")),
    )
    told = shown_adopted(answer)
    assert "would have account daily say what testnet-spot holds; nothing is done yet" in told
    assert "2025-01-03: the broker holds 0.5 more.\n1 ETHUSDT is not the account's." in told
    assert "Before: equity 100, cash 40, 2 BTCUSDT." in told
    assert "After: equity 100.5, cash 40.5, no position." in told
    assert "adoption 2, a rebate." in shown_adopted(answer.model_copy(update={"dry_run": False}))
    assert "nothing is to be booked" in shown_adopted(answer.model_copy(update={"changed": False, "entries": ()}))
