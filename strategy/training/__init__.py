"""Training end to end on the account's Sharpe ratio: windows, the loop, walk-forward and the promotion gate.

Start with `fit`.
"""
