"""A backtest from its window to its tear sheet, walk-forward included, and sweeps over a grid.

Start with `run`.
"""
