"""Signals from bars: indicators, features, the regime, the prior rule, and the signals of each strategy.

Causal: row t reads rows up to t. Independent of accounts. Start with `outlook`.
"""
