"""Strategy: arrays and frozen values in, values out. The seed document's own two functions are named here."""

from strategy.regime import detect_market_regime
from strategy.sizing import SizingParams, calculate_position_size

__all__ = ["SizingParams", "calculate_position_size", "detect_market_regime"]
