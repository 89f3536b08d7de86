"""A day in words."""

from flows.cli.trade.daily import shown_daily


def test_a_day_without_symbols_or_account_is_short() -> None:
    answer = {
        "as_of": "2018-12-30",
        "account": "daily",
        "strategy": "rules",
        "symbols": {},
        "orders": [],
        "fills": [],
        "equity": None,
        "cash": None,
        "model_id": None,
        "halted": False,
        "report": None,
        "warnings": ["2018-12-30 is not a session of A; there was nothing to do"],
    }
    assert shown_daily(answer).splitlines() == [
        "2018-12-30  account daily  strategy rules",
        "",
        "Warning: 2018-12-30 is not a session of A; there was nothing to do",
    ]


def test_a_halted_day_says_so_before_all_else() -> None:
    answer = {"as_of": "2020-01-02", "account": "desk", "strategy": "rules", "symbols": {}, "orders": [], "fills": []}
    rest = {"equity": "1", "cash": "1", "model_id": None, "halted": True, "report": None, "warnings": []}
    told = shown_daily({**answer, **rest, "halted_reason": "Halted since 2020-01-01: too deep"})
    assert told.splitlines()[0] == (
        "Halted since 2020-01-01: too deep; only orders that reduce a position are sent. Once you know why, `turbodmt "
        "resume --account desk --reason TEXT` lets it trade again."
    )
