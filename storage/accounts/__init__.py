"""An account over time, beside its days: the terms that it keeps, money paid in and out, and messages on it.

Start with `terms`.
"""
