"""TurboDMT in Python: what notebooks, scripts and a user's own strategy import; all else is the inside.

    import turbodmt as td

    tested = td.backtest("bars.csv", "rules", start="2015-01-01")
    tested.stats, tested.plot()

Importing it loads neither Prefect nor torch nor DuckDB; each name loads what it needs when it is first used. It knows
nothing of markets and accounts itself: it hands values to the code of the command line. Start with `backtests`.

>>> from turbodmt import Strategy
>>> Strategy(name="always-long", signal=lambda bars: bars.close * 0 + 1, history_bars=1, sizing="direct").name
'always-long'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from turbodmt.own_packages import claim

if TYPE_CHECKING:
    from strategy.market.own_columns import Lag as Lag
    from strategy.portfolio.sizing import SizingParams as SizingParams
    from strategy.signals.strategies import Strategy as Strategy
    from turbodmt.accounts import Account as Account
    from turbodmt.audits import AuditReport as AuditReport
    from turbodmt.audits import audit as audit
    from turbodmt.backtests import Backtest as Backtest
    from turbodmt.backtests import backtest as backtest
    from turbodmt.bar_tables import BarTable as BarTable
    from turbodmt.bar_tables import read_bars as read_bars
    from turbodmt.command_line import main as main
    from turbodmt.comparisons import Comparison as Comparison
    from turbodmt.comparisons import compare as compare
    from turbodmt.daily_runs import BinancePaperTrader as BinancePaperTrader
    from turbodmt.daily_runs import run_daily as run_daily
    from turbodmt.seed_calls import calculate_position_size as calculate_position_size
    from turbodmt.seed_calls import detect_market_regime as detect_market_regime
    from turbodmt.sweeps import Sweep as Sweep
    from turbodmt.sweeps import sweep as sweep

#: The module of each public name, which is loaded when the name is first used.
_MODULES = {
    "Account": "turbodmt.accounts",
    "AuditReport": "turbodmt.audits",
    "Backtest": "turbodmt.backtests",
    "BarTable": "turbodmt.bar_tables",
    "BinancePaperTrader": "turbodmt.daily_runs",
    "Comparison": "turbodmt.comparisons",
    "Lag": "strategy.market.own_columns",
    "SizingParams": "strategy.portfolio.sizing",
    "Strategy": "strategy.signals.strategies",
    "Sweep": "turbodmt.sweeps",
    "audit": "turbodmt.audits",
    "backtest": "turbodmt.backtests",
    "calculate_position_size": "turbodmt.seed_calls",
    "compare": "turbodmt.comparisons",
    "detect_market_regime": "turbodmt.seed_calls",
    "main": "turbodmt.command_line",
    "read_bars": "turbodmt.bar_tables",
    "run_daily": "turbodmt.daily_runs",
    "sweep": "turbodmt.sweeps",
}

__all__ = [
    "Account",
    "AuditReport",
    "Backtest",
    "BarTable",
    "BinancePaperTrader",
    "Comparison",
    "Lag",
    "SizingParams",
    "Strategy",
    "Sweep",
    "audit",
    "backtest",
    "calculate_position_size",
    "compare",
    "detect_market_regime",
    "main",
    "read_bars",
    "run_daily",
    "sweep",
]

claim()


def __getattr__(name: str) -> Any:
    """Return the public object of that name, and keep it."""
    if name not in _MODULES:
        raise AttributeError(f"module 'turbodmt' has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
