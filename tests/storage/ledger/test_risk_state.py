from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.ledger import risk_state
from strategy.portfolio.drawdown_halt import HaltKind, RiskState

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_an_account_is_not_halted_until_it_is_and_stays_so(home: Path) -> None:
    halted = RiskState(
        halted=True, since=date(2020, 3, 16), reason="35 % below the peak", peak_equity=Decimal("10000.5")
    )
    with connect(home) as store:
        assert risk_state.load(store, "daily") == RiskState()
        risk_state.save(store, "daily", halted, NOW)
    with connect(home) as store:
        assert risk_state.load(store, "daily") == halted
        assert risk_state.load(store, "other") == RiskState()
        risk_state.save(store, "daily", RiskState(reason="resumed"), NOW)
        assert risk_state.load(store, "daily") == RiskState(reason="resumed")


def test_every_halt_and_resumption_is_kept_in_order_and_a_day_that_changes_none_adds_none(home: Path) -> None:
    halted = RiskState(halted=True, since=date(2020, 3, 16), reason="a look")
    steps = [
        RiskState(peak_equity=Decimal(10)),
        halted,
        replace(halted, flatten=True, reason="out"),
        replace(halted, flatten=True, reason="out", peak_equity=Decimal(11)),
        RiskState(since=date(2020, 3, 20), reason="it was right"),
    ]
    with connect(home) as store:
        for state in steps:
            risk_state.save(store, "daily", state, NOW)
        assert [(event.kind, event.since, event.reason) for event in risk_state.events(store, "daily")] == [
            (HaltKind.HALT, date(2020, 3, 16), "a look"),
            (HaltKind.FLATTEN, date(2020, 3, 16), "out"),
            (HaltKind.RESUME, date(2020, 3, 20), "it was right"),
        ]
        assert risk_state.events(store, "daily")[0].recorded_at == NOW
        assert risk_state.events(store, "other") == ()


def test_an_account_that_is_flattened_is_halted() -> None:
    with pytest.raises(ValueError, match="an account that is flattened is not halted; halt it as well"):
        RiskState(flatten=True)
