"""An explanation is kept once, to the last bit, and told the way it was kept."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.keyed_rows import LedgerConflict
from storage.ledger import explanations
from strategy.explain.forecasts import Evidence, Forecast
from strategy.explain.record import Explanation, Planned, Window
from strategy.explain.sizes import Limited, Restrained, Sized
from strategy.portfolio.sizing import Allocation

DAY = date(2020, 1, 2)
EXPLAINED = Explanation(
    as_of=DAY,
    symbol="A",
    strategy="turbo",
    window=Window(first=date(2019, 1, 2), last=DAY, bars=252, look_back_bars=257, close=0.1 + 0.2, factor=1.0),
    evidence=Evidence(
        scores={"trend": 1 / 3, "calm": None}, score=None, probabilities={"Bull": 0.5}, regime=None, confidence=None
    ),
    forecast=Forecast(signal=5e-324, inputs={"z": 1.0, "a": 2.0}, prior=2 / 3, members=(0.1, 0.7), mean=0.4),
    sized=Sized(
        signal=5e-324,
        soft_signal=0.0,
        regime_multiplier=1.1,
        volatility=0.2,
        closes_volatility=0.2,
        ranges={"day": 0.3, "level": 5e-324},
        allocation=Allocation.EQUAL_RISK,
        budget=1.0,
        risk_share=1.0,
        correlation=None,
        portfolio_volatility=None,
        volatility_multiplier=0.0,
        uncapped=-0.0,
        within_caps=None,
        max_position_size=float("inf"),
        capped=0.0,
    ),
    restrained=Restrained(
        drawdown=0.0,
        drawdown_multiplier=1.0,
        after_drawdown=0.0,
        floor=None,
        after_floor=0.0,
        kept_beside=0.0,
        wanted=0.0,
    ),
    limited=Limited(
        wanted=0.0, current=1e-17, order_cap=None, after_cap=0.0, turnover=0.0, max_turnover=4.0, exposure=0.0
    ),
    planned=Planned(
        exposure=0.0,
        equity=Decimal("10000.000000000000"),
        mark=Decimal("1E+2"),
        held=Decimal("0E-12"),
        change=Decimal("-0.000000000001"),
        lot=Decimal("0.01"),
        quantity=Decimal(0),
        reason="too small",
    ),
)


def test_an_explanation_comes_back_to_the_last_bit_and_in_its_order(home: Path) -> None:
    with connect(home) as store:
        assert explanations.record(store, "daily", "sample", [EXPLAINED]) == 1
    with connect(home) as store:
        kept = explanations.load(store, "daily", DAY, "A")
    assert kept == explanations.trace(EXPLAINED, "sample")
    assert kept["window"]["close"] == EXPLAINED.window.close
    assert kept["forecast"]["members"] == list(EXPLAINED.forecast.members)
    assert kept["forecast"]["signal"] == 5e-324
    assert list(kept["forecast"]["inputs"]) == ["z", "a"]


def test_money_is_text_in_full_dates_are_text_and_what_is_unknown_is_null() -> None:
    told = explanations.trace(EXPLAINED, "sample")
    assert told["source"] == "sample"
    assert (told["as_of"], told["window"]["first"]) == ("2020-01-02", "2019-01-02")
    assert {name: told["planned"][name] for name in ("equity", "mark", "held", "change")} == {
        "equity": "10000",
        "mark": "100",
        "held": "0",
        "change": "-0.000000000001",
    }
    assert told["evidence"]["scores"] == {"trend": 1 / 3, "calm": None}
    assert told["sized"]["max_position_size"] is None
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_the_same_explanation_again_is_no_news_and_another_one_is_refused(home: Path) -> None:
    other = replace(EXPLAINED, planned=replace(EXPLAINED.planned, reason=""))
    with connect(home) as store:
        explanations.record(store, "daily", "sample", [EXPLAINED])
        assert explanations.record(store, "daily", "sample", [EXPLAINED]) == 0
        with pytest.raises(LedgerConflict, match="explanations already holds another row for daily, 2020-01-02, A"):
            explanations.record(store, "daily", "sample", [other])
        assert explanations.load(store, "daily", DAY, "A") == explanations.trace(EXPLAINED, "sample")


def test_what_was_not_kept_is_not_told(home: Path) -> None:
    with connect(home) as store:
        explanations.record(store, "daily", "sample", [EXPLAINED])
        assert explanations.load(store, "other", DAY, "A") is None
        assert explanations.load(store, "daily", date(2020, 1, 3), "A") is None
        assert explanations.load(store, "daily", DAY, "B") is None
