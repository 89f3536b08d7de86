"""End-to-end training on the account's Sharpe ratio: windows, the training loop, walk-forward and the promotion gate.

Start with `fit`.
"""
