from datetime import date
from decimal import Decimal
from pathlib import Path

from storage.database import connect
from storage.ledger import risk_state
from strategy.portfolio.drawdown_halt import RiskState


def test_an_account_is_not_halted_until_it_is_and_stays_so(home: Path) -> None:
    halted = RiskState(
        halted=True, since=date(2020, 3, 16), reason="35 % below the peak", peak_equity=Decimal("10000.5")
    )
    with connect(home) as store:
        assert risk_state.load(store, "daily") == RiskState()
        risk_state.save(store, "daily", halted)
    with connect(home) as store:
        assert risk_state.load(store, "daily") == halted
        assert risk_state.load(store, "other") == RiskState()
        risk_state.save(store, "daily", RiskState(reason="resumed"))
        assert risk_state.load(store, "daily") == RiskState(reason="resumed")
