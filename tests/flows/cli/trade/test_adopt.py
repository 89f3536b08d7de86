"""An adoption in words."""

from flows.cli.trade.adopt import shown_adopted


def test_an_adoption_says_what_it_would_book_and_what_it_has() -> None:
    booked = {"as_of": "2025-01-03", "reason": "the broker holds 0.5 more"}
    answer = {
        "account": "daily",
        "broker": "testnet-spot",
        "number": 2,
        "reason": "a rebate",
        "dry_run": True,
        "changed": True,
        "entries": [booked],
        "notes": ["1 ETHUSDT is not the account's"],
        "before": {"equity": "100", "cash": "40", "positions": {"BTCUSDT": "2"}},
        "after": {"equity": "100.5", "cash": "40.5", "positions": {}},
    }
    told = shown_adopted(answer)
    assert "would have account daily say what testnet-spot holds; nothing is done yet" in told
    assert "2025-01-03: the broker holds 0.5 more.\n1 ETHUSDT is not the account's." in told
    assert "Before: equity 100, cash 40, 2 BTCUSDT." in told
    assert "After: equity 100.5, cash 40.5, no position." in told
    assert "adoption 2, a rebate." in shown_adopted({**answer, "dry_run": False})
    assert "nothing is to be booked" in shown_adopted({**answer, "changed": False, "entries": []})
