"""Daily decisions replayed over history into an account of their own.

Start with `run`.
"""
