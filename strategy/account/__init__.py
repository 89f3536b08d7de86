"""The account in exact money: cash, positions, orders, and how a new bar settles them.

Knows nothing of signals or sizing. Start with `state`, then `settlement`.
"""
