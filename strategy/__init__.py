"""Strategy: arrays and frozen values in, values out. The seed document's own two functions are named here."""

from strategy.portfolio.sizing import SizingParams, calculate_position_size
from strategy.signals.regime import detect_market_regime

__all__ = ["SizingParams", "calculate_position_size", "detect_market_regime"]
