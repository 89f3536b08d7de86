"""Audits by computing twice: look-ahead, account arithmetic, fold boundaries and the paper's claims.

Start with `lookahead`.
"""
