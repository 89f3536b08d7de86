"""Audits by recomputation: look-ahead, account arithmetic, fold boundaries and the seed document's claims.

Start with `lookahead`.
"""
