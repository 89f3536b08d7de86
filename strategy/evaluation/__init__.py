"""What a backtest is worth: metrics, intervals, and tests that account for luck and for the number of trials.

Knows equity curves only. Start with `metrics`, then `robustness`.
"""
