"""The audit alters the future of a user's own columns too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from strategy.audit.user_strategy import Audit, audit_strategy
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray
from strategy.market.own_columns import Lag
from strategy.market.price_panel import PricePanel
from strategy.signals.evaluation import evaluate
from strategy.signals.faults import Check
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, walk

EPS = {"eps": Lag(days=45)}


def with_eps(bars: Bars, seed: int) -> Bars:
    """The bars with a figure that changes every 60 rows, unknown at first."""
    figures = np.random.default_rng(seed).uniform(-1.0, 1.0, len(bars) // 60 + 1).repeat(60)[: len(bars)]
    figures[:60] = np.nan
    return replace(bars, columns={"eps": figures})


MARKET = market(with_eps(walk("A", 1, 400), 1), with_eps(walk("B", 2, 400), 2))


def audited(columns: Any = EPS, **functions: Callable[..., FloatArray]) -> Audit:
    return audit_strategy(Strategy(name="mine", history_bars=5, columns=columns, **functions), MARKET, "0f5a")


def honest(known: Bars | PricePanel) -> FloatArray:
    return np.sign(known.columns["eps"])


def shifted(known: Bars | PricePanel) -> FloatArray:
    eps = known.columns["eps"]
    return np.sign(np.concatenate([eps[1:], eps[-1:]]))


def against_its_mean(known: Bars | PricePanel) -> FloatArray:
    eps = known.columns["eps"]
    return np.sign(eps - np.nanmean(eps) if np.isfinite(eps).any() else eps)


def writes(known: Bars | PricePanel) -> FloatArray:
    known.columns["eps"][:] = 0.0
    return np.zeros(known.close.shape)


@pytest.mark.parametrize("role", ["signal", "signals"])
def test_an_honest_strategy_on_a_column_passes(role: str) -> None:
    assert audited(**{role: honest}).faults == ()


@pytest.mark.parametrize("role", ["signal", "signals"])
@pytest.mark.parametrize("cheat", [shifted, against_its_mean])
def test_a_strategy_that_looks_ahead_in_a_column_is_refused(role: str, cheat: Callable[..., FloatArray]) -> None:
    assert audited(**{role: cheat}).faults[0].check is Check.LOOKS_AHEAD


def test_a_column_is_read_only() -> None:
    assert audited(signal=writes).faults[0].check is Check.WRITES_INPUT


def test_a_column_that_is_not_declared_does_not_exist() -> None:
    bars = {symbol: replace(series, columns={}) for symbol, series in MARKET.items()}
    found = audit_strategy(Strategy(name="mine", history_bars=5, signal=honest), bars, "0f5a")
    assert found.faults[0].check is Check.RAISES
    assert "KeyError: 'eps'" in found.faults[0].message


def test_bars_without_a_declared_column_are_refused() -> None:
    bars = {symbol: replace(series, columns={}) for symbol, series in MARKET.items()}
    with pytest.raises(
        UsageError, match="strategy mine reads the columns eps, and these bars of A have no eps; only a file"
    ):
        evaluate(Strategy(name="mine", history_bars=5, signal=honest, columns=EPS), bars)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"eps": None}, "the column eps of mine is declared with None; say how many days after its date"),
        ({"eps": 45}, "the column eps of mine is declared with 45; say how many days after its date"),
        (["eps"], r"columns of mine is \['eps'\]; give every column its lag"),
        ({"": Lag(days=1)}, "columns of mine names ''; a column has the name that the file gives it"),
    ],
)
def test_a_column_without_a_lag_is_refused(columns: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        audited(columns, signal=honest)
