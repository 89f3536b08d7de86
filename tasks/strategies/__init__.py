"""Strategies of the user's own: found by name or file, audited before their first trade, bound to an account.

Start with `catalogue`.
"""
