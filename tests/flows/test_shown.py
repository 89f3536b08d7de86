"""The answers in words."""

from flows.shown import shown_backtest, shown_bars, shown_daily, shown_import, shown_status, shown_train

METRICS = {"total_return": 0.5, "sharpe": None}
NO_DAY = {
    "account": "daily",
    "as_of": None,
    "equity": None,
    "cash": None,
    "positions": {},
    "open_orders": [],
    "model_id": None,
    "halted": False,
    "halted_reason": None,
    "next_runs": [],
    "warnings": [],
}


def test_an_account_without_a_day_says_how_to_make_one() -> None:
    assert shown_status(NO_DAY) == "Account daily has no day yet; `turbodmt daily` makes its first."


def test_a_halted_account_says_so() -> None:
    text = shown_status(
        {**NO_DAY, "as_of": "2020-01-02", "equity": "1", "cash": "1", "halted": True, "halted_reason": "why"}
    )
    assert ", halted: why" in text


def test_an_import_that_brings_nothing_new_says_so() -> None:
    text = shown_import({"published": {"A": 3, "B": 0}, "quarantined": [], "warnings": ["look"]})
    assert text.splitlines() == [
        "Published",
        "symbol  rows",
        "A       3",
        "",
        "Nothing new of B; published before.",
        "",
        "Warning: look",
    ]


def test_what_is_held_back_is_told_with_its_reason() -> None:
    row = {"source": "file:x", "symbol": "A", "date": None, "value": "0", "limit": "1", "reason": "too low"}
    assert shown_bars({"published": [], "quarantined": [row]}).splitlines() == [
        "No bars yet; `turbodmt import FILE` or `turbodmt daily` brings some.",
        "",
        "Held back",
        "source  symbol  date  value  limit  reason",
        "file:x  A       -     0      1      too low",
    ]


def test_a_backtest_shows_every_account_and_what_is_undefined_as_a_dash() -> None:
    answer = {
        "symbols": ["A"],
        "start": "2020-01-02",
        "end": "2020-01-03",
        "bars": 2,
        "strategy": "rules",
        "gross": METRICS,
        "net": METRICS,
        "net_2x_cost": METRICS,
        "benchmarks": {"hold": {"net": METRICS}},
        "trials": 1,
        "would_halt_on": None,
        "files": [],
        "warnings": [],
    }
    lines = shown_backtest(answer).splitlines()
    assert lines[0] == "rules on A, 2020-01-02 to 2020-01-03, 2 days; 1 configuration tried on these bars"
    assert [line.split() for line in lines[-4:]] == [
        [name, "0.5000", "-"] for name in ("gross", "net", "net_2x_cost", "hold")
    ]


def test_a_training_without_a_defined_sharpe_says_so() -> None:
    validation = {"validation_bars": 5, "network_sharpe": None, "prior_sharpe": 0.123}
    text = shown_train(
        {
            "model_id": "ab",
            "symbols": ["A"],
            "trained_from": "x",
            "trained_to": "y",
            "validation": validation,
            "warnings": [],
        }
    )
    assert text.endswith("Net Sharpe on 5 validation bars: undefined, the prior 0.12")


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
        "warnings": ["2018-12-30 is no session of A; there was nothing to do"],
    }
    assert shown_daily(answer).splitlines() == [
        "2018-12-30  account daily  strategy rules, the prior",
        "",
        "Warning: 2018-12-30 is no session of A; there was nothing to do",
    ]
