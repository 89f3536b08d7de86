"""A day in words."""

from datetime import date
from decimal import Decimal

from flows.cli.trade.daily import shown_daily
from tasks.run.answers import DayAnswer, DecisionAnswer, LeftOverAnswer

EMPTY = DayAnswer(
    as_of=date(2018, 12, 30),
    run_id="1",
    account="daily",
    strategy="rules",
    symbols={},
    orders=(),
    fills=(),
    equity=None,
    cash=None,
    positions={},
    model_id=None,
    data_sha256=None,
    code_version="test",
    config={},
    seed=7,
    halted=False,
    warnings=("2018-12-30 is not a session of A; there was nothing to do",),
    report=None,
)


def test_a_day_without_symbols_or_account_is_short() -> None:
    assert shown_daily(EMPTY).splitlines() == [
        "2018-12-30  account daily  strategy rules",
        "",
        "Warning: 2018-12-30 is not a session of A; there was nothing to do",
    ]


def test_a_halted_day_says_so_before_all_else() -> None:
    halt = {"halted": True, "halted_reason": "Halted since 2020-01-01: too deep"}
    books = {"equity": Decimal(1), "cash": Decimal(1), "warnings": ()}
    told = shown_daily(EMPTY.model_copy(update={**halt, **books, "account": "desk"}))
    assert told.splitlines()[0] == (
        "Halted since 2020-01-01: too deep; only orders that reduce a position are sent. Once you know why, `turbodmt "
        "resume --account desk --reason TEXT` lets it trade again."
    )


def test_what_a_flattening_has_left_is_listed() -> None:
    left = LeftOverAnswer(symbol="BTCUSDT", quantity=Decimal("0.0000001"), code="dust", reason="below the least order")
    told = shown_daily(EMPTY.model_copy(update={"flatten": True, "left_over": (left,)})).splitlines()
    start = told.index("Still to be closed")
    assert [line.split() for line in told[start + 1 : start + 3]] == [
        ["symbol", "quantity", "code", "reason"],
        ["BTCUSDT", "0.0000001", "dust", "below", "the", "least", "order"],
    ]


def test_a_position_that_is_kept_is_shown_with_the_exposure_held() -> None:
    unknown = {"regime": None, "confidence": None, "signal": None, "volatility": None, "exposure": None}
    decided = DecisionAnswer.model_validate({**unknown, "status": "traded", "reason": "", "rebalance": "kept"})
    kept = decided.model_copy(update={"held": -0.25})
    told = shown_daily(EMPTY.model_copy(update={"symbols": {"A": kept, "B": decided}}))
    assert [line.split()[-1] for line in told.splitlines() if line[:2] in ("A ", "B ")] == ["-25.0%", "-"]


def test_an_account_that_has_lost_everything_still_says_so() -> None:
    told = shown_daily(EMPTY.model_copy(update={"equity": Decimal(0), "cash": Decimal(0)}))
    assert "Equity 0.00, cash 0.00" in told


def test_an_answer_that_an_older_version_stored_is_printed_as_it_was() -> None:
    """It lacks the reasons for the model and the halt, and has a key that nobody writes any more."""
    stored = EMPTY.to_json()
    assert "model_reason" not in stored
    assert DayAnswer.of_json(stored[:-1] + ', "gone": 1}').to_json() == stored
