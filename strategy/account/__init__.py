"""The account in exact money: cash, positions, orders, and their settlement on a new bar.

Independent of signals and sizing. Start with `state`, then `settlement`.
"""
