"""What a kept model was made from decides whether it still serves."""

from dataclasses import replace
from datetime import date

from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import Allocation
from strategy.signals.har import VolatilityEstimator
from tasks.models.fold_models import _account, account_sha256
from testing.markets.panels import mandate, market, walk

DAY = date(2012, 1, 2)


def test_a_model_belongs_to_the_stale_days_that_it_was_trained_with() -> None:
    account = mandate(market(walk("A", 1, 10)))
    default, three, nine = (
        account_sha256(replace(account, limits=RiskLimits(stale_days=days)), DAY) for days in (7, 3, 9)
    )
    assert len({default, three, nine}) == 3


def test_a_model_does_not_belong_to_limits_that_training_does_not_read() -> None:
    account = mandate(market(walk("A", 1, 10)))
    bounded = replace(account, limits=RiskLimits(max_turnover=0.1, max_drawdown_halt=0.1))
    assert account_sha256(bounded, DAY) == account_sha256(account, DAY)


def test_a_model_belongs_to_the_allocation_of_several_symbols_and_of_before_there_were_any() -> None:
    one, two = (mandate(market(*(walk(symbol, 1, 10) for symbol in symbols))) for symbols in ("A", "AB"))
    hashes = [
        [
            account_sha256(replace(account, sizing=replace(account.sizing, allocation=allocation)), DAY)
            for allocation in Allocation
        ]
        for account in (one, two)
    ]
    assert [len(set(found)) for found in hashes] == [1, 3]


def test_a_model_belongs_to_the_estimator_of_volatility_that_its_account_is_sized_by() -> None:
    account = mandate(market(walk("A", 1, 30)))
    ranged = replace(account, sizing=replace(account.sizing, volatility_estimator=VolatilityEstimator.HAR))
    assert account_sha256(ranged, DAY) != account_sha256(account, DAY)


def test_models_of_before_there_was_another_estimator_belong_to_that_of_closes() -> None:
    sizing = _account(mandate(market(walk("A", 1, 30))), DAY)["sizing"]
    assert isinstance(sizing, dict)
    assert "volatility_estimator" not in sizing
