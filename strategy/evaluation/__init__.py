"""Evaluation of a backtest: metrics, intervals, and tests that account for luck and for the number of trials.

Needs only equity curves. Start with `metrics`, then `robustness`.
"""
