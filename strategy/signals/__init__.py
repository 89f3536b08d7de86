"""From bars to a signal for each symbol: indicators, features, the regime, the prior rule and each symbol's outlook.

Causal: row t reads rows up to t. Knows nothing of accounts. Start with `outlook`.
"""
